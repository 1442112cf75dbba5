"""What of an alert is cut, and that nothing is lost by it but text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.sizes import ANNOTATION_BYTES, LABEL_BYTES, LINK_BYTES, fit_annotations, fit_labels, fit_link

# Few characters, many of them: what costs one byte, two, four, and six as JSON.
texts = st.builds(
    lambda piece, times: piece * times,
    st.sampled_from(["", "x", '"', "ü", "😀", "\x00", "\ud800"]),
    st.integers(0, 9000),
)
pairs = st.dictionaries(st.builds(str, st.integers(0, 400)), texts, max_size=40)


def size_of(values) -> int:
    text = json.dumps(dict(values), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


@given(pairs)
def test_what_is_cut_fits_and_what_fits_is_left_alone(values):
    for fit, limit in ((fit_annotations, ANNOTATION_BYTES), (fit_labels, LABEL_BYTES)):
        fitted = fit(values)
        assert size_of(fitted) <= limit + 1
        assert fitted.keys() == values.keys()
        if size_of(values) < limit:
            assert fitted == values
        else:
            assert size_of(fitted) > limit // 2, "as much as there is room for is kept"


@given(pairs, pairs)
def test_labels_that_differ_stay_different(one, other):
    assert (fit_labels(one) == fit_labels(other)) == (one == other)


def test_the_longest_annotations_are_cut_and_say_so():
    fitted = fit_annotations({"summary": "short", "description": "x" * 500_000, "runbook_url": "https://r"})
    assert (fitted["summary"], fitted["runbook_url"]) == ("short", "https://r")
    assert fitted["description"].startswith("xxx")
    assert fitted["description"].endswith("… (cut here: there were 500,000 characters)")


def test_an_alerts_name_is_kept_before_all_else():
    fitted = fit_labels({**{f"a{number:06d}": "x" for number in range(20_000)}, "alertname": "DiskFull"})
    assert fitted["alertname"] == "DiskFull"
    assert size_of(fitted) <= LABEL_BYTES + 1


@pytest.mark.parametrize(("length", "is_kept"), [(LINK_BYTES - 20, True), (LINK_BYTES + 1, False)])
def test_a_link_is_whole_or_none(length, is_kept):
    url = "https://example.org/".ljust(length, "x")
    assert fit_link(url) == (url if is_kept else "")
