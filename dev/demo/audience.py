"""Who has to hear of which alert, and who must not. Receivers are named as in config/alertmanager.yml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dev.demo.journal import Message

ERRORS = "HighErrorRate"
SLOW = "SlowResponses"
ALERTS = (ERRORS, SLOW)

SUBSCRIBERS = "subscribers"
SLACK_WARNINGS = "slack-warnings"
SLACK_CRITICAL = "slack-critical"
EMAIL_ONCALL = "email-oncall"
EMAIL_MANAGER = "email-manager"
PAGERDUTY_ONCALL = "pagerduty-oncall"
PAGERDUTY_EXECUTIVES = "pagerduty-executives"

# The errors climb to the end. The slow responses are acknowledged after the first step of three.
TOLD: Mapping[str, tuple[str, ...]] = {
    ERRORS: (
        SUBSCRIBERS,
        SLACK_WARNINGS,
        EMAIL_ONCALL,
        SLACK_CRITICAL,
        PAGERDUTY_ONCALL,
        EMAIL_MANAGER,
        PAGERDUTY_EXECUTIVES,
    ),
    SLOW: (SUBSCRIBERS, SLACK_WARNINGS),
}
SPARED: Mapping[str, tuple[str, ...]] = {ERRORS: (), SLOW: (EMAIL_ONCALL, PAGERDUTY_ONCALL)}
STATES = ("firing", "resolved")


def untold(messages: Iterable[Message], alert: str, status: str, channels: Sequence[str]) -> list[str]:
    """Return who of these has not heard of this alert in this state, in words."""
    told = {message.channel for message in messages if (message.alert, message.status) == (alert, status)}
    return [f"{channel} was not told that {alert} is {status}" for channel in channels if channel not in told]


def count(messages: Iterable[Message], alert: str, status: str, channel: str) -> int:
    """Return how often a channel was told of an alert in a state."""
    return sum((each.alert, each.status, each.channel) == (alert, status, channel) for each in messages)


def surplus(messages: Sequence[Message], *, told: Mapping[str, Sequence[str]] = TOLD) -> list[str]:
    """Return what arrived that should not have: twice, at the wrong channel, or in a form that was refused."""
    found = [f"{each.channel} refused a message: {'; '.join(each.problems)}" for each in messages if each.problems]
    for alert, status, channel in sorted({(each.alert, each.status, each.channel) for each in messages}):
        times = count(messages, alert, status, channel)
        if channel not in told.get(alert, ()):
            found.append(f"{channel} was told that {alert or 'an unknown alert'} is {status}, and should not have been")
        elif times > 1:
            found.append(f"{channel} was told {times} times that {alert} is {status}")
    return found
