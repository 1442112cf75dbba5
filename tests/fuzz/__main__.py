"""`make fuzz`: a long look at every door, with atheris (libFuzzer) where it is there, else with Hypothesis.

Writes the figures into docs/reliability.md, and what it finds below build/fuzz/findings. What reached new code is kept
in build/fuzz/corpus and begun with the next time. Exits with 1 where anything was found.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.figures import table, write_block
from tests.fuzz.looking import look
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
MEGABYTES, SECONDS_FOR_ONE = 1024, 25
# A look with Hypothesis: about what a core does in a second.
EXAMPLES_A_SECOND = 400
_TRIED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at one door."""

    door: str
    inputs: int
    said: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="how long to look at each door")
    parser.add_argument("--only", default="", help="doors whose name has this text; writes nothing")
    has_atheris = importlib.util.find_spec("atheris") is not None
    parser.add_argument(
        "--engine", choices=["atheris", "hypothesis"], default="atheris" if has_atheris else "hypothesis"
    )
    options = parser.parse_args(arguments)
    doors = [door for door in TARGETS if options.only in door]
    if options.engine == "atheris":
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            looks = list(pool.map(lambda door: _told(_by_atheris(door, options.seconds)), doors))
    else:
        looks = [_told(_by_hypothesis(door, options.seconds)) for door in doors]
    if not options.only:
        write_block("fuzz", _figures(looks, options.engine, options.seconds), command="make fuzz")
    found = [each for each in looks if each.said]
    print(f"{sum(each.inputs for each in looks):,} inputs at {len(looks)} doors, {len(found)} findings")
    return 1 if found else 0


def _told(look: Look) -> Look:
    print(f"{look.door:<34} {look.inputs:>10,} inputs{f'  FOUND: {look.said}' if look.said else ''}", flush=True)
    return look


def _by_atheris(door: str, seconds: int) -> Look:
    corpus, findings = KEPT / "corpus" / _slug(door), KEPT / "findings" / _slug(door)
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[door].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_FOR_ONE}",
        f"-rss_limit_mb={MEGABYTES}",
        "-max_len=20000",
        "-print_final_stats=1",
        f"-artifact_prefix={findings}/",
    ]
    command = [sys.executable, "-m", "tests.fuzz.one", door, str(corpus), *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    tried = _TRIED.search(ran.stderr)
    said = "" if ran.returncode == 0 else _why(f"{ran.stdout}\n{ran.stderr}")
    return Look(door, int(tried[1]) if tried else 0, said)


def _why(output: str) -> str:
    """Return the line that says what went wrong: an exception of Python's, or a limit of libFuzzer's."""
    lines = [line.strip() for line in output.splitlines()]
    told = [line for line in lines if re.match(r"[A-Za-z_.]*(Error|Finding|Exception|Endless)\b", line)]
    told += [line for line in lines if "ERROR: libFuzzer" in line]
    return (told or lines or ["it ended"])[0][:200]


def _by_hypothesis(door: str, seconds: int) -> Look:
    try:
        return Look(door, look(TARGETS[door], examples=seconds * EXAMPLES_A_SECOND))
    except Exception as error:
        traceback.print_exc()
        return Look(door, 0, f"{type(error).__name__}: {error}"[:200])


def _slug(door: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", door.lower()).strip("-")


def _figures(looks: Sequence[Look], engine: str, seconds: int) -> str:
    rows = [(each.door, f"{each.inputs:,}", 1 if each.said else 0) for each in looks]
    whole = ("together", f"{sum(each.inputs for each in looks):,}", sum(1 for each in looks if each.said))
    name = {"atheris": "atheris (libFuzzer)", "hypothesis": "Hypothesis"}[engine]
    return f"{seconds} s at each door, with {name}.\n\n{table(('door', 'inputs', 'findings'), [*rows, whole])}"


if __name__ == "__main__":
    sys.exit(main())
