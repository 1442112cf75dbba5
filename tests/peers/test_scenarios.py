"""Alertmanager's recorded end-to-end scenarios, for real: the built functions, timers as delayed messages, a real sink.

tests/conformance/test_e2e.py plays the same in virtual time and to the tenth of a second; here they are played slower,
which leaves their seconds what they are to each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import data_folder
from tests.conformance.scenario import differences, received
from tests.peers.lanes import playing
from tests.peers.playing import Heard, slower

pytestmark = [pytest.mark.peers, pytest.mark.runtime, pytest.mark.stack]

FOLDER = data_folder() / "e2e"
FILES = sorted(FOLDER.glob("*.json"))
if not FILES:
    pytest.skip(f"no conformance data: no scenarios in {FOLDER}", allow_module_level=True)
# On top of a case's own: two functions start between a timer and the sink, on a machine that does other things as well.
LATE_SECONDS = 0.55
Promises = Mapping[str, Future[list[Heard]]]
# Half speed: things happen 0.2 s after a tick. One that comes by way of a queue and two functions may be that late, and
# would see them.
TIMES_SLOWER = 2
# Here something happens 0.1 s after a tick.
SLOWEST = {"e2e-acceptance-merge-alerts": 4}


def scenario(path: Path) -> dict[str, Any]:
    case = json.loads(path.read_text(encoding="utf-8"))
    return slower(case, SLOWEST.get(case["id"], TIMES_SLOWER))


CASES = [pytest.param(case, id=case["id"]) for case in map(scenario, FILES)]


@pytest.fixture(scope="module")
def promises(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promises]:
    """Play the scenarios that were chosen, several beside each other."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen: list[Any] = [item.callspec.params["case"] for item in functions if item.path == request.path]
    with playing(chosen, tmp_path_factory.mktemp("lanes")) as promises:
        yield promises


@pytest.mark.parametrize("case", CASES)
def test_the_sink_gets_what_alertmanager_sent(case: Mapping[str, Any], promises: Promises) -> None:
    heard = [received(each.at, each.path, each.answered, each.payload) for each in promises[case["id"]].result()]
    # The recording ended with its duration: later ones count only where something is still waited for.
    in_time = sum(each.at <= case["duration_s"] for each in heard)
    counted = heard[: max(in_time, len(case["observed"]))]
    assert differences({**case, "tolerance_s": case["tolerance_s"] + LATE_SECONDS}, counted) == []
