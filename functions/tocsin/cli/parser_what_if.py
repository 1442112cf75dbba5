"""The command line's questions about what is and what would be: explain, simulate and backtest."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .parser_desk import desk_options

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

ONE_HOUR = 3600.0


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _simulate(commands.add_parser("simulate", help="show who is told what and when, if an alert fired"))
    _explain(commands.add_parser("explain", help="show why an alert was told to somebody, or was not"))
    _backtest(commands.add_parser("backtest", help="show who would have been told what in the past"))


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Labels in, timeline out: through routing, grouping, intervals, inhibition, cooldown and escalation, in "
        "virtual time. Nothing is sent, and nothing of a running Tocsin is read."
    )
    parser.add_argument(
        "labels",
        nargs="+",
        metavar="LABEL",
        help="an alert's name, and labels such as severity=critical; a + between them begins another alert",
    )
    _config(parser)
    parser.add_argument("--at", metavar="TIME", default="now", help="when it begins to fire (now)")
    parser.add_argument("--for", dest="for_", metavar="DURATION", help="how long to watch (1d)")
    parser.add_argument("--resolve-after", metavar="DURATION", help="how long it fires (to the end)")
    _ack_after(parser)
    _silences(parser)
    parser.add_argument("-o", "--output", choices=("simple", "json"), default="simple")
    _zone(parser)
    parser.set_defaults(run="simulate:run")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="+", metavar="FINGERPRINT|MATCHER", help="an alert's fingerprint, its name, or its labels"
    )
    desk_options(parser)
    parser.set_defaults(run="explain:run")


def _backtest(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a configuration's rules over the past, and everything that comes after them in virtual time; print and "
        "write who would have been told what. A query that fails is an error, never an empty result. Exit status 1 "
        "where something is not known or went wrong."
    )
    parser.add_argument("--from", dest="from_", metavar="TIME", required=True, help="RFC 3339, a day, or 30d (ago)")
    parser.add_argument("--to", metavar="TIME", default="now", help="the end, not included (now)")
    parser.add_argument("--step", metavar="DURATION", help="between evaluations (TOCSIN_TICK_SECONDS)")
    _config(parser)
    parser.add_argument("--against", metavar="DIR", help="another folder of configuration: show the difference")
    parser.add_argument("--prometheus", metavar="URL", help="base URL of the Prometheus API (TOCSIN_PROMETHEUS_URL)")
    parser.add_argument("--rule", metavar="NAME", help="only the rules of this name")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON")
    parser.add_argument("--html", metavar="FILE", help="write a page to read")
    parser.add_argument("--pages", metavar="COUNT", type=_count, default=50, help="how many pages to print (50)")
    parser.add_argument("--night", metavar="HOURS", default="22-7", help="when people sleep (22-7)")
    _zone(parser)
    _ack_after(parser)
    _silences(parser)
    parser.add_argument(
        "--warm-up", metavar="DURATION", default="1h", help="evaluated before --from, and not counted (1h)"
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=120.0, help="for one query (120)")
    parser.add_argument(
        "--keep-going", action="store_true", help="where a query fails, keep the rule's alerts as they were and go on"
    )
    parser.set_defaults(run="backtest:run")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="DIR", help="folder of configuration (CONFIG_URI; what is shipped)")


def _zone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--time-zone", metavar="NAME", default="UTC", help="where people live (UTC)")


def _ack_after(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ack-after", metavar="DURATION", help="how long after an incident opens somebody acknowledges it (never)"
    )


def _silences(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--silences", metavar="FILE", help="silences that hold then, as `silence query -o json` prints them (none)"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= ONE_HOUR:
        raise ValueError
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError
    return count


# argparse calls a type by its name in errors.
_seconds.__name__ = "number of seconds"
_count.__name__ = "count"
