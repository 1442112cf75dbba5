"""The command line's part that is amtool's, with amtool's options: config routes, template render.

Source: https://github.com/prometheus/alertmanager/tree/main/cli
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _config(commands.add_parser("config", help="show and test where alerts go"))


def _config(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(metavar="WHAT", required=True)
    routes = what.add_parser("routes", help="the route tree")
    _route_options(routes, default=None)
    routes.set_defaults(run="routes:show")
    verbs = routes.add_subparsers(metavar="VERB")
    # What is said before the verb must not be undone by the defaults of what comes after it.
    show = verbs.add_parser("show", help="print the whole tree (also without a verb)")
    _route_options(show, default=argparse.SUPPRESS)
    show.set_defaults(run="routes:show")
    test = verbs.add_parser("test", help="print the receivers that an alert's labels lead to")
    _route_options(test, default=argparse.SUPPRESS)
    test.add_argument("labels", nargs="*", metavar="LABEL", help="for example severity=critical")
    test.add_argument("--tree", action="store_true", help="print the routes that match, too")
    test.add_argument(
        "--verify.receivers", dest="verify_receivers", metavar="NAMES", default="", help="exit with 1 if it is others"
    )
    test.add_argument(
        "--verify.receivers-grouping",
        dest="verify_grouping",
        metavar="NAMES",
        default="",
        help="exit with 1 if it is others, or grouped otherwise: team=[alertname,cluster],boss",
    )
    test.set_defaults(run="routes:test")


def _route_options(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    parser.add_argument(
        "--config.file", dest="config_file", metavar="FILE", default=default, help="an alertmanager.yml by itself"
    )
    parser.add_argument(
        "--config", metavar="DIR", default=default, help="folder of configuration (CONFIG_URI; what is shipped)"
    )
