"""Options of the commands that ask what fires and what is silenced: where to ask, and how to print."""

from __future__ import annotations

import argparse

FORMATS = ("simple", "extended", "json")


def dlq_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where dead letters are, and how many are looked at."""
    parser.add_argument("--stack", metavar="NAME", help="the deployment's CloudFormation stack (TOCSIN_STACK)")
    parser.add_argument("--queue", choices=("timers", "ticks", "deliveries", "actions"), help="only this one")
    parser.add_argument("--limit", metavar="NUMBER", type=int, default=1000, help="letters of a queue at most (1000)")


def desk_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that ask and print."""
    place_options(parser)
    parser.add_argument("-o", "--output", choices=FORMATS, default="simple", help="as amtool has them")


def place_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to ask."""
    parser.add_argument("--url", metavar="URL", help="ask Tocsin's HTTP API there (TOCSIN_URL)")
    state_option(parser)


def state_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where state is."""
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="where state is kept without TOCSIN_TABLE ($XDG_STATE_HOME/tocsin/state.json); none: nowhere",
    )
