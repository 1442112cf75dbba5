"""`users` in tocsin.yml: people who are told, and how.

name              what they are called here: in schedules, in policies, and where it is said who did something
slack             their member id in Slack, such as U012ABC
email, phone      their address; their telephone for text messages, such as +441234567890
pagerduty         a reference to the routing key of a service of their own
pagerduty_id      their user id in PagerDuty, such as PABC123, so that what they do there is known to be theirs
notify            by which ways they are told, and when: [{by: slack}, {by: sms, after: 2m}]; without it, at once by all
notify_important  the same, for steps that say that they are important
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from ..core.receivers import Receiver
from ..core.users import ContactRule, Method, User, contact_name
from .blocks import Block, Reading, did_you_mean
from .contacts import Ways
from .documents import Path, Scalar
from .values import Blocks, Duration, Reference, describe

LONGEST_NAME = 64
_SECTION = "users"
# Who is said to have done what no person did.
_OURS = "tocsin"
_SLACK = re.compile(r"[UW][A-Z0-9]{2,20}")
_PAGERDUTY = re.compile(r"[A-Z0-9]{6,20}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")
# The key of each method's address, in the order in which they are told without rules.
_KEYS = {Method.SLACK: "slack", Method.SMS: "phone", Method.EMAIL: "email", Method.PAGERDUTY: "pagerduty"}


def _name(value: Any) -> str:
    text = str(value) if isinstance(value, str) else ""
    if not text or text != text.strip() or len(text) > LONGEST_NAME or "/" in text or not text.isprintable():
        raise ValueError(f"expected a name of up to {LONGEST_NAME} characters, without '/', found {describe(value)}")
    return text


def _form(pattern: re.Pattern[str], expected: str) -> BeforeValidator:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}, found {describe(value)}")
        return str(value)

    return BeforeValidator(check)


def _method(value: Any) -> Method:
    known = [method.value for method in Method]
    if value not in known:
        hint = did_you_mean(str(value), known) if isinstance(value, str) else ""
        raise ValueError(f"expected {', '.join(known[:-1])} or {known[-1]}, found {describe(value)}{hint}")
    return Method(str(value))


Name = Annotated[str, BeforeValidator(_name)]


class _User(Block):
    name: Name
    slack: Annotated[str, _form(_SLACK, "a member's id in Slack such as U012ABC")] | None = None
    email: Annotated[str, _form(_EMAIL, "an address such as ann@example.com")] | None = None
    phone: Annotated[str, _form(_PHONE, "a telephone number such as +441234567890")] | None = None
    pagerduty: Reference | None = None
    pagerduty_id: Annotated[str, _form(_PAGERDUTY, "a user's id in PagerDuty such as PABC123")] | None = None
    notify: Blocks = None
    notify_important: Blocks = None


class _Rule(Block):
    by: Annotated[Method, BeforeValidator(_method)]
    after: Duration = timedelta(0)


@dataclass(frozen=True, slots=True)
class People:
    """The users by name, and each of their ways as a receiver."""

    users: Mapping[str, User] = field(default_factory=dict)
    contacts: Mapping[str, Receiver] = field(default_factory=dict)


def read_users(reading: Reading, ways: Ways) -> People:
    """Return the users and their ways; whatever is wrong with them is noted."""
    if reading.document.value.get(_SECTION) is None:
        return People()
    reader = _Reader(reading, ways)
    for path in reading.items((_SECTION,)):
        reader.read(path)
    return People(reader.users, reader.contacts)


class _Reader:
    def __init__(self, reading: Reading, ways: Ways) -> None:
        self._reading = reading
        self._ways = ways
        self._known: dict[str, str] = {}
        self.users: dict[str, User] = {}
        self.contacts: dict[str, Receiver] = {}

    def read(self, path: Path) -> None:
        value = self._reading.document.at(path)
        name = value.get("name") if isinstance(value, dict) else None
        context = f'user "{name}"' if isinstance(name, Scalar) else f"user {int(path[-1]) + 1}"
        block = self._reading.block(_User, path, context=context)
        if block is None:
            self._rules(path, "notify", context)
            self._rules(path, "notify_important", context)
            return
        self._check_name(path, block.name, context)
        user = User(
            block.name,
            slack_id=block.slack or "",
            email=block.email or "",
            phone=block.phone or "",
            pagerduty=block.pagerduty or "",
            pagerduty_id=block.pagerduty_id or "",
        )
        self._check_identities(path, user, context)
        self._take(path, user, context)

    def _check_name(self, path: Path, name: str, context: str) -> None:
        at = (*path, "name")
        if name in self.users:
            self._reading.problem(at, "the name stands twice", context=context)
        if name == _OURS:
            self._reading.problem(at, f"{_OURS!r} is the name for what no person does", context=context)

    def _check_identities(self, path: Path, user: User, context: str) -> None:
        for key in ("slack", "email", "phone", "pagerduty_id"):
            value = str(self._reading.document.at(path).get(key) or "").casefold()
            owner = self._known.setdefault(value, user.name) if value else user.name
            if owner != user.name:
                self._reading.problem((*path, key), f'{key}: it is that of user "{owner}" already', context=context)

    def _take(self, path: Path, user: User, context: str) -> None:
        found: dict[Method, Receiver] = {}
        missing: dict[Method, str] = {}
        for method in _KEYS:
            if user.address(method):
                found[method], missing[method] = self._ways.receiver(user, method)
        rules = {key: self._rules(path, key, context) for key in ("notify", "notify_important")}
        for key, listed in rules.items():
            for at, rule in listed or ():
                if rule.by not in found:
                    reason = f"{user.name} has no {_KEYS[rule.by]}"
                elif missing[rule.by]:
                    reason = missing[rule.by]
                else:
                    continue
                self._reading.problem((*at, "by"), f"by {rule.by}: {reason}", context=f"{context}, {key}")
        usable = {method: receiver for method, receiver in found.items() if not missing[method]}
        self.contacts.update({contact_name(user.name, method): receiver for method, receiver in usable.items()})
        default = tuple(ContactRule(method) for method in usable)
        ordinary = default if rules["notify"] is None else _in_order(rules["notify"])
        self.users.setdefault(
            user.name, replace(user, rules=ordinary, important_rules=_in_order(rules["notify_important"] or []))
        )

    def _rules(self, path: Path, key: str, context: str) -> list[tuple[Path, ContactRule]] | None:
        """Return the rules with their places; None where nothing is said."""
        value = self._reading.document.at(path)
        if not isinstance(value, dict) or value.get(key) is None:
            return None
        found = []
        for at in self._reading.items((*path, key), context=context):
            block = self._reading.block(_Rule, at, context=f"{context}, {key} {int(at[-1]) + 1}")
            if block is not None:
                found.append((at, ContactRule(block.by, block.after)))
        return found


def _in_order(rules: list[tuple[Path, ContactRule]]) -> tuple[ContactRule, ...]:
    return tuple(sorted((rule for _, rule in rules), key=lambda rule: rule.after))
