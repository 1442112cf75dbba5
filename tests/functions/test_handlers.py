"""Each function with each of its events, in process, on moto: what AWS would see of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from dev.receivers import Receivers
from tests.adapters.endpoint import Answered, Endpoint, vector
from tests.functions.deployment import FUNCTIONS, Deployment, allowed_actions
from tests.functions.happenings import BAD, RULE, api_event, queue_event, read, shipped
from tocsin.core.notifications import format_time
from tocsin.errors import DeliveryError, EventError, SettingsError

EXPR = next(rule.expr for rule in shipped().rules() if rule.name == RULE)
RULE_KEY = next(rule.key for rule in shipped().rules() if rule.name == RULE)
NOTIFIERS = ("notify_slack", "notify_pagerduty", "notify_email", "notify_webhook")
BROKEN = Answered(status=503, body=b"out of order")


def tick(minutes: float) -> dict[str, str]:
    return {"now": format_time(BAD + timedelta(minutes=minutes))}


def goes_bad(deployed: Deployment, metrics: Endpoint) -> str:
    """Have the error rate go over its threshold and evaluate once; returns the group that was told."""
    metrics.say({EXPR: vector(({}, 0.0723))})
    deployed.invoke("evaluate", read("evaluate_schedule"))
    (timer,) = deployed.messages("TimerQueue")
    return str(timer["group"])


def opens(deployed: Deployment, metrics: Endpoint) -> str:
    """Go on until the group was looked at; returns the incident that this opened."""
    goes_bad(deployed, metrics)
    deployed.invoke("dispatch", read("dispatch_timer"))
    (head,) = [item for item in deployed.items("incident#") if item["sk"]["S"] == "head"]
    return str(head["id"]["S"])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return everything that was logged; what is no JSON fails."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestEvaluate:
    def test_an_alert_that_fires_is_told_and_remembered(self, deployed: Deployment, metrics: Endpoint):
        metrics.say({EXPR: vector(({}, 0.0723))})
        answer = deployed.invoke("evaluate", read("evaluate_schedule"))
        assert answer == {
            "now": "2025-11-20T03:01:00+00:00",
            "rules": 7,
            "failed": 0,
            "transitions": 2,
            "not_written": 0,
            "overdue_groups": 0,
            "unfinished": 0,
        }
        assert [item["sk"]["S"] for item in deployed.items("rules")] == [RULE_KEY]
        (timer,) = deployed.messages("TimerQueue")
        assert timer["group"] == json.loads(read("dispatch_timer")["Records"][0]["body"])["group"]

    def test_the_event_of_the_queue_is_a_tick_as_well(self, deployed: Deployment, metrics: Endpoint):
        metrics.say({EXPR: vector(({}, 0.0723))})
        assert deployed.invoke("evaluate", read("evaluate_tick"))["now"] == "2025-11-20T03:01:15+00:00"

    def test_the_same_tick_twice_is_once(self, deployed: Deployment, metrics: Endpoint):
        goes_bad(deployed, metrics)
        before = deployed.items()
        answer = deployed.invoke("evaluate", read("evaluate_schedule"))
        assert (answer["transitions"], answer["not_written"]) == (0, 0)
        assert deployed.items() == before
        assert len(deployed.messages("TimerQueue")) == 1

    def test_a_tick_that_comes_late_does_nothing(self, deployed: Deployment, metrics: Endpoint):
        goes_bad(deployed, metrics)
        before = deployed.items()
        metrics.say({})
        deployed.invoke("evaluate", tick(0))
        assert deployed.items() == before

    @pytest.mark.parametrize("fires", [True, False], ids=["an alert fires all the time", "all is well"])
    def test_a_tick_in_which_nothing_changed_writes_nothing(
        self, deployed: Deployment, metrics: Endpoint, *, fires: bool
    ):
        if fires:
            opens(deployed, metrics)
        module = deployed.load("evaluate")
        module.handler(tick(2), None)  # a cold start also looks at what configuration is kept
        before = deployed.items()
        deployed.actions["evaluate"].clear()
        assert module.handler(tick(3), None)["transitions"] == 0
        assert deployed.actions["evaluate"] == {"dynamodb:Query"}
        assert deployed.items() == before

    def test_a_failing_endpoint_resolves_nothing_and_the_health_says_why(self, deployed: Deployment, metrics: Endpoint):
        goes_bad(deployed, metrics)
        data = next(item["data"] for item in deployed.items("rules"))
        metrics.say({EXPR: Answered(status=422, body=b'{"status":"error","errorType":"execution","error":"oom"}')})
        assert deployed.invoke("evaluate", tick(2))["failed"] == 1
        head = next(item for item in deployed.items("rules") if item["sk"]["S"] == RULE_KEY)
        assert (head["health"], head["data"]) == ({"S": "err"}, data)
        assert head["error"]["S"].startswith("HTTP 422: execution: oom (http://127.0.0.1:")
        metrics.say({EXPR: vector(({}, 0.0723))})
        assert deployed.invoke("evaluate", tick(3))["failed"] == 0
        head = next(item for item in deployed.items("rules") if item["sk"]["S"] == RULE_KEY)
        assert (head["health"], head["data"]) == ({"S": "ok"}, data)

    @pytest.mark.parametrize(
        ("seconds", "delays"), [("60", []), ("20", [20, 40]), ("25", [25, 50])], ids=lambda value: str(value)
    )
    def test_ticks_within_the_minute_are_delayed_messages(
        self,
        deployed: Deployment,
        metrics: Endpoint,
        seconds: str,
        delays: list[int],
    ):
        module = deployed.load("evaluate", TOCSIN_TICK_SECONDS=seconds)
        module.handler(read("evaluate_schedule"), None)
        ticks = [datetime.fromisoformat(each["now"]) for each in deployed.messages("TickQueue")]
        assert [(at - BAD).total_seconds() - 60 for at in ticks] == delays
        module.handler(read("evaluate_tick"), None)
        assert len(deployed.messages("TickQueue")) == len(delays), "only the schedule sends ticks"

    def test_metrics_and_lines_are_json_under_the_functions_name(
        self, deployed: Deployment, metrics: Endpoint, capsys: pytest.CaptureFixture[str]
    ):
        goes_bad(deployed, metrics)
        said = lines(capsys)
        changed = next(line for line in said if line.get("message") == "alert_changed")
        assert (changed["service"], changed["rule"], changed["level"]) == ("evaluate", RULE, "INFO")
        (emitted,) = [line for line in said if "_aws" in line]
        assert emitted["service"] == "evaluate"
        assert emitted["TickCompleted"] == [1.0]
        assert emitted["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


class TestDispatch:
    def test_a_group_is_told_and_its_escalation_started(self, deployed: Deployment, metrics: Endpoint):
        incident = opens(deployed, metrics)
        (told,) = deployed.published()
        assert (told["receiver"], told["status"], told["incident"]) == ("default", "firing", incident)
        executions = deployed.client("stepfunctions").list_executions(
            stateMachineArn=deployed["EscalationStateMachine"]
        )["executions"]
        assert [execution["name"] for execution in executions] == [incident]

    def test_the_same_timer_twice_is_once(self, deployed: Deployment, metrics: Endpoint):
        opens(deployed, metrics)
        assert deployed.invoke("dispatch", read("dispatch_timer")) == {"batchItemFailures": []}
        assert len(deployed.published()) == 1

    def test_a_group_that_is_gone_is_no_failure(self, deployed: Deployment):
        assert deployed.invoke("dispatch", read("dispatch_timers")) == {"batchItemFailures": []}
        assert deployed.published() == []

    def test_a_timer_before_its_time_hops(self, deployed: Deployment, metrics: Endpoint):
        group = goes_bad(deployed, metrics)
        later = queue_event("TimerQueue", {"group": group, "at": "2999-01-01T00:00:00Z"})
        assert deployed.invoke("dispatch", later) == {"batchItemFailures": []}
        assert [each["at"] for each in deployed.messages("TimerQueue")][1:] == ["2999-01-01T00:00:00Z"]
        assert deployed.published() == []

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param("{", id="no JSON"),
            pytest.param("[]", id="no object"),
            pytest.param('{"at": "2025-11-20T03:01:30Z"}', id="no group"),
            pytest.param('{"group": "a"}', id="no time"),
            pytest.param('{"group": "a", "at": "2025-11-20T03:01:30"}', id="a time without a zone"),
        ],
    )
    def test_one_bad_timer_alone_comes_back(
        self, deployed: Deployment, metrics: Endpoint, capsys: pytest.CaptureFixture[str], body: str
    ):
        group = goes_bad(deployed, metrics)
        event = queue_event("TimerQueue", body, {"group": group, "at": format_time(BAD)})
        bad = event["Records"][0]["messageId"]
        assert deployed.invoke("dispatch", event) == {"batchItemFailures": [{"itemIdentifier": bad}]}
        assert len(deployed.published()) == 1
        failed = next(line for line in lines(capsys) if line.get("message") == "timer_failed")
        assert (failed["message_id"], failed["body"]) == (bad, body)
        assert failed["error"].startswith("EventError: a timer ")

    def test_without_its_settings_every_timer_comes_back_and_the_log_names_them_all(
        self, deployed: Deployment, capsys: pytest.CaptureFixture[str]
    ):
        module = deployed.load("dispatch", without=("TOCSIN_TABLE", "TOCSIN_TOPIC_ARN"))
        event = read("dispatch_timers")
        answer = module.handler(event, None)
        assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == [
            record["messageId"] for record in event["Records"]
        ]
        error = lines(capsys)[0]["error"]
        assert "SettingsError: TOCSIN_TABLE is not set" in error
        assert "TOCSIN_TOPIC_ARN is not set" in error

    def test_what_cannot_be_published_comes_back_and_stays_to_be_told(self, deployed: Deployment, metrics: Endpoint):
        goes_bad(deployed, metrics)
        deployed.client("sns").delete_topic(TopicArn=deployed["AlertsTopic"])
        event = read("dispatch_timer")
        answer = deployed.invoke("dispatch", event)
        assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
        (entry,) = [item for item in deployed.items("group#") if item["sk"]["S"].startswith("outbox#")]
        assert "due_at" in entry, "the sweep of a later tick finds it"
        machine = deployed["EscalationStateMachine"]
        started = deployed.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        assert len(started) == 1, "one entry's failure is not another's"


class TestEscalate:
    def test_the_first_step_is_taken_at_once_and_the_next_waited_for(self, deployed: Deployment, metrics: Endpoint):
        incident = opens(deployed, metrics)
        opened = next(i for i in deployed.items("incident#") if i["sk"]["S"] == "head")["opened_at"]["S"]
        answer = deployed.invoke("escalate", {"incident": incident, "now": opened})
        late = datetime.fromisoformat(answer.pop("until")) - datetime.fromisoformat(opened) - timedelta(minutes=5)
        assert timedelta(0) <= late < timedelta(seconds=1), "Step Functions waits for whole seconds"
        assert answer == {"action": "wait", "reason": "the next step is not due yet"}
        deployed.invoke("dispatch", read("dispatch_timer"))
        assert [told["receiver"] for told in deployed.published()] == ["default", "slack-warnings"]

    def test_the_same_question_twice_is_once(self, deployed: Deployment, metrics: Endpoint):
        incident = opens(deployed, metrics)
        question = {"incident": incident, "now": format_time(datetime.fromisoformat("2999-01-01T00:00:00Z"))}
        first = deployed.invoke("escalate", question)
        before = deployed.items()
        assert first == {"action": "stop", "reason": "every step was taken"}
        assert deployed.invoke("escalate", question) == first
        assert deployed.items() == before

    @pytest.mark.parametrize("name", ["escalate_first", "escalate_later"])
    def test_an_incident_that_nobody_knows_is_stopped(self, deployed: Deployment, name: str):
        assert deployed.invoke("escalate", read(name)) == {"action": "stop", "reason": "there is no such incident"}


def aimed(event: Any, receivers: Receivers) -> Any:
    """Return an event whose receiver is this machine's."""
    aimed_event = copy.deepcopy(event)
    for record in aimed_event["Records"]:
        told = json.loads(record["Sns"]["Message"])
        if told["integration"] == "pagerduty":
            told["settings"]["url"] = receivers.pagerduty_url
        elif told["integration"] == "webhook":
            del told["settings"]["url_file"]
            told["settings"]["url"] = receivers.webhook_url("hook")
        record["Sns"]["Message"] = json.dumps(told)
    return aimed_event


