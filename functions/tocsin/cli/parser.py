"""The whole command line on one screen. Only argparse is loaded here: each command's module is, when it is run."""

from __future__ import annotations

import argparse
from typing import NoReturn

from . import parser_amtool, parser_drills, parser_incident, parser_oncall, parser_what_if
from .parser_desk import FORMATS, desk_options, dlq_options, state_option


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; what it parses has `run`, the module and the function of the command."""
    parser = argparse.ArgumentParser("tocsin", description="Serverless alerting for Prometheus on AWS.")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _evaluate(commands.add_parser("evaluate", help="evaluate the rules now, and tell who is to be told"))
    _alert(commands.add_parser("alert", help="list, acknowledge and resolve what fires"))
    _check(commands.add_parser("check", help="check configuration and rule files"))
    parser_what_if.add_commands(commands)
    parser_amtool.add_commands(commands)
    parser_drills.add_commands(commands)
    parser_incident.add_commands(commands)
    parser_oncall.add_commands(commands)
    _channels(commands.add_parser("channels", help="try out the ways to tell people"))
    _dlq(commands.add_parser("dlq", help="what was given up: list it, show it, hand it in again"))
    env = commands.add_parser("env", help="list the environment variables that are read")
    env.set_defaults(run="env:run")
    return parser


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Evaluate the rules now. With TOCSIN_TABLE the table is told, and its functions send; without it nothing of "
        "AWS is needed: state is kept in a file, and what is due is sent from here. Exit status 0 even where a rule "
        "or a channel failed (1 with --strict), 2 where the configuration or the usage is wrong."
    )
    parser.add_argument("--rule", metavar="NAME", help="only the rules of this name")
    parser.add_argument("--dry-run", action="store_true", help="send and write nothing; show what would be sent")
    parser.add_argument("-v", "--verbose", action="store_true", help="labels, queries, routes, reasons, timing")
    parser.add_argument("--prometheus", metavar="URL", help="base URL of the Prometheus API (TOCSIN_PROMETHEUS_URL)")
    parser.add_argument("--at", metavar="TIME", help="evaluate at this instant: RFC 3339, or seconds since 1970")
    parser.add_argument("--config", metavar="DIR", help="folder of configuration (CONFIG_URI; what is shipped)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a rule or a channel failed")
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=10.0, help="for all queries (10)")
    state_option(parser)
    parser.add_argument(
        "--lock-timeout", metavar="SECONDS", type=_seconds, default=10.0, help="to wait for another run's end (10)"
    )
    parser.set_defaults(run="evaluate:run")


def _alert(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    parser_amtool.add_alert(verbs)
    query = verbs.add_parser("query", help="list pending and firing alerts")
    query.add_argument("matchers", nargs="*", metavar="MATCHER", help='severity="critical", or an alert\'s name')
    query.add_argument("-a", "--active", action="store_true", help="only firing alerts")
    desk_options(query)
    query.set_defaults(run="alert:query")
    for name, help_ in (("ack", "acknowledge: stop the escalation"), ("resolve", "close an incident by hand")):
        verb = verbs.add_parser(name, help=help_)
        verb.add_argument(
            "what", nargs="+", metavar="INCIDENT|MATCHER", help="an incident's id, matchers, or an alert's name"
        )
        verb.add_argument("--by", metavar="NAME", help="who acts (the user who is logged in)")
        verb.add_argument("--comment", metavar="TEXT", default="", help="why")
        desk_options(verb)
        verb.set_defaults(run=f"alert:{name}")


def _check(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(metavar="WHAT", required=True)
    config = what.add_parser("config", help="check a folder: alertmanager.yml, tocsin.yml, rules/*.yml")
    config.add_argument("folder", nargs="?", metavar="DIR", help="the folder (CONFIG_URI; what is shipped)")
    config.set_defaults(run="check:config")
    rules = what.add_parser("rules", help="check Prometheus rule files")
    rules.add_argument("files", nargs="+", metavar="FILE")
    rules.set_defaults(run="check:rules")


def _channels(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    test = verbs.add_parser("test", help="send a test notification, marked as such, through each integration")
    test.add_argument("receiver", nargs="?", metavar="RECEIVER", help="only this receiver; without it, every one")
    test.add_argument("--dry-run", action="store_true", help="send nothing; read the secrets and show what is there")
    test.add_argument("--config", metavar="DIR", help="folder of configuration (CONFIG_URI; what is shipped)")
    test.set_defaults(run="channels:test")


def _dlq(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list the dead-letter queues and what is in them")
    listing.add_argument("-o", "--output", choices=FORMATS, default="simple", help="as amtool has them")
    listing.set_defaults(run="dlq:list_")
    show = verbs.add_parser("show", help="print one letter whole, without secrets")
    show.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    show.set_defaults(run="dlq:show")
    redrive = verbs.add_parser("redrive", help="hand letters in again where they belong")
    redrive.add_argument("ids", nargs="*", metavar="ID", help="their ids, or the beginnings of them")
    redrive.add_argument("--all", action="store_true", help="all that are still of use")
    redrive.set_defaults(run="dlq:redrive")
    for verb in (listing, show, redrive):
        dlq_options(verb)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise ValueError
    return seconds


# argparse calls a type by its name in errors.
_seconds.__name__ = "number of seconds"


class _Version(argparse.Action):
    """Prints the installed version; reading it takes time that other commands need not spend."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"tocsin {version('tocsin')}")
        except PackageNotFoundError:
            print("tocsin, not installed: run from its folder")
        parser.exit()
