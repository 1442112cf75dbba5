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
    _drill(commands.add_parser("drill", help="see that everything that should arrive does, once"))


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


def _drill(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="WHAT", required=True)
    storm = verbs.add_parser("storm", help="many alerts within seconds: nothing is lost, nothing comes twice")
    storm.add_argument("--alerts", metavar="N", type=_count, default=1000, help="how many alerts (1000)")
    storm.add_argument("--seconds", metavar="S", type=float, default=10.0, help="within how many seconds (10)")
    storm.add_argument("--groups", metavar="G", type=_count, default=40, help="of how many services (40)")
    storm.add_argument("--severity", metavar="NAME", default="warning", help="their severity (warning)")
    storm.add_argument("--keep", action="store_true", help="leave them firing: they end by themselves")
    storm.set_defaults(run="drill:storm")
    prometheus = verbs.add_parser(
        "prometheus", help="as a Prometheus server and an Alertmanager send, repetitions and all"
    )
    prometheus.set_defaults(run="drill:prometheus")
    escalation = verbs.add_parser("escalation", help="one alert climbs a policy: each step comes when it is due")
    escalation.add_argument("--policy", metavar="NAME", help="which one (default, or the first)")
    escalation.add_argument("--scale", metavar="N", type=_factor, help="so many times as fast, in this process (60)")
    escalation.add_argument("--dry-run", action="store_true", help="in this process, and nobody is told")
    escalation.add_argument("--config", metavar="DIR", help="folder of configuration (CONFIG_URI; what is shipped)")
    escalation.set_defaults(run="drill_escalation:escalation")
    for verb in (storm, prometheus, escalation):
        verb.add_argument("labels", nargs="*", metavar="LABEL", help="labels for the alerts, such as cluster=eu")
        verb.add_argument(
            "--timeout", metavar="DURATION", default="5m", help="how long to wait for what should arrive (5m)"
        )
        place_options(verb)


def _count(text: str) -> int:
    count = int(text)
    if not 0 < count <= 1_000_000:
        raise ValueError
    return count


def _factor(text: str) -> float:
    factor = float(text)
    if not 1 <= factor <= 3600:
        raise ValueError
    return factor


# argparse calls a type by its name in errors.
_count.__name__ = "whole number above zero"
_factor.__name__ = "number between 1 and 3600"
