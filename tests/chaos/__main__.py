"""`make chaos`: live every life at every crash point, break every law once, write the figures into docs/reliability.md.

Exits with 1 where anything was lost, came twice or came stale, where a break was not caught, or where a storm took more
memory than a function has.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby

from tests.chaos.broken import BREAKS, catch
from tests.chaos.figures import read_block, read_table, table, write_block
from tests.chaos.points import Figures, choose_all, enumerate_points
from tests.chaos.scenarios import ON_THE_TABLE, SCENARIOS, STORM, STORM_OF_GROUPS, Compared
from tests.chaos.ways import EXCEPTIONS

COMMAND = "make chaos"
ALL = (*SCENARIOS, STORM, STORM_OF_GROUPS, ON_THE_TABLE)
# A life's points are lived in so many portions, by whichever process is free.
PORTIONS = 4
MEGABYTES = 512
SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Live, print, write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", default="", help="lives and breaks whose name has this text; writes nothing")
    parser.add_argument("--update", action="store_true", help="with --only: write these lives' figures")
    options = parser.parse_args(arguments)
    lives = [number for number, scenario in enumerate(ALL) if options.only in scenario.name]
    breaks = [number for number, each in enumerate(BREAKS) if options.only in each.how]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        figures = list(_lived(pool, lives))
        caught = list(zip(breaks, pool.map(_caught, breaks), strict=True))
    points, broken = points_table(figures), breaks_table(caught)
    print(points, broken, sep="\n\n")
    problems = [problem for each in figures for problem in each.problems]
    problems += [f"not caught: {BREAKS[number].how}" for number, by in caught if not by]
    print(*problems[:SHOWN], sep="\n\n", file=sys.stderr)
    if options.only and options.update:
        write_block("chaos:crash-points", updated(points), command=COMMAND)
    if not options.only:
        write_block("chaos:crash-points", points, command=COMMAND)
        write_block("chaos:exceptions", exceptions_table(), command=COMMAND)
        write_block("chaos:broken", broken, command=COMMAND)
    return 1 if problems else 0


def _lived(pool: ProcessPoolExecutor, numbers: Iterable[int]) -> Iterator[Figures]:
    """Yield each life's figures as they come together, those of one row as one."""
    futures = [(number, [pool.submit(_live, number, first) for first in range(PORTIONS)]) for number in numbers]
    for row, lives in groupby(futures, key=lambda each: ALL[each[0]].row or ALL[each[0]].name):
        total = Figures(row, Compared.EXACTLY)
        for number, portions in lives:
            total.compared = ALL[number].compared
            parts = [portion.result() for portion in portions]
            total.calls += parts[0].calls
            for part in parts:
                total.add_all(part)
        print(f"{row}: {total.points} points, {len(total.problems)} problems", file=sys.stderr, flush=True)
        yield total


def _live(number: int, first: int) -> Figures:
    """Return the figures of every n-th of the points that are chosen of a life."""
    scenario = ALL[number]
    figures = enumerate_points(scenario, lambda points: [*choose_all(scenario)(points)][first::PORTIONS])
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if used > MEGABYTES:
        figures.problems.append(f"{scenario.name}: took {used} MB of memory, more than {MEGABYTES}")
    return figures


def _caught(number: int) -> str:
    """Return what caught a break, in words; empty where nothing did."""
    figures = catch(BREAKS[number])
    return _shown(figures) if figures else ""


def _shown(figures: Figures) -> str:
    counts = {"lost": figures.lost, "twice": figures.doubled, "stale": figures.stale, "otherwise wrong": figures.other}
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{figures.name}: {found} (of {figures.points} points)"


def points_table(figures: Iterable[Figures]) -> str:
    """Return the figures as a table, with their sums."""
    heads = ["life", "the same", "calls", "points", "lost", "once more", "twice", "stale", "otherwise wrong", "latest"]
    total = Figures("all", Compared.EXACTLY)
    rows = []
    for each in figures:
        rows.append([each.name, each.compared.value, *_numbers(each)])
        total.calls += each.calls
        total.add_all(each)
    return table(heads, [*rows, ["all", "", *_numbers(total)]], numbers_from=2)


def updated(points: str) -> str:
    """Return the document's table with the lives of another in their places, and the sums of all."""
    lived = {row["life"]: row for row in read_table(points)}
    known = {row["life"]: row for row in read_table(read_block("chaos:crash-points"))} | lived
    rows = [known[name] for name in dict.fromkeys(each.row or each.name for each in ALL) if name in known]
    sums = [f"{sum(int(row[name].replace(',', '')) for row in rows):,}" for name in _COUNTS]
    latest = max((row["latest"] for row in rows), key=lambda text: tuple(map(int, text.split(":"))))
    heads = ["life", "the same", *_COUNTS, "latest"]
    return table(heads, [*([row[name] for name in heads] for row in rows), ["all", "", *sums, latest]], numbers_from=2)


_COUNTS = ("calls", "points", "lost", "once more", "twice", "stale", "otherwise wrong")


def _numbers(figures: Figures) -> list[str]:
    counts = [figures.calls, figures.points, figures.lost, figures.allowed, figures.doubled, figures.stale]
    minutes, seconds = divmod(int(figures.latest.total_seconds()), 60)
    return [*(f"{count:,}" for count in (*counts, figures.other)), f"{minutes}:{seconds:02}"]


def exceptions_table() -> str:
    """Return the calls after which a receiver may hear a notification once more."""
    rows = [
        (
            f"`{each.call}`",
            "before" if each.is_before else "after",
            ", ".join(sorted(kind for kind in each.kinds if kind.honoured)),
            each.why,
        )
        for each in EXCEPTIONS
    ]
    return table(["call", "interrupted just", "receivers", "why"], rows, numbers_from=4)


def breaks_table(caught: Iterable[tuple[int, str]]) -> str:
    """Return which law was broken how, and what caught it."""
    rows = [(BREAKS[number].law, BREAKS[number].how, by or "nothing") for number, by in caught]
    return table(["law", "how it was broken", "what caught it"], rows, numbers_from=3)


if __name__ == "__main__":
    sys.exit(main())
