"""`tocsin channels test`: each channel tried, nothing secret shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from dev.receivers import Receivers
from tests.cli.commands import Ran, Shell, write_files
from tests.golden import assert_golden

ALERTMANAGER = """
route: {{receiver: team}}
receivers:
  - name: team
    slack_configs: [{{api_url_file: {folder}/webhook, channel: "#team"}}]
  - name: oncall
    pagerduty_configs: [{{routing_key_file: {folder}/key, url: "{pagerduty}"}}]
  - name: cloud
    slack_configs: [{{api_url_file: "secret:slack#team"}}]
    email_configs: [{{to: ops@example.com, from: tocsin@example.com}}]
    sns_configs: [{{topic_arn: "arn:aws:sns:eu-west-1:123456789012:alerts"}}]
  - name: nobody
"""
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def tried(shell: Shell, tmp_path: Path, receivers: Receivers) -> Shell:
    text = ALERTMANAGER.format(folder=tmp_path, pagerduty=receivers.pagerduty_url)
    files = {"webhook": receivers.slack_url("team-hush"), "key": KEY, "config/alertmanager.yml": text}
    write_files(tmp_path, files)
    shell.environment["CONFIG_URI"] = str(tmp_path / "config")
    return shell


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield {"AWS_REGION": "eu-west-1"}


def said(ran: Ran) -> str:
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", ran.all)
    text = re.sub(r"MessageId [0-9a-z-]+", "MessageId ID", text)
    assert KEY not in text
    assert "hush" not in text
    return text


def test_without_aws_each_channel_says_what_came_of_it(tried: Shell, receivers: Receivers) -> None:
    ran = tried.run("channels", "test")
    assert ran.status == 1
    assert_golden("cli/channels.txt", said(ran))
    assert [each.payload["text"].splitlines()[0] for each in receivers.accepted("slack", "team-hush")] != []
    (slack,) = receivers.accepted("slack")
    assert "This is a test: nothing is wrong" in json.dumps(slack.payload)
    assert [each.payload["event_action"] for each in receivers.accepted("pagerduty")] == ["trigger", "resolve"]
    assert len({each.payload["dedup_key"] for each in receivers.accepted("pagerduty")}) == 1


def test_a_dry_run_reads_secrets_and_sends_nothing(tried: Shell, receivers: Receivers) -> None:
    ran = tried.run("channels", "test", "--dry-run")
    assert ran.status == 1
    assert_golden("cli/channels_dry_run.txt", said(ran))
    assert receivers.received == ()


def test_one_receiver_alone(tried: Shell, receivers: Receivers) -> None:
    ran = tried.run("channels", "test", "team")
    assert (ran.status, ran.out, ran.err) == (0, "team (slack): sent: ok\n", "")
    assert len(receivers.received) == 1


def test_with_aws_secrets_mail_and_the_topic_are_tried(tried: Shell, receivers: Receivers, aws: dict[str, str]) -> None:
    webhook = json.dumps({"team": receivers.slack_url("cloud-hush")})
    arn = boto3.client("secretsmanager", "eu-west-1").create_secret(Name="slack", SecretString=webhook)["ARN"]
    boto3.client("sesv2", "eu-west-1").create_email_identity(EmailIdentity="tocsin@example.com")
    topic = boto3.client("sns", "eu-west-1").create_topic(Name="alerts")["TopicArn"]
    variables = {**aws, "TOCSIN_SECRET_SLACK": arn, "TOCSIN_TOPIC_ARN": topic}
    assert_golden("cli/channels_aws.txt", said(tried.run("channels", "test", "cloud", env=variables)))
    assert len(receivers.accepted("slack", "cloud-hush")) == 1
    looked = tried.run("channels", "test", "cloud", "--dry-run", env=variables)
    assert "cloud (slack): would send a test notification (secret:slack#team is there)" in looked.out
    assert looked.status == 0


def test_a_secret_without_the_key_is_named_and_not_shown(tried: Shell, aws: dict[str, str]) -> None:
    hidden = json.dumps({"other": "hush"})
    arn = boto3.client("secretsmanager", "eu-west-1").create_secret(Name="slack", SecretString=hidden)["ARN"]
    ran = tried.run("channels", "test", "cloud", env=aws, TOCSIN_SECRET_SLACK=arn)
    assert ran.err.splitlines()[0] == (
        "cloud (slack): failed: secret:slack#team: has no such key; put 'team' into the secret's JSON object with the "
        "value as a string"
    )
    assert "hush" not in said(ran)


def test_a_users_way_is_tried_where_it_is_named_and_never_with_all(
    tried: Shell, receivers: Receivers, tmp_path: Path
) -> None:
    alertmanager = (
        f"global: {{pagerduty_url: '{receivers.pagerduty_url}'}}\nroute: {{receiver: a}}\nreceivers: [{{name: a}}]"
    )
    users = f'users: [{{name: ann, pagerduty: "{tmp_path}/key", phone: "+441234567890"}}]'
    write_files(tmp_path / "config", {"alertmanager.yml": alertmanager, "tocsin.yml": users})
    assert "user/ann" not in tried.run("channels", "test").out
    ran = tried.run("channels", "test", "user/ann/pagerduty")
    assert (ran.status, ran.out.partition(":")[0]) == (0, "user/ann/pagerduty (pagerduty)")
    assert len(receivers.accepted("pagerduty")) == 2
    assert "needs AWS, and AWS_REGION" in tried.run("channels", "test", "user/ann/sms", "--dry-run").err


def test_a_receiver_that_is_not_there(tried: Shell) -> None:
    ran = tried.run("channels", "test", "temm")
    assert (ran.status, ran.err) == (2, "tocsin: there is no receiver temm; did you mean team?\n")
