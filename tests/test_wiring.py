"""The environment: what the code reads, what the template sets, and that both agree on how long things take."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.functions.deployment import FUNCTIONS, TEMPLATE, Deployment, template_variables
from tocsin.adapters import channel
from tocsin.adapters.dynamodb import deliveries
from tocsin.adapters.http import Http
from tocsin.adapters.prometheus import Prometheus
from tocsin.adapters.sources import FolderSource, S3Source
from tocsin.core.receivers import Kind
from tocsin.errors import SettingsError
from tocsin.pipeline import dispatch
from tocsin.wiring import (
    CLIENT_CONFIG,
    SECONDS_BEFORE_TIMEOUT,
    SHIPPED_CONFIG,
    TICK_BUDGET_SECONDS,
    VARIABLES,
    Application,
    Settings,
)

READ = {variable.name: variable for variable in VARIABLES}
NOTIFIERS = [name for name in FUNCTIONS if name.startswith("notify_")]
# Lambda sets it itself, and refuses a template that does.
RESERVED = {"AWS_REGION"}
SENT_BY_WEBHOOK = {
    kind.removesuffix("-out")
    for kind in TEMPLATE["Resources"]["NotifyWebhookFunction"]["Properties"]["Events"]["Notifications"]["Properties"][
        "FilterPolicy"
    ]["integration"]
}
# What a function needs, besides.
COMPLETE = {
    "TOCSIN_TABLE": "table",
    "TOCSIN_TOPIC_ARN": "arn",
    "TOCSIN_TIMER_QUEUE_URL": "url",
    "TOCSIN_STATE_MACHINE_ARN": "arn",
    "TOCSIN_PROMETHEUS_URL": "http://localhost:9090",
}


def timeout(function: str) -> timedelta:
    """Return how long the template lets a function run."""
    properties = TEMPLATE["Resources"][FUNCTIONS[function]]["Properties"]
    return timedelta(seconds=properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"]))


class TestTheTemplateAgrees:
    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_each_variable_that_is_set_is_read(self, function: str):
        assert set(template_variables(FUNCTIONS[function])) <= set(READ)

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_each_variable_that_a_function_needs_is_set(self, function: str):
        needed = {variable.name for variable in VARIABLES if function in variable.needed_by}
        assert needed - RESERVED <= set(template_variables(FUNCTIONS[function]))

    def test_only_functions_need_variables(self):
        assert {function for variable in VARIABLES for function in variable.needed_by} <= set(FUNCTIONS)

    def test_no_variable_is_listed_twice(self):
        assert len(READ) == len(VARIABLES)

    def test_a_function_s_name_in_logs_and_metrics_is_its_folder_s(self):
        names = {
            name: template_variables(logical_id)["POWERTOOLS_SERVICE_NAME"] for name, logical_id in FUNCTIONS.items()
        }
        assert names == {name: name for name in FUNCTIONS}

    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_a_notifier_knows_its_own_secret_and_no_other(self, function: str):
        secrets = {name for name in template_variables(FUNCTIONS[function]) if name.startswith("TOCSIN_SECRET_")}
        # The watchdog's arrival is told by the function of the webhooks.
        heartbeat = {"TOCSIN_SECRET_HEARTBEAT"} if function == "notify_webhook" else set()
        # What a person reads has links that are signed.
        links = set() if function == "notify_pagerduty" else {"TOCSIN_SECRET_LINKS"}
        assert secrets == {f"TOCSIN_SECRET_{function.removeprefix('notify_').upper()}", *heartbeat, *links}


class TestTimesFitIntoEachOther:
    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_a_claim_outlives_whoever_holds_it(self, function: str):
        assert timeout(function) < deliveries.LEASE

    def test_a_notification_is_told_again_only_after_its_claim_is_over(self):
        assert dispatch.LEAST_RETRY_AFTER > deliveries.LEASE

    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_a_notifier_gives_up_before_it_is_stopped(self, function: str):
        default: Any = Http.__dataclass_fields__["budget_seconds"].default
        posting = timedelta(seconds=default)
        assert posting + timedelta(seconds=10) < timeout(function)
        assert timedelta(seconds=channel.DELIVERY_SECONDS + 10) < timeout(function)
        assert channel.LONGEST_TIMEOUT_SECONDS < channel.DELIVERY_SECONDS

    @pytest.mark.parametrize("seconds", [1, 10, 60])
    def test_a_tick_s_queries_end_before_the_next_tick_and_before_it_is_stopped(self, seconds: int):
        budget = timedelta(
            seconds=application("evaluate", TOCSIN_TICK_SECONDS=str(seconds)).evaluator.query_budget_seconds
        )
        assert budget < timedelta(seconds=seconds)
        assert budget + timedelta(seconds=20) < timeout("evaluate")

    @pytest.mark.parametrize(
        ("tick", "left", "seconds"),
        [(60, None, 45.0), (60, 55_000, 45.0), (60, 30_000, 20.0), (10, 55_000, 9.0), (60, 4_000, -6.0)],
        ids=["no runtime", "a fresh invocation", "a cold start", "short ticks", "nearly stopped"],
    )
    def test_a_tick_s_patience_is_over_before_the_next_tick_and_before_it_is_stopped(
        self, tick: int, left: int | None, seconds: float
    ):
        context = None if left is None else SimpleNamespace(get_remaining_time_in_millis=lambda: left)
        begun = time.monotonic()
        patience = application("evaluate", TOCSIN_TICK_SECONDS=str(tick)).patience(context)
        assert begun + seconds <= patience.until <= time.monotonic() + seconds
        assert not patience.is_over or seconds < 0 or time.monotonic() > begun + seconds
        assert timedelta(seconds=TICK_BUDGET_SECONDS + SECONDS_BEFORE_TIMEOUT) <= timeout("evaluate")

    @pytest.mark.parametrize(
        ("queue", "function"), [("TimerQueue", "dispatch"), ("TickQueue", "evaluate"), ("ActionQueue", "act")]
    )
    def test_a_message_stays_invisible_while_it_is_worked_on(self, queue: str, function: str):
        visible = timedelta(seconds=TEMPLATE["Resources"][queue]["Properties"]["VisibilityTimeout"])
        assert visible >= timeout(function)

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_a_call_to_aws_that_hangs_ends_before_the_function_does(self, function: str):
        config: Any = CLIENT_CONFIG
        one = timedelta(seconds=config.connect_timeout + config.read_timeout)
        assert one < timeout(function)

    def test_the_template_s_ticks_are_ticks_that_the_code_takes(self):
        parameter = TEMPLATE["Parameters"]["TickSeconds"]
        for seconds in (parameter["MinValue"], parameter["Default"], parameter["MaxValue"]):
            assert Settings.read({"TOCSIN_TICK_SECONDS": str(seconds)}).tick == timedelta(seconds=seconds)


def application(function: str = "evaluate", **variables: str) -> Application:
    return Application(function, {**COMPLETE, **variables})


class TestSettings:
    @pytest.mark.parametrize(
        ("variables", "problems"),
        [
            pytest.param({}, [], id="nothing is set that has a default"),
            pytest.param({"TOCSIN_TICK_SECONDS": "", "TOCSIN_PROMETHEUS_AUTH": ""}, [], id="what is empty is unset"),
            pytest.param(
                {"TOCSIN_PROMETHEUS_AUTH": "basic"},
                ["TOCSIN_PROMETHEUS_AUTH is 'basic' (expected none or sigv4)"],
                id="an authentication that nobody knows",
            ),
            pytest.param(
                {"TOCSIN_TICK_SECONDS": "90", "TOCSIN_PROMETHEUS_AUTH": "x"},
                [
                    "TOCSIN_PROMETHEUS_AUTH is 'x' (expected none or sigv4)",
                    "TOCSIN_TICK_SECONDS is '90' (expected whole seconds, 1 to 60)",
                ],
                id="all of it at once",
            ),
            pytest.param(
                {"TOCSIN_ALLOWED_TARGETS": "hooks.example.org, https://a.example", "TOCSIN_TICK_SECONDS": "90"},
                [
                    "TOCSIN_TICK_SECONDS is '90' (expected whole seconds, 1 to 60)",
                    "TOCSIN_ALLOWED_TARGETS holds 'https://a.example'"
                    " (expected for example hooks.example.org, *.example.org, 10.0.0.0/8 or *)",
                ],
                id="a target that is none, and what else is wrong",
            ),
            pytest.param({"TOCSIN_ALLOWED_TARGETS": "*, 127.0.0.1 *.example.org"}, [], id="targets"),
            *(
                pytest.param(
                    {"TOCSIN_TICK_SECONDS": text},
                    [f"TOCSIN_TICK_SECONDS is {text!r} (expected whole seconds, 1 to 60)"],
                    id=f"a tick of {text!r}",
                )
                for text in ("0", "61", "-10", "10s", "1.5", "²")
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, variables: dict[str, str], problems: list[str]):
        found: tuple[str, ...] = ()
        try:
            Settings.read(COMPLETE | variables, "evaluate")
        except SettingsError as error:
            found = error.problems
        assert list(found) == problems

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_what_a_function_needs_is_named_with_its_purpose(self, function: str):
        with pytest.raises(SettingsError) as raised:
            Settings.read({}, function)
        assert "TOCSIN_TABLE is not set (name of the DynamoDB table)" in raised.value.problems
        needed = [variable.name for variable in VARIABLES if function in variable.needed_by]
        assert [problem.partition(" is not set")[0] for problem in raised.value.problems] == needed

    def test_the_command_line_needs_nothing(self):
        assert Settings.read({}).tick == timedelta(seconds=60)

    def test_an_unset_variable_has_its_default(self):
        settings = Settings.read({"TOCSIN_STAGE": "", "TOCSIN_URL": "http://x"})
        assert (settings.get("TOCSIN_STAGE"), settings.get("TOCSIN_URL"), settings.get("CONFIG_URI")) == (
            "dev",
            "http://x",
            "",
        )

    def test_secrets_are_named_as_references_name_them(self):
        settings = Settings.read({"TOCSIN_SECRET_SLACK": "arn", "TOCSIN_SECRET_MY_OWN": "name", "TOCSIN_SECRET_NO": ""})
        assert settings.secret_names == {"slack": "arn", "my-own": "name"}


class TestApplication:
    @pytest.mark.parametrize(
        ("uri", "kind"), [("", FolderSource), ("s3://bucket/prefix", S3Source), ("/somewhere", FolderSource)]
    )
    def test_configuration_comes_from_where_the_uri_says(self, uri: str, kind: type[Any]):
        assert isinstance(application(CONFIG_URI=uri).source, kind)

    def test_without_a_uri_it_is_what_is_shipped(self):
        assert (SHIPPED_CONFIG / "alertmanager.yml").exists()
        assert application().configurations is not None

    def test_nothing_is_signed_unless_it_is_said(self):
        assert application().metrics.sign is None
        signed = application(TOCSIN_PROMETHEUS_AUTH="sigv4", AWS_REGION="eu-west-1")
        assert signed.metrics.sign is not None
        assert isinstance(signed.metrics, Prometheus)

    @pytest.mark.parametrize(
        ("host", "region"),
        [
            ("aps-workspaces.us-east-1.amazonaws.com", "us-east-1"),
            ("APS-WORKSPACES.us-east-1.amazonaws.com:443", "us-east-1"),
            ("aps-workspaces-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("aps-workspaces.ap-southeast-2.api.aws", "ap-southeast-2"),
            ("aps-workspaces.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("vpce-0a1-2b3.aps-workspaces.us-east-1.vpce.amazonaws.com", "us-east-1"),
            ("prometheus.example.org", "eu-west-1"),
            ("aps-workspaces.us-east-1.example.org", "eu-west-1"),
            ("my-aps-workspaces.us-east-1.amazonaws.com", "eu-west-1"),
        ],
    )
    def test_queries_are_signed_for_the_workspaces_region_and_for_ones_own_elsewhere(
        self, host: str, region: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        url = f"https://{host}/workspaces/ws-1"
        named = {"TOCSIN_PROMETHEUS_URL": url, "AWS_REGION": "eu-west-1"}
        sign = application(TOCSIN_PROMETHEUS_AUTH="sigv4", **named).metrics.sign
        assert sign is not None
        assert f"/{region}/aps/aws4_request" in sign("POST", url, {}, b"")["Authorization"]

    def test_links_hold_no_credentials(self):
        evaluator = application(TOCSIN_PROMETHEUS_URL="https://ada:secret@prometheus.example.org/x").evaluator
        assert evaluator.graph_url == "https://prometheus.example.org/x"

    def test_signed_queries_have_no_page_to_link_to(self):
        assert application(TOCSIN_PROMETHEUS_AUTH="sigv4", AWS_REGION="eu-west-1").evaluator.graph_url == ""

    def test_only_evaluate_keeps_configuration(self):
        keeps = {name: application(name).configurations._keeps for name in ("evaluate", "dispatch")}
        assert keeps == {"evaluate": True, "dispatch": False}

    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_each_notifier_has_its_sender(self, function: str):
        sender = application(function, AWS_REGION="eu-west-1").sender(function)
        modules = {"notify_email": "mail_sender", "notify_webhook": "builtins"}
        assert type(sender).__module__.endswith(modules.get(function, function.removeprefix("notify_")))

    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind.value in SENT_BY_WEBHOOK])
    def test_each_kind_of_the_webhooks_function_has_its_sender(self, kind: Kind):
        sender = application("notify_webhook", AWS_REGION="eu-west-1").senders.of_kind(kind.value)
        assert type(sender).__module__.endswith({"sns": "sns_out"}.get(kind.value, kind.value))

    def test_an_integration_that_nobody_delivers_is_said(self):
        with pytest.raises(ValueError, match="no sender delivers 'pigeon'"):
            application("notify_pigeon").sender("notify_pigeon")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_handler_builds_and_reads_nothing(bare: Deployment, function: str):
    module = bare.load(function, without=tuple(READ))
    assert "settings" not in vars(module.app)
    assert "_clients" not in vars(module.app)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(monkeypatch)


def test_the_shipped_configuration_is_in_the_artifact():
    functions = Path(__file__).parents[1] / "functions"
    assert SHIPPED_CONFIG.is_relative_to(functions)
    assert TEMPLATE["Globals"]["Function"]["CodeUri"] == "functions/"
