"""The command line of `tocsin oncall`."""

from __future__ import annotations

import argparse

from .parser_desk import place_options

_TIME = "TIME"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun with its verbs."""
    noun = commands.add_parser("oncall", help="who is on call when; who takes over for a while")
    verbs = noun.add_subparsers(metavar="VERB", required=True)
    _who(verbs.add_parser("who", help="who has it now, or at another time"))
    _show(verbs.add_parser("show", help="the coming shifts, gaps and overrides"))
    _gaps(verbs.add_parser("gaps", help="when nobody has it; exit status 1 where there is such a time"))
    _override(verbs.add_parser("override", help="have somebody take over for a while"))
    _swap(verbs.add_parser("swap", help="have two users take each other's shifts"))
    _remove(verbs.add_parser("remove", help="take back overrides that were made with override or swap"))
    _export(verbs.add_parser("export", help="a schedule's shifts as a calendar (iCalendar)"))


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", nargs="?", metavar="SCHEDULE", help="only this one")
    parser.add_argument("--at", metavar=_TIME, help="2026-01-05T09:00 where the schedule is, or with an offset (now)")
    _output(parser)
    parser.set_defaults(run="oncall:who")


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", nargs="?", metavar="SCHEDULE", help="only this one")
    _span(parser, "(14 days)")
    _output(parser)
    parser.set_defaults(run="oncall:show")


def _gaps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", nargs="?", metavar="SCHEDULE", help="only this one")
    parser.add_argument("--days", metavar="NUMBER", type=_days, default=30, help="how far to look (30)")
    place_options(parser)
    parser.set_defaults(run="oncall:gaps")


def _override(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE")
    parser.add_argument("--user", metavar="NAME", required=True, help="who takes over")
    parser.add_argument("--from", dest="from_", metavar=_TIME, help="from when (now)")
    parser.add_argument("--until", metavar=_TIME, required=True, help="until when, or for how long: 8h")
    _why(parser)
    parser.set_defaults(run="oncall:override")


def _swap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE")
    parser.add_argument("first", metavar=_TIME, help="a time in one shift, or the day on which it is handed over")
    parser.add_argument("second", metavar=_TIME, help="a time in the other one")
    _why(parser)
    parser.set_defaults(run="oncall:swap")


def _remove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE")
    parser.add_argument("ids", nargs="+", metavar="ID", help="as show has them")
    place_options(parser)
    parser.set_defaults(run="oncall:remove")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE")
    _span(parser, "(--days)")
    parser.add_argument("--days", metavar="NUMBER", type=_days, default=90, help="for how many days (90)")
    place_options(parser)
    parser.set_defaults(run="oncall:export")


def _span(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--from", dest="from_", metavar=_TIME, help="from when (now)")
    parser.add_argument("--until", metavar=_TIME, help=f"until when, or for how long {default}")


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who says so (the user who is logged in)")
    parser.add_argument("--comment", metavar="TEXT", default="", help="why")
    place_options(parser)


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("simple", "json"), default="simple")
    place_options(parser)


def _days(text: str) -> int:
    days = int(text)
    if not 0 < days <= 400:
        raise ValueError
    return days


# argparse calls a type by its name in errors.
_days.__name__ = "number of days up to 400"
