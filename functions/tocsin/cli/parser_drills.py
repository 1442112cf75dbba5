"""The command line's drills: fire a scenario, and see that everything that should arrive does, once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .parser_desk import place_options

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _fire(commands.add_parser("fire", help="send the alerts of a scenario, marked as a drill"))


def _fire(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Send what would fire in a bad moment, to see who is told, when and how. Every alert carries the label "
        'drill="true", and every message of it says DRILL, unless --real is given. It is over by itself.'
    )
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="its name; without one they are listed")
    parser.add_argument("labels", nargs="*", metavar="LABEL", help="labels put over its alerts', such as cluster=eu")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--scenarios", metavar="DIR", help="a folder of your own, over those that are shipped")
    parser.add_argument("--resolve", action="store_true", help="end it now")
    parser.add_argument("--for", dest="for_", metavar="DURATION", help="how long it fires (what the scenario says)")
    parser.add_argument("--real", action="store_true", help="do not mark it: people will take it for real")
    place_options(parser)
    parser.set_defaults(run="fire:run")
