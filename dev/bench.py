"""`make bench`: what Tocsin costs. Cold starts, DynamoDB's units, the core beside a plain JSON parser, groups as
they grow, and a month of the past.

Nothing here passes or fails: times are the machine's, so they stand beside something that the same machine did.

    python -m dev.bench [starts|units|core|looks|backtest …]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.table import Table

from dev import bench_backtest, bench_core, bench_looks, bench_starts, bench_units

# On-demand prices of eu-west-1 in dollars a million, as of 2026: read and write request units.
READ_PRICE, WRITE_PRICE = 0.1415, 0.705


def _table(title: str, *names: str) -> Table:
    """Return a table without rows: what the first column and the one of calls say is text, the others are numbers."""
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, justify="left" if name in (names[0], "which calls") else "right")
    return table


def _ratios(table: Table, rows: Iterable[bench_core.Row]) -> Table:
    for row in rows:
        table.add_row(row.what, f"{row.seconds * 1000:.0f} ms", f"{row.ratio:.1f}")
    return table


def starts() -> Table:
    """Return the cold starts."""
    table = _table(
        "Cold start in Lambda's runtime (median of 5)",
        "function",
        "INIT REPORT",
        "times the bare one",
        "with the first event",
    )
    for row in bench_starts.rows():
        name = row.function + (f"\n  failed: {row.problem}" if row.problem else "")
        table.add_row(name, f"{row.init:.0f} ms", f"{row.ratio:.2f}", f"{row.first_event:.0f} ms")
    return table


def units() -> Table:
    """Return DynamoDB's calls and units."""
    table = _table("DynamoDB: calls and request units", "what", "calls", "read", "write", "which calls")
    for row in bench_units.rows():
        meter = row.meter
        table.add_row(row.what, str(meter.calls.total()), f"{meter.read_units:g}", f"{meter.write_units:g}", str(meter))
        if row.what.startswith("quiet tick, 4"):
            month = bench_units.TICKS_A_MONTH / 1e6
            cost = month * (meter.read_units * READ_PRICE + meter.write_units * WRITE_PRICE)
            table.caption = f"A quiet month at a tick a minute: ${cost:.3f} of DynamoDB"
    return table


def core() -> Table:
    """Return the evaluation's throughput."""
    title = f"Evaluating {bench_core.RULES} rules, beside parsing the same answers as JSON (median of 5)"
    return _ratios(_table(title, "tick", "decided in", "times the parsing"), bench_core.rows())


def looks() -> Table:
    """Return what a look at a group costs as it grows."""
    title = f"A look at a group of {bench_looks.LARGE:,} alerts, beside one of {bench_looks.SMALL} (median of 5)"
    return _ratios(_table(title, "look", "decided in", "times as long per alert"), bench_looks.rows())


def backtest() -> Table:
    """Return how long a backtest takes."""
    title = f"Backtest of {bench_backtest.DAYS} days, {bench_backtest.RULES} rules at a minute, after the queries"
    table = _table(title, "what", "took", "pages", "ticks looked at")
    for row in bench_backtest.rows():
        table.add_row(row.what, f"{row.seconds:.1f} s", str(row.pages), str(row.ticks))
    return table


BENCHES: Mapping[str, Callable[[], Table]] = {
    "starts": starts,
    "units": units,
    "core": core,
    "looks": looks,
    "backtest": backtest,
}


def main(arguments: list[str]) -> int:
    """Print the tables that were asked for, all of them by default."""
    unknown = [name for name in arguments if name not in BENCHES]
    if unknown:
        print(f"no such bench: {', '.join(unknown)} (there are: {', '.join(BENCHES)})", file=sys.stderr)
        return 2
    console = Console()
    for name in arguments or BENCHES:
        console.print(BENCHES[name]())
        console.print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
