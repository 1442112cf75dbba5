"""The local stack's own mechanisms, on a small template of the same shapes: what is delivered, when, and how often."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from dev import build, expand, invoke, parameters
from dev.cloud import CloudError
from dev.emulator import Emulator, Function, Invocation, Worker
from dev.parameters import ParameterError
from dev.queues import failures
from dev.resources import UnknownResourceTypesError, check_types
from dev.stack import Stack, StackOptions

pytestmark = [pytest.mark.runtime, pytest.mark.stack]

TEMPLATE = Path(__file__).parent / "fixture" / "template.yaml"
PATIENCE_SECONDS = 60.0
COMES_TWICE = threading.Event()
T = TypeVar("T")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    artifacts = build.Artifacts(build.unbuilt(TEMPLATE), build.runtime())
    options = StackOptions(
        template=TEMPLATE,
        parameters={"Address": "oncall@example.org"},
        secrets={"slack": {"warnings": "https://hooks.example.org/1"}},
        tick_seconds=1.0,
        retry_seconds=(0.1, 0.2),
        artifacts=artifacts,
        comes_twice=COMES_TWICE.is_set,
    )
    with Stack(options) as running:
        yield running


def seen(
    stack: Stack, kind: str, wanted: Callable[[dict[str, Any]], bool] = lambda event: True
) -> list[dict[str, Any]]:
    """Return the events that a probe remembered, in their order."""
    table = stack.client("dynamodb")
    found = table.query(
        TableName=stack.physical_id("Table"),
        KeyConditionExpression="pk = :kind",
        ExpressionAttributeValues={":kind": {"S": kind}},
        ConsistentRead=True,
    )
    events = [json.loads(item["event"]["S"]) for item in found["Items"]]
    return [event for event in events if wanted(event)]


def eventually(ask: Callable[[], T], until: Callable[[T], bool]) -> T:
    """Ask again until the answer satisfies; return the last answer either way, so that the assertion can show it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def notify(stack: Stack, to: str, text: str, **texts: str) -> None:
    stack.client("sns").publish(
        TopicArn=stack.physical_id("Topic"),
        Subject="A subject",
        Message=json.dumps({"default": "for anyone", "lambda": text, **texts}),
        MessageStructure="json",
        MessageAttributes={"to": {"DataType": "String", "StringValue": to}},
    )


def messages(stack: Stack, logical_id: str) -> list[dict[str, Any]]:
    """Take what is in a queue."""
    answer = stack.client("sqs").receive_message(QueueUrl=stack.physical_id(logical_id), MaxNumberOfMessages=10)
    return answer.get("Messages", [])


