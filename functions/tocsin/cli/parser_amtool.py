"""The command line's part that is amtool's, with amtool's options: config routes, template, silence, alert add.

Source: https://github.com/prometheus/alertmanager/tree/main/cli
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .parser_desk import desk_options, place_options

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _config(commands.add_parser("config", help="show and test where alerts go"))
    _template(commands.add_parser("template", help="try out notification templates"))
    _silence(commands.add_parser("silence", help="make, list, change and end silences"))


def add_alert(verbs: Commands) -> None:
    """Add `alert add`."""
    add = verbs.add_parser("add", help="send an alert, as a Prometheus server would")
    add.add_argument("labels", nargs="+", metavar="LABEL", help="an alert's name, and labels such as severity=critical")
    add.add_argument("--annotation", metavar="NAME=TEXT", action="append", default=[], help="an annotation of it")
    add.add_argument("--generator-url", metavar="URL", default="", help="where it comes from")
    add.add_argument("--start", metavar="TIME", help="since when it fires (now)")
    add.add_argument("--end", metavar="TIME", help="when it is over (the resolve timeout from now)")
    place_options(add)
    add.set_defaults(run="alert_add:run")


def _template(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    render = verbs.add_parser("render", help="print a template with its data filled in")
    render.add_argument(
        "--template.glob",
        dest="globs",
        metavar="GLOB",
        action="append",
        default=[],
        help="template files (those of the configuration)",
    )
    render.add_argument("--template.text", dest="text", metavar="TEXT", required=True, help="what is rendered")
    render.add_argument("--template.type", dest="type", choices=("text", "html"), default="text")
    render.add_argument(
        "--template.data", dest="data", metavar="FILE", help="a notification as a webhook gets it (an example)"
    )
    render.add_argument("--config", metavar="DIR", help="folder of configuration (CONFIG_URI; what is shipped)")
    render.set_defaults(run="template:render")


def _silence(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    add = verbs.add_parser("add", help="make a silence, and print its id")
    add.add_argument("matchers", nargs="+", metavar="MATCHER", help='severity=~"warning|info", or an alert\'s name')
    add.add_argument("-a", "--author", metavar="NAME", default="", help="who makes it (the user who is logged in)")
    add.add_argument("-d", "--duration", metavar="DURATION", default="1h", help="how long it holds (1h)")
    add.add_argument(
        "--schedule", metavar="INTERVAL", action="append", default=[], help="only within a time interval of the routes"
    )
    _silence_times(add)
    place_options(add)
    add.set_defaults(run="silence:add")
    _silence_query(verbs.add_parser("query", help="list those that hold or will"))
    update = verbs.add_parser("update", help="change when they begin and end, or why they are there")
    update.add_argument("ids", nargs="+", metavar="ID")
    update.add_argument("-d", "--duration", metavar="DURATION", help="how long it holds, from its start")
    update.add_argument("-q", "--quiet", action="store_true", help="print ids alone")
    _silence_times(update)
    desk_options(update)
    update.set_defaults(run="silence:update")
    expire = verbs.add_parser("expire", help="end them now")
    expire.add_argument("ids", nargs="+", metavar="ID")
    place_options(expire)
    expire.set_defaults(run="silence:expire")
    import_ = verbs.add_parser("import", help="make those that `query -o json` printed")
    import_.add_argument("file", nargs="?", metavar="FILE", help="a JSON file (standard input)")
    import_.add_argument("-f", "--force", action="store_true", help="make new ones, whatever their ids")
    import_.add_argument("-w", "--worker", metavar="COUNT", help=argparse.SUPPRESS)  # amtool's: one is enough here
    place_options(import_)
    import_.set_defaults(run="silence:import_")


def _silence_times(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", metavar="TIME", help="when it begins, for example 2026-01-02T03:04:05Z (now)")
    parser.add_argument("--end", metavar="TIME", help="when it ends, whatever the duration")
    parser.add_argument("-c", "--comment", metavar="TEXT", default="", help="why")


def _silence_query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("matchers", nargs="*", metavar="MATCHER", help="those that have these matchers")
    parser.add_argument("--expired", action="store_true", help="those that are over, instead")
    parser.add_argument("-q", "--quiet", action="store_true", help="print ids alone")
    parser.add_argument("--created-by", metavar="NAME", default="", help="of this author alone")
    parser.add_argument("--id", metavar="ID", default="", help="this one alone")
    parser.add_argument("--within", metavar="DURATION", help="those that end, or have ended, within this")
    desk_options(parser)
    parser.set_defaults(run="silence:query")


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