def fill_secrets(deployed: Deployment, receivers: Receivers) -> None:
    deployed.keep_secret("SlackSecret", warnings=receivers.slack_url("warnings"))
    deployed.keep_secret("PagerdutySecret", oncall="0123456789abcdef0123456789abcdef")


def sent_count(deployed: Deployment, receivers: Receivers) -> int:
    """Return how many messages were taken, by whatever channel."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    assert [each.problems for each in receivers.received] == [()] * len(receivers.received)
    return len(receivers.received) + len(ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages)


def deliveries(deployed: Deployment) -> list[Mapping[str, Any]]:
    return [item for item in deployed.items("delivery#") if "outcome" in item]


class TestNotifiers:
    @pytest.mark.parametrize("status", ["firing", "resolved"])
    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_a_notification_is_delivered_once_and_recorded(
        self, deployed: Deployment, receivers: Receivers, function: str, status: str
    ):
        fill_secrets(deployed, receivers)
        event = aimed(read(f"{function}_{status}"), receivers)
        identity = json.loads(event["Records"][0]["Sns"]["Message"])["id"]
        assert deployed.invoke(function, event) == {identity: "delivered"}
        assert sent_count(deployed, receivers) == 1
        (delivery,) = deliveries(deployed)
        assert (delivery["state"], delivery["status"]) == ({"S": "delivered"}, {"S": status})
        assert deployed.invoke(function, event) == {identity: "already delivered"}
        assert sent_count(deployed, receivers) == 1

    @pytest.mark.parametrize("function", NOTIFIERS)
    def test_what_is_older_than_what_was_delivered_is_dropped(
        self, deployed: Deployment, receivers: Receivers, function: str
    ):
        fill_secrets(deployed, receivers)
        newer, older = read(f"{function}_resolved"), read(f"{function}_firing")
        deployed.invoke(function, aimed(newer, receivers))
        assert list(deployed.invoke(function, aimed(older, receivers)).values()) == ["something newer was delivered"]
        assert sent_count(deployed, receivers) == 1

    @pytest.mark.parametrize(
        ("function", "clue"),
        [
            ("notify_slack", "not configured: secret:slack#warnings: has no such key; put 'warnings' into"),
            ("notify_pagerduty", "not configured: secret:pagerduty#oncall: has no such key; put 'oncall' into"),
        ],
    )
    def test_a_secret_that_is_not_filled_is_recorded_and_not_raised(
        self, deployed: Deployment, capsys: pytest.CaptureFixture[str], function: str, clue: str
    ):
        assert list(deployed.invoke(function, read(f"{function}_firing")).values()) == ["failed for good"]
        (delivery,) = deliveries(deployed)
        assert delivery["state"] == {"S": "failed"}
        assert delivery["outcome"]["S"].startswith(clue)
        counted = [line for line in lines(capsys) if "NotificationsFailed" in line]
        assert {line.get("reason") for line in counted} == {None, "not configured"}

    @pytest.mark.parametrize(
        ("function", "variable"),
        [("notify_slack", "TOCSIN_SECRET_SLACK"), ("notify_pagerduty", "TOCSIN_SECRET_PAGERDUTY")],
    )
    def test_a_secret_that_the_environment_does_not_name_is_recorded_and_not_raised(
        self, deployed: Deployment, function: str, variable: str
    ):
        module = deployed.load(function, without=(variable,))
        assert list(module.handler(read(f"{function}_firing"), None).values()) == ["failed for good"]
        (delivery,) = deliveries(deployed)
        assert delivery["outcome"]["S"].startswith("not configured: ")
        assert f"{variable} is not set" in delivery["outcome"]["S"]

    def test_a_sender_that_is_missing_is_recorded_and_not_raised(self, deployed: Deployment):
        event = read("notify_email_firing")
        told = json.loads(event["Records"][0]["Sns"]["Message"])
        told["settings"].pop("from", None)
        event["Records"][0]["Sns"]["Message"] = json.dumps(told)
        assert list(deployed.invoke("notify_email", event).values()) == ["failed for good"]
        (delivery,) = deliveries(deployed)
        assert delivery["outcome"]["S"] == (
            "not configured: receiver email-oncall: there is no sender: set `from`, or TOCSIN_EMAIL_FROM"
        )

    def test_what_a_retry_can_help_is_raised_and_the_retry_waits_as_the_receiver_asked(
        self, deployed: Deployment, receivers: Receivers
    ):
        fill_secrets(deployed, receivers)
        # Longer than the invocation would wait itself.
        receivers.fail("/slack/warnings", status=429, headers={"Retry-After": "3600"})
        with pytest.raises(DeliveryError, match="answered 429"):
            deployed.invoke("notify_slack", read("notify_slack_firing"))
        (delivery,) = deliveries(deployed)
        assert delivery["state"] == {"S": "failed"}
        (outcome,) = deployed.invoke("notify_slack", read("notify_slack_firing")).values()
        assert outcome == "the receiver has asked for patience"
        (delivery,) = deliveries(deployed)
        assert (delivery["state"], delivery["attempts"]) == ({"S": "failed"}, {"N": "1"})


MALFORMED: dict[str, tuple[str, Any, str]] = {
    "evaluate is given nothing": ("evaluate", {}, "the schedule's event needs `now` as a time such as 2026-"),
    "evaluate is given null": ("evaluate", None, "the schedule's event needs `now`"),
    "evaluate is given no time": ("evaluate", {"now": "soon"}, "found 'soon'"),
    "evaluate is given a time without a zone": ("evaluate", {"now": "2025-11-20T03:00:00"}, "found '2025-11-20"),
    "evaluate is given a number": ("evaluate", {"now": 1763607600}, "needs `now` as a time such as"),
    "evaluate is given two ticks at once": (
        "evaluate",
        queue_event("TickQueue", {"now": "2025-11-20T03:00:00Z"}, {"now": "2025-11-20T03:00:10Z"}),
        "expected one tick in the queue's event, found 2",
    ),
    "evaluate is given a tick that is no JSON": (
        "evaluate",
        queue_event("TickQueue", "tick"),
        "a tick is a JSON object",
    ),
    "evaluate is given a notification": ("evaluate", read("notify_slack_firing"), "expected `messageId` and `body`"),
    "dispatch is given nothing": ("dispatch", {}, "expected `Records` as an SQS event has them, found {}"),
    "dispatch is given a tick": ("dispatch", {"now": "2025-11-20T03:00:00Z"}, "expected `Records` as an SQS event"),
    "dispatch is given records of another kind": ("dispatch", {"Records": ["x"]}, "expected `messageId` and `body`"),
    "act is given nothing": ("act", {}, "expected `Records` as an SQS event has them, found {}"),
    "act is given a notification": ("act", read("notify_slack_firing"), "expected `messageId` and `body`"),
    "escalate is given nothing": ("escalate", {}, "needs the text `incident`, found None"),
    "escalate is given no time": ("escalate", {"incident": "inc-1"}, "question needs `now` as a time"),
    "escalate is given a list": ("escalate", [], "needs the text `incident`"),
    **{
        f"{function} is given {what}": (function, event, clue)
        for function in NOTIFIERS
        for what, event, clue in (
            ("nothing", {}, "expected `Records` as an SNS event has them"),
            ("a timer", read("dispatch_timer"), "expected `Sns.Message` in each record of an SNS event"),
            ("no JSON", {"Records": [{"Sns": {"Message": "hello"}}]}, "a notification is a JSON object, found 'hello'"),
            ("another JSON", {"Records": [{"Sns": {"Message": "{}"}}]}, "not a notification of this version: no 'id'"),
        )
    },
}


@pytest.mark.parametrize(("function", "event", "clue"), MALFORMED.values(), ids=MALFORMED.keys())
def test_it_is_refused_with_a_clear_text_when(
    bare: Deployment, capsys: pytest.CaptureFixture[str], function: str, event: Any, clue: str
):
    with pytest.raises(EventError) as raised:
        bare.invoke(function, event)
    assert clue in str(raised.value)
    logged = lines(capsys)[0]
    assert (logged["level"], logged["message"]) == ("ERROR", "invocation_failed")
    assert clue in logged["error"]
    assert bare.actions[function] == set()


NEEDS = {
    "evaluate": ("TOCSIN_TABLE", "TOCSIN_TIMER_QUEUE_URL", "TOCSIN_PROMETHEUS_URL"),
    "escalate": ("TOCSIN_TABLE", "TOCSIN_TIMER_QUEUE_URL"),
    "notify_slack": ("TOCSIN_TABLE",),
    "notify_pagerduty": ("TOCSIN_TABLE",),
    "notify_email": ("TOCSIN_TABLE",),
    "notify_webhook": ("TOCSIN_TABLE",),
}
EVENT_OF = {"evaluate": "evaluate_schedule", "escalate": "escalate_first"} | {
    function: f"{function}_firing" for function in NOTIFIERS
}


@pytest.mark.parametrize("function", NEEDS)
def test_missing_variables_are_named_all_at_once(bare: Deployment, function: str):
    module = bare.load(function, without=NEEDS[function])
    with pytest.raises(SettingsError) as raised:
        module.handler(read(EVENT_OF[function]), None)
    named = [problem.partition(" is not set (")[0] for problem in raised.value.problems]
    assert named == list(NEEDS[function])


def test_each_function_may_do_what_it_does(deployed: Deployment, metrics: Endpoint, receivers: Receivers):
    """Every call of a whole story is one that the template's role of that function allows."""
    fill_secrets(deployed, receivers)
    metrics.say({EXPR: vector(({}, 0.0723))})
    module = deployed.load("evaluate")
    module.handler(read("evaluate_schedule"), None)
    deployed.invoke("dispatch", read("dispatch_timer"))
    incident = next(i for i in deployed.items("incident#") if i["sk"]["S"] == "head")["id"]["S"]
    deployed.invoke("escalate", {"incident": incident, "now": "2999-01-01T00:00:00Z"})
    deployed.invoke("dispatch", read("dispatch_timer"))
    for status in ("firing", "resolved"):
        for function in NOTIFIERS:
            event = aimed(read(f"{function}_{status}"), receivers)
            deployed.invoke(function, event)
            deployed.invoke(function, event)
    deployed.invoke("api", api_event("GET", "/api/v2/alerts"))
    taken = deployed.invoke("api", api_event("POST", f"/api/tocsin/v1/incidents/{incident}/acknowledge", body={}))
    assert taken["statusCode"] == 200
    for name in ("act_click", "act_command"):
        deployed.invoke("act", read(name))
    metrics.say({})
    deployed.invoke("evaluate", tick(30))
    used = {function: actions - allowed_actions(FUNCTIONS[function]) for function, actions in deployed.actions.items()}
    assert used == {function: set() for function in FUNCTIONS}
    assert "dynamodb:DeleteItem" in deployed.actions["notify_slack"], "deliveries are confirmed"
