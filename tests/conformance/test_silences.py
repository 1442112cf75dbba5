"""Silences: what they match, what is valid, how they live and change, as Alertmanager has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.config.patterns import compile_pattern
from tocsin.core.matcher_syntax import Syntax
from tocsin.core.matchers import MatchType
from tocsin.core.silences import (
    ChangeKind,
    Draft,
    MatcherText,
    RefusedSilenceError,
    Silence,
    SilenceId,
    SilenceRefusal,
    SilenceState,
    compile_sets,
    decide_change,
    expire,
    silencing,
    validate,
)

CASES = load_cases("silences.json")
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

# Which keys a JSON body must have is the web's to check, before there is a silence to decide on.
BODIES = {"silences-073": "createdBy is left out", "silences-078": "isRegex of a matcher is left out"}

# Its start was the very moment of the post, so that its state depended on which clock was read first; it is about the
# meaning of a key that is left out. At its start a silence is active.
AT_THE_START = {"silences-077": SilenceState.ACTIVE}


def _at(seconds):
    return None if seconds is None else NOW + timedelta(seconds=seconds)


def _sets(sets, syntax=Syntax.FALLBACK):
    texts = [
        [MatcherText(each["name"], MatchType(each["op"]), each["value"]) for each in each_set] for each_set in sets
    ]
    return compile_sets(texts, compile_pattern, syntax)


def _silence(sets, starts_s, ends_s, id_="stored"):
    return Silence(SilenceId(id_), _sets(sets), _at(starts_s), _at(ends_s), "t", "t", updated_at=NOW)


def _draft(sets, starts_at, ends_at, id_=None, syntax=Syntax.FALLBACK):
    return Draft(_sets(sets, syntax), starts_at, ends_at, "t", "t", id=id_)


@pytest.mark.parametrize("case", of_kind(CASES, "match"))
def test_a_silence_silences_what_alertmanager_says(case):
    found = silencing([_silence(case["matcher_sets"], 0, 60)], case["labels"], now=NOW)
    assert bool(found) is case["muted"]


@pytest.mark.parametrize("syntax", [Syntax.CLASSIC, Syntax.UTF8])
@pytest.mark.parametrize("case", of_kind(CASES, "validate_matcher"))
def test_a_matcher_is_valid_where_alertmanager_says_so(case, syntax):
    if case[syntax]:
        assert _sets([[case["matcher"]]], syntax)
    else:
        with pytest.raises(RefusedSilenceError, match=case[f"{syntax}_error"]):
            _sets([[case["matcher"]]], syntax)


@pytest.mark.parametrize("case", of_kind(CASES, "validate"))
def test_a_silence_is_valid_where_alertmanager_says_so(case):
    def check():
        sets, starts_at, ends_at = case["matcher_sets"], _at(case["startsAt_s"]), _at(case["endsAt_s"])
        validate(_draft(sets, starts_at, ends_at, syntax=Syntax(case["mode"])))

    if "error" in case:
        with pytest.raises(RefusedSilenceError, match=case["error"]):
            check()
    else:
        check()


@pytest.mark.parametrize("case", of_kind(CASES, "state"))
def test_a_silence_is_in_the_state_that_alertmanager_says(case):
    silence = _silence([[{"name": "a", "op": "=", "value": "b"}]], case["startsAt_s"], case["endsAt_s"])
    assert silence.state_at(NOW) is SilenceState(case["state"])


@pytest.mark.parametrize("case", of_kind(CASES, "timeline"))
def test_over_time_silences_mute_what_alertmanager_would(case):
    silences: dict[str, Silence] = {}
    for step in case["steps"]:
        now = _at(step["at_s"])
        if "set" in step:
            wanted = step["set"]
            stored = silences.get(wanted["id"])
            draft = _draft(
                [wanted["matchers"]], _at(wanted["startsAt_s"]), _at(wanted["endsAt_s"]), stored.id if stored else None
            )
            change = decide_change(stored, draft, new_id=SilenceId(wanted["id"]), now=now)
            silences[wanted["id"]] = change.silence
        elif "expire" in step:
            silences[step["expire"]["id"]] = expire(silences[step["expire"]["id"]], now=now)
        else:
            found = silencing(silences.values(), step["check"]["labels"], now=now)
            assert bool(found) is step["check"]["muted"], step


@pytest.mark.parametrize("case", of_kind(CASES, "update"))
def test_an_update_keeps_the_id_where_alertmanager_does(case):
    stored = _silence([case["matchers"]], case["old"]["startsAt_s"], case["old"]["endsAt_s"])
    new = case["new"]
    starts_at = {
        "as stored": stored.starts_at,
        "as stored +600 s": stored.starts_at + timedelta(seconds=600),
    }.get(new.get("startsAt"), _at(new.get("startsAt_s")))
    draft = _draft([new["matchers"]], starts_at, _at(new["endsAt_s"]), stored.id)
    if case["status"] != 200:
        with pytest.raises(RefusedSilenceError):
            decide_change(stored, draft, new_id=SilenceId("new"), now=NOW)
        return
    change = decide_change(stored, draft, new_id=SilenceId("new"), now=NOW)
    assert (change.kind is ChangeKind.UPDATED) is case["in_place"]
    assert change.silence.id == (stored.id if case["in_place"] else "new")
    assert change.silence.state_at(NOW) is SilenceState(case["new_state"])
    before = change.silence if case["in_place"] else change.expired
    assert before is not None
    assert before.id == stored.id
    assert before.state_at(NOW) is SilenceState(case["old_state_after"])


def _posted(case):
    """Return what the body asks for; a key that is left out of a raw one is as its note says."""
    if "raw" not in case:
        return [case["matchers"]], _at(case["startsAt_s"]), _at(case["endsAt_s"]), None
    raw = case["raw"]
    matchers = [{"name": each["name"], "op": "=", "value": each["value"]} for each in raw["matchers"]]
    return [matchers], NOW, _at(3600), raw.get("id")


@pytest.mark.parametrize("case", of_kind(CASES, "api"))
def test_a_posted_silence_is_taken_where_alertmanager_takes_it(case):
    if case["id"] in BODIES:
        pytest.skip(f"the web's to check: {BODIES[case['id']]}")

    def post():
        sets, starts_at, ends_at, id_ = _posted(case)
        # Measured on a release that knew the classic names only.
        draft = _draft(sets, starts_at, ends_at, id_, syntax=Syntax.CLASSIC)
        validate(draft)
        return decide_change(None, draft, new_id=SilenceId("new"), now=NOW)

    if case["status"] == 200:
        assert post().silence.state_at(NOW) is AT_THE_START.get(case["id"], SilenceState(case["state"]))
    else:
        with pytest.raises(RefusedSilenceError) as refused:
            post()
        assert (refused.value.reason is SilenceRefusal.NOT_FOUND) is (case["status"] == 404)


def test_no_case_is_left_out():
    kinds = {"match", "state", "validate_matcher", "validate", "timeline", "update", "api"}
    assert {case["kind"] for case in CASES} == kinds
    assert {case["id"] for case in CASES} >= set(BODIES) | set(AT_THE_START)