@dataclass(frozen=True)
class Response:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def fetch(stack: Stack, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Response:
    address = urlsplit(stack.api_url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())


# ---------------------------------------------------------------- topic


def test_a_function_gets_a_notification_once_as_sns_sends_it(stack: Stack) -> None:
    notify(stack, "function", "hello")

    def hello() -> list[dict[str, Any]]:
        return seen(stack, "listener", lambda event: event["Records"][0]["Sns"]["Message"] == "hello")

    assert len(eventually(hello, bool)) == 1
    time.sleep(0.3)  # long enough for a second delivery, if there were one
    (event,) = hello()
    (record,) = event["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["Sns"]["TopicArn"] == stack.physical_id("Topic")
    assert record["Sns"]["MessageAttributes"] == {"to": {"Type": "String", "Value": "function"}}
    assert record["Sns"]["Subject"] == "A subject"


def test_filter_policies_decide_who_hears_and_mail_gets_its_own_text(stack: Stack) -> None:
    notify(stack, "nobody", "unheard")
    notify(stack, "mail", "unheard", email="for people")
    mails = eventually(stack.emails, bool)
    assert [(mail.via, mail.to, mail.subject, mail.text) for mail in mails] == [
        ("sns", ("oncall@example.org",), "A subject", "for people")
    ]
    assert seen(stack, "listener", lambda event: event["Records"][0]["Sns"]["Message"] == "unheard") == []


def test_a_function_that_fails_is_tried_three_times_and_then_its_event_is_kept(stack: Stack) -> None:
    notify(stack, "function", "fail")
    (message,) = eventually(lambda: messages(stack, "Failed"), bool)
    kept = json.loads(message["Body"])
    assert kept["requestContext"]["condition"] == "RetriesExhausted"
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    assert kept["responsePayload"]["errorType"] == "ValueError"
    assert kept["requestPayload"]["Records"][0]["Sns"]["Message"] == "fail"
    attempts = seen(stack, "listener", lambda event: event["Records"][0]["Sns"]["Message"] == "fail")
    assert len(attempts) == 3
    assert attempts[0] == attempts[2], "a retry is the same event"


# ---------------------------------------------------------------- queue


def received(stack: Stack, body: str) -> list[dict[str, Any]]:
    return [record for event in seen(stack, "worker") for record in event["Records"] if record["body"] == body]


def test_a_message_is_delivered_once_and_not_before_its_delay(stack: Stack) -> None:
    sent = time.time()
    queue = stack.physical_id("Jobs")
    attributes = {"colour": {"DataType": "String", "StringValue": "red"}}
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=1, MessageAttributes=attributes)
    (record,) = eventually(lambda: received(stack, "later"), bool)
    first = float(record["attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000
    assert first - sent >= 1.0
    assert record["messageAttributes"]["colour"]["stringValue"] == "red"
    assert (
        eventually(
            lambda: stack.client("sqs").get_queue_attributes(
                QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
            )["Attributes"]["ApproximateNumberOfMessagesNotVisible"],
            lambda n: n == "0",
        )
        == "0"
    )


def test_only_what_a_batch_reports_as_failed_comes_again_and_in_the_end_goes_to_the_dead_letters(stack: Stack) -> None:
    bodies = ["good", "bad once", "bad forever"]
    stack.client("sqs").send_message_batch(
        QueueUrl=stack.physical_id("Jobs"),
        Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)],
    )
    (dead,) = eventually(lambda: messages(stack, "Failed"), bool)
    assert dead["Body"] == "bad forever"
    counts = {body: [r["attributes"]["ApproximateReceiveCount"] for r in received(stack, body)] for body in bodies}
    assert counts == {"good": ["1"], "bad once": ["1", "2"], "bad forever": ["1", "2"]}


def test_what_is_to_come_twice_does(stack: Stack) -> None:
    def said(event: dict[str, Any]) -> bool:
        return event["Records"][0]["Sns"]["Message"] == "and again"

    COMES_TWICE.set()
    try:
        notify(stack, "function", "and again")
        stack.client("sqs").send_message(QueueUrl=stack.physical_id("Jobs"), MessageBody="and again")
        assert len(eventually(lambda: seen(stack, "listener", said), lambda found: len(found) == 2)) == 2
        assert len(eventually(lambda: received(stack, "and again"), lambda found: len(found) == 2)) == 2
    finally:
        COMES_TWICE.clear()


@pytest.mark.parametrize(
    ("case", "payload", "errored", "reports", "failed"),
    [
        ("no answer is success", None, False, True, set()),
        ("an empty list is success", {"batchItemFailures": []}, False, True, set()),
        ("null is success", {"batchItemFailures": None}, False, True, set()),
        ("one is named", {"batchItemFailures": [{"itemIdentifier": "a"}]}, False, True, {"a"}),
        ("an unknown id fails all", {"batchItemFailures": [{"itemIdentifier": "x"}]}, False, True, {"a", "b"}),
        ("an empty id fails all", {"batchItemFailures": [{"itemIdentifier": ""}]}, False, True, {"a", "b"}),
        ("a wrong key fails all", {"batchItemFailures": [{"id": "a"}]}, False, True, {"a", "b"}),
        ("an error fails all", {"errorType": "E", "errorMessage": ""}, True, True, {"a", "b"}),
        ("nobody asked for reports", {"batchItemFailures": [{"itemIdentifier": "a"}]}, False, False, set()),
    ],
)
def test_partial_batch_responses_are_read_as_lambda_reads_them(
    case: str, payload: Any, errored: bool, reports: bool, failed: set[str]
) -> None:
    assert failures(Invocation(payload, errored, ""), ["a", "b"], reports=reports) == failed, case


# ---------------------------------------------------------------- state machine


def test_the_state_machine_asks_waits_until_it_is_time_and_asks_again(stack: Stack) -> None:
    client = stack.client("stepfunctions")
    begun = datetime.now(UTC)
    until = (begun + timedelta(seconds=1.5)).isoformat().replace("+00:00", "Z")
    start = {
        "stateMachineArn": stack.physical_id("Machine"),
        "name": "one",
        "input": json.dumps({"until": until, "decision": {"asked": 0}}),
    }
    arn = client.start_execution(**start)["executionArn"]
    assert client.start_execution(**start)["executionArn"] == arn, "two starts of one name are one"
    done = eventually(lambda: client.describe_execution(executionArn=arn), lambda answer: answer["status"] != "RUNNING")
    assert done["status"] == "SUCCEEDED", done
    assert json.loads(done["output"])["decision"] == {"action": "stop", "asked": 2}
    first, second = (datetime.fromisoformat(event["now"]) for event in seen(stack, "decide"))
    assert (first - begun).total_seconds() < 1.0
    assert 1.5 <= (second - begun).total_seconds() < 2.5


# ---------------------------------------------------------------- schedule


def test_the_schedule_ticks_with_its_own_time(stack: Stack) -> None:
    ticks = eventually(lambda: seen(stack, "ticked"), lambda events: len(events) >= 3)
    # Two invocations beside each other may end in another order than they began.
    times = sorted(datetime.fromisoformat(tick["now"]) for tick in ticks)
    assert [(b - a).total_seconds() for a, b in pairwise(times)][:2] == [1.0, 1.0]
    assert ticks[0]["now"].endswith("Z")


# ---------------------------------------------------------------- HTTP API and workers


def test_a_request_becomes_a_payload_2_event_and_the_answer_a_response(stack: Stack) -> None:
    response = fetch(stack, "/items/7?a=1&a=2&b=", Cookie="x=1; y=2", Accept="application/json")
    event = response.json()
    assert response.status == 201
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /items/{id}"
    assert event["pathParameters"] == {"id": "7"}
    assert event["rawQueryString"] == "a=1&a=2&b="
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert event["cookies"] == ["x=1", "y=2"]
    assert event["headers"]["accept"] == "application/json"


@pytest.mark.parametrize(("content_type", "encoded"), [("application/json", False), ("image/png", True)])
def test_a_body_is_text_or_base64_by_its_type(stack: Stack, content_type: str, encoded: bool) -> None:
    event = fetch(stack, "/things", "POST", b"{}", **{"Content-Type": content_type}).json()
    assert (event["routeKey"], event["isBase64Encoded"]) == ("ANY /{proxy+}", encoded)
    assert event["body"] == ("e30=" if encoded else "{}")


@pytest.mark.parametrize("path", ["/crash", "/raise", "/sleep"])
def test_a_worker_that_exits_raises_or_runs_out_of_time_is_survived(stack: Stack, path: str) -> None:
    assert fetch(stack, path).status == 500
    assert fetch(stack, "/afterwards").status == 201


def test_a_worker_that_is_killed_gives_no_answer_and_the_next_event_has_another(tmp_path: Path) -> None:
    workers: list[Worker] = []
    probe = Function("probe", "Probe", "probe.api", TEMPLATE.parent / "functions", timeout_seconds=20)
    emulator = Emulator(
        {"probe": probe}, build.runtime(), tmp_path, sink=lambda name, line: None, on_invoke=workers.append
    )
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(emulator.invoke, "probe", {"rawPath": "/sleep"})
            assert eventually(lambda: [each.event for each in workers], any) == [b'{"rawPath": "/sleep"}']
            workers[0].kill()
            assert answer.result().payload["errorType"] == "Runtime.EmulatorLost"
        assert emulator.invoke("probe", {"rawPath": "/fine"}).payload["statusCode"] == 201
        assert len(workers) == 2
        assert [each.event for each in workers] == [None, None]
        assert workers[0] is not workers[1]
    finally:
        emulator.stop()


def test_errors_of_a_function_are_told_apart(stack: Stack) -> None:
    outcomes = {
        path: stack.invoke("ApiFunction", {"rawPath": path}) for path in ("/crash", "/raise", "/sleep", "/fine")
    }
    assert {path: (o.errored, o.payload.get("errorType")) for path, o in outcomes.items()} == {
        "/crash": (True, "Runtime.ExitError"),
        "/raise": (True, "RuntimeError"),
        "/sleep": (True, "Sandbox.Timedout"),
        "/fine": (False, None),
    }


def test_a_function_finds_what_lambda_would_have_and_nothing_of_this_environment(stack: Stack) -> None:
    answer = fetch(stack, "/environment").json()
    assert answer["modules"] == ["boto3", "awslambdaric"]
    assert "VIRTUAL_ENV" not in answer["names"]
    assert {"TABLE", "AWS_ENDPOINT_URL", "AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT"} <= set(answer["names"])


# ---------------------------------------------------------------- what the template says


def test_what_moto_leaves_out_of_the_template_is_there(stack: Stack) -> None:
    ttl = stack.client("dynamodb").describe_time_to_live(TableName=stack.outputs["TableName"])
    assert ttl["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert stack.outputs["ApiUrl"] == stack.api_url
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.physical_id("SlackSecret"))
    assert json.loads(secret["SecretString"]) == {"warnings": "https://hooks.example.org/1"}
    assert set(stack.inert) == {"Alarm", "HttpApiApiGatewayDefaultStage"}


def test_mail_by_ses_keeps_both_of_its_bodies(stack: Stack) -> None:
    stack.client("sesv2").send_email(
        FromEmailAddress="alerts@example.org",
        Destination={"ToAddresses": ["a@example.org"]},
        Content={"Simple": {"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "T"}, "Html": {"Data": "<p>H</p>"}}}},
    )
    mail = stack.emails()[-1]
    assert (mail.via, mail.sender, mail.to, mail.subject, mail.text, mail.html) == (
        "ses",
        "alerts@example.org",
        ("a@example.org",),
        "S",
        "T",
        "<p>H</p>",
    )


def test_calls_are_known_by_the_function_that_made_them(stack: Stack) -> None:
    stack.calls.clear()
    stack.invoke("DecideFunction", {"until": "2026-01-01T00:00:00Z"})
    calls = [(call.service, call.operation) for call in stack.calls.since() if call.caller == "DecideFunction"]
    assert calls == [("dynamodb", "PutItem")]


def test_there_is_one_stack_at_a_time(stack: Stack) -> None:
    artifacts = build.Artifacts(build.unbuilt(TEMPLATE), build.runtime())
    with (
        pytest.raises(CloudError, match="another local stack"),
        Stack(StackOptions(template=TEMPLATE, artifacts=artifacts)),
    ):
        pass
    assert fetch(stack, "/still-there").status == 201


def test_an_unknown_resource_type_stops_the_stack() -> None:
    template = expand.expand(TEMPLATE)
    template["Resources"]["Odd"] = {"Type": "AWS::Neptune::DBCluster"}
    with pytest.raises(UnknownResourceTypesError, match="Odd"):
        check_types(template)


def test_parameters_that_cloudformation_would_refuse_are_refused_all_at_once() -> None:
    declared = expand.expand(TEMPLATE)["Parameters"]
    with pytest.raises(ParameterError) as caught:
        parameters.check(declared, {"Address": "nobody", "Architecture": "mips", "Typo": "1"})
    assert caught.value.reasons == (
        "there is no parameter Typo",
        "Architecture='mips': is none of arm64, x86_64",
        "Address='nobody': an e-mail address, or empty",
    )


# ---------------------------------------------------------------- concurrency


def test_no_message_is_lost_or_doubled_while_others_are_deleted(stack: Stack) -> None:
    queue = stack.physical_id("Bulk")
    bodies = [f"many {i}" for i in range(120)]

    def send(part: list[str]) -> None:
        client = stack.client("sqs")
        for body in part:
            client.send_message(QueueUrl=queue, MessageBody=body)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, [bodies[i::4] for i in range(4)]))

    def arrived() -> list[str]:
        records = [record for event in seen(stack, "worker") for record in event["Records"]]
        return sorted(record["body"] for record in records if record["body"].startswith("many "))

    assert eventually(arrived, lambda found: len(found) >= len(bodies)) == sorted(bodies)


def test_conditional_writes_from_many_threads_lose_nothing(stack: Stack) -> None:
    table, key = stack.physical_id("Table"), {"pk": {"S": "counter"}, "sk": {"S": "one"}}
    stack.client("dynamodb").put_item(TableName=table, Item={**key, "n": {"N": "0"}})

    def increment(times: int) -> None:
        client = stack.client("dynamodb")
        while times:
            n = client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["n"]["N"]
            try:
                client.put_item(
                    TableName=table,
                    Item={**key, "n": {"N": str(int(n) + 1)}},
                    ConditionExpression="n = :n",
                    ExpressionAttributeValues={":n": {"N": n}},
                )
                times -= 1
            except client.exceptions.ConditionalCheckFailedException:
                continue

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(increment, [15] * 4))
    assert stack.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["n"]["N"] == "60"


# ---------------------------------------------------------------- make invoke


@pytest.mark.parametrize(
    ("case", "text", "said"),
    [
        ("a comma too many", '{"a": 1,}', r"event\.json:1:\d+: not JSON"),
        ("nothing at all", "", r"event\.json:1:1: not JSON"),
    ],
)
def test_a_malformed_event_is_refused_with_its_place(tmp_path: Path, case: str, text: str, said: str) -> None:
    (tmp_path / "event.json").write_text(text)
    with pytest.raises(invoke.UsageError, match=said):
        invoke.read_event(str(tmp_path / "event.json"))


def test_a_missing_event_is_named(tmp_path: Path) -> None:
    with pytest.raises(invoke.UsageError, match=r"nothing\.json cannot be read: No such file"):
        invoke.read_event(str(tmp_path / "nothing.json"))


def test_an_unknown_function_is_refused_with_the_nearest_name() -> None:
    invoke.check_function(TEMPLATE, "ApiFunction")
    with pytest.raises(invoke.UsageError, match=r"no function 'Worker'\. Did you mean WorkerFunction\?"):
        invoke.check_function(TEMPLATE, "Worker")
