"""Answers by a response_url: they go to Slack and nowhere else, and no error holds the URL."""

from __future__ import annotations

import json

import pytest

from dev.slack_workspace import Workspace
from tests.adapters.local import LOCAL, local_transport
from tests.adapters.samples import NOW
from tests.adapters.scripted import Outcome, scripted, timed_out
from tocsin.adapters.http import Http, Response
from tocsin.adapters.slack_replies import SlackReplies, is_reply_url
from tocsin.adapters.targets import AT_HOME, Targets, read_targets
from tocsin.errors import DeliveryError, FailureReason

URL = "https://hooks.slack.com/actions/T1/2/s3cr3t"
ANYWHERE = Targets()


def test_a_sentence_is_for_who_clicked_alone_and_leaves_the_message() -> None:
    http, transport, _ = scripted(Response(200, {}, b"ok"))
    SlackReplies(http, ANYWHERE)(URL, "acknowledged by <@U1> & ann", now=NOW)
    (request,) = transport.requests
    assert request.url == URL
    assert json.loads(request.body) == {
        "text": "acknowledged by &lt;@U1&gt; &amp; ann",
        "response_type": "ephemeral",
        "replace_original": False,
    }


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Response(404, {}, b"expired_url s3cr3t"), FailureReason.CLIENT_ERROR),
        (Response(404, {}, f"used_url {URL}".encode()), FailureReason.CLIENT_ERROR),
        (Response(429, {}, b"ratelimited"), FailureReason.RATE_LIMITED),
        (Response(302, {"location": "http://127.0.0.1/"}, b""), FailureReason.CLIENT_ERROR),
        (timed_out(), FailureReason.TIMEOUT),
    ],
)
def test_what_slack_does_not_take_is_an_error_without_the_url(outcome: Outcome, reason: FailureReason) -> None:
    http, transport, _ = scripted(outcome)
    with pytest.raises(DeliveryError) as raised:
        SlackReplies(http, ANYWHERE)(URL, "x", now=NOW)
    assert raised.value.reason is reason
    assert "/actions/" not in str(raised.value)
    assert {request.url for request in transport.requests} == {URL}


FOREIGN = [
    "",
    "hooks.slack.com/x",
    "http://hooks.slack.com/x",
    "https://hooks.slack.com.example.com/x",
    "https://hooks.slack.com@example.com/x",
    "https://user:pw@hooks.slack.com/x",
    "https://example.com/hooks.slack.com",
    "https://hooks.slack.com:8443/x",
    "https://hooks.slack.com:x/",
    "https://hooks.slack.com\\@example.com/",
    "https://evil.hooks.slack.com/x",
    "https://169.254.169.254/latest",
    "http://169.254.169.254/latest",
    "http://127.0.0.1:9001/2018-06-01/runtime",
    "http://localhost/x",
    "http://[::1]/x",
    "http://2130706433/x",
    "file:///etc/passwd",
    "https://[",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_nothing_is_sent_to_anybody_else(url: str) -> None:
    http, transport, _ = scripted(Response(200, {}, b"ok"))
    with pytest.raises(DeliveryError) as raised:
        SlackReplies(http, ANYWHERE)(url, "x", now=NOW)
    assert transport.requests == []
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [("", False), ("*", False), ("0.0.0.0/0", False), ("hooks.slack.com", False), ("127.0.0.0/8", True)],
)
def test_one_s_own_machine_is_answered_only_where_it_is_named(targets: str, *, expected: bool) -> None:
    assert is_reply_url("http://127.0.0.1:1234/x", read_targets(targets)) is expected


def test_even_then_nobody_else_is() -> None:
    for url in FOREIGN:
        is_own = url.startswith(("http://127.0.0.1", "http://[::1]"))
        assert is_reply_url(url, read_targets(AT_HOME)) is is_own, url


def test_slack_s_own_hosts_are_answered() -> None:
    for url in (URL, "https://hooks.slack.com:443/x", "https://HOOKS.SLACK.COM/x", "https://hooks.slack-gov.com/x"):
        assert is_reply_url(url, ANYWHERE), url


def test_a_workspace_takes_five_answers_and_no_more() -> None:
    with Workspace() as slack:
        http = Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0, timeout_seconds=2)
        reply, url = SlackReplies(http, LOCAL), slack.reply_url()
        for number in range(5):
            reply(url, f"answer {number}", now=NOW)
        with pytest.raises(DeliveryError, match="used_url"):
            reply(url, "one more", now=NOW)
        assert [each["text"] for each in slack.answers] == [f"answer {number}" for number in range(5)]
