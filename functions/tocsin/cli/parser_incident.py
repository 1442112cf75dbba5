"""The words of `tocsin incident`."""

from __future__ import annotations

import argparse
from typing import Any

from .parser_desk import FORMATS, place_options

_ACTS = {
    "ack": "have it: nobody else is called",
    "resolve": "close it, whatever fires",
    "snooze": "let it climb no further, and repeat nothing, until a time",
    "suppress": "silence exactly what fires in it until a time",
    "escalate": "take the next step now",
    "reassign": "hand it to another user, who is told",
    "note": "add a note for everybody who follows it",
}
_TIMED = ("snooze", "suppress")


def add_commands(commands: Any) -> None:
    """Add `incident` with its verbs."""
    parser: argparse.ArgumentParser = commands.add_parser("incident", help="what is open, who has it, what happened")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list the incidents of what fires")
    listing.add_argument("matchers", nargs="*", metavar="MATCHER", help="only those with an alert that matches")
    listing.set_defaults(run="incident:list_")
    show = verbs.add_parser("show", help="print all that is known of one: steps, events, who was told")
    show.add_argument("id", metavar="INCIDENT")
    show.set_defaults(run="incident:show")
    for verb in (listing, show):
        place_options(verb)
        verb.add_argument("-o", "--output", choices=("simple", "json"), default="simple")
    for name, help_ in _ACTS.items():
        verb = verbs.add_parser(name, help=help_)
        verb.add_argument("what", nargs="+", metavar="INCIDENT|MATCHER", help="its id, or matchers of its alerts")
        if name in _TIMED:
            verb.add_argument("--until", required=True, metavar="TIME", help="a duration such as 2h, or RFC 3339")
        if name == "reassign":
            verb.add_argument("--to", required=True, metavar="USER", help="a user of tocsin.yml")
        verb.add_argument("--by", metavar="NAME", help="who acts (the user who is logged in)")
        verb.add_argument("--comment", metavar="TEXT", default="", required=name == "note", help="why; the note's text")
        place_options(verb)
        verb.add_argument("-o", "--output", choices=FORMATS, default="simple", help="as amtool has them")
        verb.set_defaults(run=f"incident:{name}")
