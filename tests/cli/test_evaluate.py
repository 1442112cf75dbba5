"""`tocsin evaluate` without AWS: a real Prometheus, receivers that check what they get, a state file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dev.prometheus import Prometheus
from dev.receivers import Receivers
from tests.cli.commands import NOW, Ran, Shell, write_files
from tests.golden import assert_golden
from tests.prometheus import counter, holding

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
BAD = START + timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
OVER = START + timedelta(minutes=55)
POOLS = {"a": 45.0, "b": 20.0}
STATE = "state/tocsin/state.json"

ALERTMANAGER = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
receivers:
  - name: team
    slack_configs: [{{api_url_file: {folder}/team, send_resolved: true}}]
  - name: boss
    slack_configs: [{{api_url_file: {folder}/boss, send_resolved: true}}]
  - name: mail
    email_configs: [{{to: ops@example.com, from: tocsin@example.com}}]
"""
TOCSIN = """
rules:
  - name: high_error_rate
    severity: critical
    expr: sum(rate(http_requests_total{status=~"5.."}[$window])) / sum(rate(http_requests_total[$window]))
    threshold: 0.05
    window: 5
    display: "{value:.1%} error rate"
  - name: slow_response_time
    expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[$window]))) * 1000
    threshold: 2000
    window: 5
    display: "p95={value:.0f}ms"
  - name: db_pool_exhaustion
    expr: db_pool_used / db_pool_max
    threshold: 0.9
    display: "{value:.0%} utilization"
  - name: celery_task_failures
    expr: sum(rate(celery_tasks_total{state="failure"}[$window])) / sum(rate(celery_tasks_total[$window]))
    threshold: 0.1
    window: 15
"""
POLICY = """
escalation:
  policies:
    - name: default
      matchers: ['severity="critical"']
      steps:
        - {after: 5m, receivers: [boss]}
"""
PROMETHEUS_RULES = """
groups:
  - name: ours
    rules:
      - alert: PoolInUse
        expr: db_pool_used > 10
        labels: {severity: info}
      - alert: PoolEmpty
        expr: db_pool_used == 0
        labels: {severity: info}
      - alert: PoolBusy
        expr: db_pool_used > 40
        for: 10m
        labels: {severity: info}
      - alert: Impossible
        expr: db_pool_used * on (kind) db_pool_used
        labels: {severity: info}
"""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    """Requests fail at 7.2% until five minutes after BAD, then at none; the pools never change."""
    failing = counter((35, 7.2), (35, 0.0))
    fine = counter((35, 92.8), (35, 100.0))
    series = {
        'http_requests_total{status="503"}': failing,
        'http_requests_total{status="200"}': fine,
        'http_request_duration_seconds_bucket{le="1"}': counter((70, 93473.0)),
        'http_request_duration_seconds_bucket{le="2"}': counter((70, 100000.0)),
        'http_request_duration_seconds_bucket{le="+Inf"}': counter((70, 100000.0)),
        **{f'db_pool_used{{pool="{name}"}}': [used] * 71 for name, used in POOLS.items()},
        **{f'db_pool_max{{pool="{name}"}}': [100.0] * 71 for name in POOLS},
    }
    with holding(series, start=START) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, receivers: Receivers) -> Path:
    for name in ("team", "boss"):
        (tmp_path / name).write_text(receivers.slack_url(name), encoding="utf-8")
    return write_files(
        tmp_path / "config",
        {"alertmanager.yml": ALERTMANAGER.format(folder=tmp_path), "tocsin.yml": TOCSIN + POLICY},
    )


@pytest.fixture
def cron(shell: Shell, config: Path, prometheus: Prometheus) -> Shell:
    shell.environment.update(CONFIG_URI=str(config), TOCSIN_PROMETHEUS_URL=prometheus.url)
    return shell


