"""Laws broken in the product's own code, one at a time, in a copy of it: the test that is named must fail.

Laws 4 to 8 are broken in the interrupted lives (broken.py); these are the others.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.figures import table, write_block

ROOT = Path(__file__).resolve().parents[2]
LAWS = "tests/laws/test_laws.py::"
STORIES = "tests/stories/"
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".aws-sam", "build", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A law, how it is broken, where `old` becomes `new`, and the test that has to see it."""

    law: int
    how: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        1,
        "a failed query is an empty result",
        "pipeline/evaluate.py",
        "    if isinstance(result, QueryError):\n",
        "    result = () if isinstance(result, QueryError) else result\n    if isinstance(result, QueryError):\n",
        f"{LAWS}test_1_a_failed_query_leaves_every_alert_exactly_as_it_was",
    ),
    Mutant(
        1,
        "one rule's end is told though another fires the alert",
        "pipeline/evaluate.py",
        "    outcomes = settle_shared(outcomes, records, now=now)\n",
        "",
        f"{STORIES}test_moved_rules.py::test_while_another_rule_fires_the_same_alert_its_recovery_by_one_is_no_end",
    ),
    Mutant(
        1,
        "a rule that is moved begins anew",
        "pipeline/evaluate.py",
        " if moves else restored\n",
        " if False else restored\n",
        f"{STORIES}test_moved_rules.py::test_a_rule_that_is_moved_keeps_its_state_and_tells_nobody",
    ),
    Mutant(
        2,
        "dispatch looks at the clock",
        "pipeline/dispatch.py",
        "    if at > now:\n",
        "    now = datetime.now(now.tzinfo)\n    if at > now:\n",
        f"{LAWS}test_2_a_life_in_another_century_is_the_same_life",
    ),
    Mutant(
        2,
        "the same, and nobody happens to see it",
        "pipeline/dispatch.py",
        "    if at > now:\n",
        "    datetime.now(now.tzinfo)\n    if at > now:\n",
        "tests/test_project.py::TestTheProjectKeepsItsLaws::test_time_is_an_argument",
    ),
    Mutant(
        3,
        "a decision changes what it was given",
        "core/flushing.py",
        "    mutes = find_mutes(",
        "    state.alerts.pop(min(state.alerts))\n    mutes = find_mutes(",
        f"{LAWS}test_3_a_decision_changes_nothing_and_is_the_same_again",
    ),
    Mutant(
        3,
        "the core imports an adapter",
        "core/flushing.py",
        "from .watching import is_way\n",
        "from ..adapters.memory import MemoryLog  # noqa: F401\nfrom .watching import is_way\n",
        "tests/test_project.py::TestTheProjectKeepsItsLaws::test_imports_point_inwards",
    ),
    Mutant(
        9,
        "all alerts travel in the message",
        "core/notifications.py",
        "ALERTS_IN_MESSAGE = 20\n"
        "# SNS takes 256 KiB for all protocols' texts together and escapes the quotes of the JSON once more.\n"
        "MESSAGE_BYTES = 96 * 1024\n",
        "ALERTS_IN_MESSAGE = MESSAGE_BYTES = 10**9\n",
        f"{LAWS}test_9_five_thousand_alerts_are_one_message_that_sns_takes_and_all_of_them_reach_the_receiver",
    ),
    Mutant(
        9,
        "a timer that comes early is the last",
        "pipeline/dispatch.py",
        "        world.timers.announce(group, at=at, now=now)  # longer than one delay can be: hop\n",
        "",
        f"{LAWS}test_9_a_delay_that_is_longer_than_a_queues_hops",
    ),
    Mutant(
        10,
        "a template that fails leaves an empty text",
        "core/templates/rule.py",
        '        return f"<error expanding template: {error}>"\n',
        '        return ""\n',
        f"{LAWS}test_10_a_template_that_fails_is_said_in_the_text_of_the_page",
    ),
    Mutant(
        11,
        "a refused configuration stops everything",
        "pipeline/configurations.py",
        "        refused = str(error) or repr(error)\n",
        "        raise error\n",
        f"{LAWS}test_11_a_refused_configuration_is_told_of_with_every_reason_while_the_old_one_runs",
    ),
    Mutant(
        12,
        "an error shows the whole of a URL",
        "adapters/http.py",
        "    return f\"{parts.scheme}://{host}{f':{port}' if port else ''}/{HIDDEN}\"\n",
        "    return url\n",
        f"{LAWS}test_12_no_secret_is_logged_stored_or_published",
    ),
)


def is_caught(mutant: Mutant) -> bool:
    """Say whether the named test fails with the law broken. Raises LookupError where there is nothing to break."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        path = copy / "functions" / "tocsin" / mutant.file
        before = path.read_text(encoding="utf-8")
        if before.count(mutant.old) != 1:
            raise LookupError(f"{mutant.file} has {before.count(mutant.old)} places for {mutant.how!r}, not one")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test]
        if _fails(command, copy):
            raise LookupError(f"{mutant.test} fails with nothing broken")
        path.write_text(before.replace(mutant.old, mutant.new), encoding="utf-8")
        return _fails(command, copy)


def _fails(command: Sequence[str], folder: Path) -> bool:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise LookupError(f"{command[-1]} did not run: {ran.stdout[-500:]}")
    return ran.returncode == 1


def main() -> int:
    """Break, print, write; return the exit status."""
    rows = []
    for mutant in MUTANTS:
        caught = is_caught(mutant)
        print(f"{mutant.law} {mutant.how}: {'caught' if caught else 'NOT CAUGHT'}", file=sys.stderr, flush=True)
        rows.append((mutant.law, mutant.how, f"`{mutant.test.rpartition('::')[2]}`" if caught else "nothing"))
    text = table(["law", "how it was broken", "what caught it"], rows, numbers_from=3)
    print(text)
    write_block("chaos:mutants", text, command="make chaos")
    return 1 if any(caught == "nothing" for _, _, caught in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
