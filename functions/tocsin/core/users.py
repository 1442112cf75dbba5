"""Users: people who are told, how they are reached, and how long each way waits for the one before it.

A user's way is a receiver of its own, `user/NAME/METHOD`; Configuration.contacts holds those that there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

# What the name of every such receiver begins with.
CONTACTS = "user/"


class Method(StrEnum):
    """How a person can be reached."""

    SLACK = "slack"
    SMS = "sms"
    EMAIL = "email"
    PAGERDUTY = "pagerduty"


@dataclass(frozen=True, slots=True)
class ContactRule:
    """By which method a user is told, and how long after it became theirs."""

    by: Method
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class User:
    """A person; what is not known of them is empty.

    `pagerduty` refers to the routing key of a service of their own, `pagerduty_id` is who they are there. Rules are in
    ascending order of time; `important_rules` hold where a step says that it is important.
    """

    name: str
    slack_id: str = ""
    email: str = ""
    phone: str = field(default="", repr=False)
    pagerduty: str = field(default="", repr=False)
    pagerduty_id: str = ""
    rules: tuple[ContactRule, ...] = ()
    important_rules: tuple[ContactRule, ...] = ()

    def address(self, method: Method) -> str:
        """Return where a method reaches them; empty where it does not."""
        addresses = {
            Method.SLACK: self.slack_id,
            Method.SMS: self.phone,
            Method.EMAIL: self.email,
            Method.PAGERDUTY: self.pagerduty,
        }
        return addresses[method]

    def identities(self) -> frozenset[str]:
        """Return what they are known by elsewhere; no two users share any."""
        known = (self.slack_id, self.email.casefold(), self.pagerduty_id, self.phone)
        return frozenset(each for each in known if each)

    @property
    def can_be_told(self) -> bool:
        """Say whether there is any way to tell them."""
        return bool(self.rules or self.important_rules)

    def rules_for(self, *, is_important: bool) -> tuple[ContactRule, ...]:
        """Return how they are told; who has no rules for what is important is told by the others."""
        return (self.important_rules or self.rules) if is_important else self.rules


def contact_name(user: str, method: Method) -> str:
    """Return the name of the receiver that reaches a user by a method."""
    return f"{CONTACTS}{user}/{method}"