def said(ran: Ran) -> str:
    """Return what was printed, without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", ran.all)
    text = re.sub(r"took [0-9.]+ s", "took T s", text)
    return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "TIME ", text, flags=re.MULTILINE)


def told(receivers: Receivers, channel: str) -> list[str]:
    """Return the titles of what a channel has got, oldest first."""
    return [each.payload["text"].splitlines()[0] for each in receivers.accepted("slack", channel)]


@pytest.mark.prometheus
def test_a_cron_job_tells_once_what_fires_and_once_that_it_is_over(cron: Shell, receivers: Receivers) -> None:
    runs = [cron.run("evaluate", now=BAD + number * MINUTE) for number in (0, 1, 2, 20, 21)]
    assert_golden("cli/evaluate.txt", "".join(said(each) for each in runs))
    assert [each.target for each in receivers.accepted("slack")] == ["team", "team"]
    assert [each.payload["attachments"][0]["color"] for each in receivers.accepted("slack", "team")] == [
        "#c92a2a",
        "#2b8a3e",
    ]


@pytest.mark.prometheus
def test_a_dry_run_shows_whom_it_would_tell_and_changes_nothing(
    cron: Shell, receivers: Receivers, tmp_path: Path
) -> None:
    assert_golden("cli/evaluate_dry_run.txt", said(cron.run("evaluate", "--dry-run", now=BAD)))
    assert receivers.received == ()
    assert not (tmp_path / "state").exists()
    cron.run("evaluate", now=BAD)
    before = (tmp_path / STATE).read_bytes()
    assert "Would send 1 notifications (1 slack)" in cron.run("evaluate", "--dry-run", now=OVER).out
    assert (tmp_path / STATE).read_bytes() == before
    assert len(receivers.received) == 1


@pytest.mark.prometheus
def test_verbose_says_labels_queries_routes_and_reasons(cron: Shell, config: Path) -> None:
    write_files(config, {"rules/ours.yml": PROMETHEUS_RULES})
    cron.run("evaluate", now=BAD - 4 * MINUTE)
    assert_golden("cli/evaluate_verbose.txt", said(cron.run("evaluate", "--verbose", now=BAD)))


@pytest.mark.prometheus
def test_one_rule_alone_leaves_the_others_as_they_are(cron: Shell, tmp_path: Path) -> None:
    cron.run("evaluate", now=BAD)
    ran = cron.run("evaluate", "--rule", "slow_response_time", now=OVER)
    assert ran.out.splitlines()[:2] == [
        "Evaluating 1 monitoring alert rule...",
        "[OK] slow_response_time: p95=1234ms (threshold: 2000ms)",
    ]
    records = json.loads((tmp_path / STATE).read_text())["rules"]
    assert [key.split(";")[2] for key, each in records.items() if each["active"]] == ["high_error_rate"]


@pytest.mark.prometheus
def test_nobody_acknowledges_and_the_next_step_is_told_by_a_later_run(cron: Shell, receivers: Receivers) -> None:
    for number in range(8):
        cron.run("evaluate", now=START + (20 + number) * MINUTE)
    assert [each.target for each in receivers.accepted("slack")] == ["team", "boss"]


@pytest.mark.prometheus
def test_an_acknowledgement_on_the_state_file_stops_the_escalation(cron: Shell, receivers: Receivers) -> None:
    cron.run("evaluate", now=START + 20 * MINUTE)
    ran = cron.run("alert", "ack", "high_error_rate", "--by", "ann", now=START + 21 * MINUTE)
    assert re.fullmatch(r"inc-[0-9a-f]{16} high_error_rate: acknowledged by ann at 2026-01-01T12:21:00Z\n", ran.out), (
        ran.all
    )
    for number in range(8):
        cron.run("evaluate", now=START + (22 + number) * MINUTE)
    page, update = receivers.accepted("slack")
    assert {page.target, update.target} == {"team"}, "no step was taken"
    assert "Acknowledged by ann" not in json.dumps(page.payload)
    assert "Acknowledged by ann" in json.dumps(update.payload)


@pytest.mark.prometheus
def test_a_channel_that_fails_is_shown_and_stops_no_other_and_is_told_later(
    cron: Shell, receivers: Receivers, config: Path
) -> None:
    write_files(
        config,
        {
            "tocsin.yml": TOCSIN.replace("window: 15", "window: 15\n    channels: [team]", 1).replace(
                "    threshold: 0.05", "    threshold: 0.05\n    channels: [mail, team, boss]"
            )
        },
    )
    receivers.fail("/slack/team", status=404, body="no_service")
    first = cron.run("evaluate", now=BAD)
    assert_golden("cli/evaluate_failing_channel.txt", said(first))
    assert [each.target for each in receivers.accepted("slack")] == ["boss"]
    assert cron.run("evaluate", "--strict", now=BAD + MINUTE).status == 0
    later = cron.run("evaluate", "--strict", now=BAD + 6 * MINUTE)
    assert "Failed to send to mail: not configured: needs AWS (sesv2), and AWS_REGION is not set" in later.out
    assert later.status == 1
    assert [each.target for each in receivers.accepted("slack")] == ["boss", "team"]


@pytest.mark.prometheus
def test_without_state_every_run_begins_anew(cron: Shell, receivers: Receivers, tmp_path: Path) -> None:
    for number in range(2):
        ran = cron.run("evaluate", "--state", "none", now=BAD + number * MINUTE)
        assert ran.out.endswith("Sent 1 notifications (1 slack)\n")
    assert len(receivers.accepted("slack")) == 2
    assert not (tmp_path / "state").exists()


@pytest.mark.prometheus
def test_a_broken_state_file_is_kept_aside_and_alerting_goes_on(cron: Shell, tmp_path: Path) -> None:
    cron.run("evaluate", now=BAD)
    state = tmp_path / STATE
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    ran = cron.run("evaluate", "--strict", now=BAD + MINUTE)
    assert ran.out.endswith("Sent 1 notifications (1 slack)\n")
    assert "FOLDER/state/tocsin/state.json: the state cannot be used: " in ran.err
    assert "it is kept as FOLDER/state/tocsin/state.json.broken-20260101T123100" in ran.err
    assert ran.status == 1
    assert state.with_name("state.json.broken-20260101T123100").read_text() == whole[: len(whole) // 2]
    assert cron.run("evaluate", "--strict", now=BAD + 2 * MINUTE).status == 0


@pytest.mark.prometheus
def test_an_evaluation_of_the_past_does_not_touch_a_newer_state(cron: Shell) -> None:
    cron.run("evaluate", now=BAD)
    ran = cron.run("evaluate", "--at", "2026-01-01T12:20:00Z", now=OVER)
    line = "[SKIPPED] high_error_rate: its state is already that of 2026-01-01T12:30:00Z; "
    assert f"{line}--state none looks at it without its past\n" in ran.out
    assert "[TRIGGERED] high_error_rate" in cron.run("evaluate", "--at", "1767270000", "--state", "none").out


@pytest.mark.prometheus
def test_a_second_run_at_the_same_time_does_nothing(cron: Shell, tmp_path: Path, receivers: Receivers) -> None:
    import fcntl

    (tmp_path / STATE).parent.mkdir(parents=True)
    with open(tmp_path / f"{STATE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = cron.run("evaluate", "--strict", "--lock-timeout", "0.1", now=BAD)
    assert (ran.out, ran.status) == ("", 1)
    assert ran.err == "tocsin: FOLDER/state/tocsin/state.json: another run is using the state; nothing was done\n"
    assert receivers.received == ()


def test_an_unreachable_prometheus_is_shown_for_each_rule_and_resolves_nothing(shell: Shell, config: Path) -> None:
    options = ("--prometheus", "http://127.0.0.1:9", "--config", str(config), "--timeout", "0.2")
    ran = shell.run("evaluate", *options)
    assert_golden("cli/evaluate_unreachable.txt", said(ran))
    assert shell.run("evaluate", "--strict", *options, now=NOW + MINUTE).status == 1


WRONG = {
    "there is no address of Prometheus": (
        ["--prometheus", ""],
        "tocsin: no Prometheus to ask: give --prometheus URL, or set TOCSIN_PROMETHEUS_URL\n",
    ),
    "the address of Prometheus is none": (
        ["--prometheus", "localhost:9090"],
        "tocsin: the address of Prometheus is not a URL: expected for example http://127.0.0.1:9090\n",
    ),
    "there is no such rule": (
        ["--rule", "high_eror_rate"],
        "tocsin: --rule: there is no rule high_eror_rate; did you mean high_error_rate?\n",
    ),
    "the time is none": (
        ["--at", "yesterday"],
        "tocsin: --at: expected a time such as 2026-01-02T03:04:05Z, or seconds since 1970, found 'yesterday'\n",
    ),
    "the time has no zone": (
        ["--at", "2026-01-01T12:00:00"],
        "tocsin: --at: expected a time such as 2026-01-02T03:04:05Z, or seconds since 1970, "
        "found '2026-01-01T12:00:00'\n",
    ),
    "the time is still to come": (
        ["--at", "2027-01-01T12:00:00Z"],
        "tocsin: --at: 2027-01-01T12:00:00Z is still to come; add --dry-run to see what would be then\n",
    ),
    "there is no such folder": (
        ["--config", "FOLDER/nowhere"],
        "tocsin: FOLDER/nowhere: there is no such folder of configuration files\n",
    ),
}


@pytest.mark.parametrize(("words", "error"), WRONG.values(), ids=WRONG.keys())
def test_it_refuses_when(shell: Shell, config: Path, words: list[str], error: str) -> None:
    shell.environment["CONFIG_URI"] = str(config)
    shell.environment["TOCSIN_PROMETHEUS_URL"] = "http://127.0.0.1:9"
    ran = shell.run("evaluate", *(word.replace("FOLDER", str(shell.folder)) for word in words))
    assert (ran.status, ran.out, ran.err) == (2, "", error)


def test_a_wrong_configuration_is_refused_with_all_its_problems(shell: Shell, config: Path) -> None:
    broken = ALERTMANAGER.format(folder=shell.folder).replace("receiver: team\n", "receiver: teem\n", 1)
    write_files(config, {"alertmanager.yml": broken, "tocsin.yml": TOCSIN.replace("0.05", "much")})
    ran = shell.run("evaluate", "--config", str(config), "--prometheus", "http://127.0.0.1:9")
    assert (ran.status, ran.out) == (2, "")
    assert_golden("cli/evaluate_wrong_config.txt", ran.all)


def test_settings_that_are_wrong_are_named(shell: Shell) -> None:
    ran = shell.run("evaluate", TOCSIN_PROMETHEUS_AUTH="basic", TOCSIN_TICK_SECONDS="0")
    assert ran.status == 2
    assert ran.err.splitlines() == [
        "tocsin: TOCSIN_PROMETHEUS_AUTH is 'basic' (expected none or sigv4)",
        "tocsin: TOCSIN_TICK_SECONDS is '0' (expected whole seconds, 1 to 60)",
    ]


def test_a_table_needs_its_queue_too(shell: Shell) -> None:
    ran = shell.run("evaluate", TOCSIN_TABLE="t")
    assert ran.status == 2
    assert ran.err.splitlines() == [
        "tocsin: TOCSIN_TIMER_QUEUE_URL is not set (queue of delayed looks at groups)",
        "tocsin: TOCSIN_PROMETHEUS_URL is not set (base URL of the Prometheus API)",
    ]
