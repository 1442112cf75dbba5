"""Where secrets come from, how long they are kept, and that no error holds one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tocsin.adapters.secrets import Secrets, resolve
from tocsin.errors import DeliveryError, FailureReason, SecretError, SecretUnavailableError

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-AbCdEf"
VALUE = "https://hooks.slack.com/services/T/B/SECRETVALUE"


@dataclass
class FakeSecretsManager:
    """Secrets by id: a text, bytes, or an error to raise."""

    texts: dict[str, Any]
    readings: list[str] = field(default_factory=list)

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        self.readings.append(SecretId)
        found = self.texts.get(SecretId, refusal("ResourceNotFoundException"))
        if isinstance(found, Exception):
            raise found
        return {"SecretBinary": found} if isinstance(found, bytes) else {"SecretString": found}


@dataclass
class FakeParameters:
    texts: dict[str, str]

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:
        assert WithDecryption
        if Name not in self.texts:
            raise refusal("ParameterNotFound")
        return {"Parameter": {"Value": self.texts[Name]}}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"no: {VALUE}"}}, "GetSecretValue")


def secrets(manager: FakeSecretsManager, parameters: FakeParameters | None = None) -> Secrets:
    return Secrets(
        {"slack": ARN, "pagerduty": ""},
        secretsmanager=lambda: cast(Any, manager),
        ssm=lambda: cast(Any, parameters or FakeParameters({})),
    )


def test_every_kind_of_reference(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"{VALUE}\n")
    manager = FakeSecretsManager({ARN: f'{{"warnings": " {VALUE} "}}', "plain": VALUE})
    each = secrets(manager, FakeParameters({"/tocsin/slack": VALUE, "json": f'{{"a": "{VALUE}"}}'}))
    references = [
        "secret:slack#warnings",
        f"secretsmanager:{ARN}#warnings",
        "secretsmanager:plain",
        "ssm:/tocsin/slack",
    ]
    for reference in [*references, "ssm:json#a", str(file)]:
        assert each.read(reference, now=NOW) == VALUE, reference


@pytest.mark.parametrize(
    ("stored", "reference", "said"),
    [
        pytest.param("{}", "secret:slack#warnings", "secret:slack#warnings: has no such key; put", id="{}"),
        pytest.param('{"warnings": ""}', "secret:slack#warnings", "is empty", id="an empty value"),
        pytest.param('{"warnings": 5}', "secret:slack#warnings", "the key's value is not a string", id="a number"),
        pytest.param(VALUE, "secret:slack#warnings", "is not a JSON object", id="no JSON"),
        pytest.param('["SECRETVALUE"]', "secret:slack#warnings", "is not a JSON object", id="a list"),
        pytest.param(b"SECRETVALUE", "secret:slack#warnings", "is binary", id="bytes"),
        pytest.param("{}", "secret:pagerduty#oncall", "TOCSIN_SECRET_PAGERDUTY is not set", id="a variable left empty"),
        pytest.param("{}", "secret:teams#x", "TOCSIN_SECRET_TEAMS is not set", id="a name nobody knows"),
        pytest.param("{}", "secretsmanager:other#x", "there is no such secret; create it", id="no such secret"),
        pytest.param("{}", "ssm:/nothing", "there is no such secret; create it", id="a parameter that is not there"),
        pytest.param("{}", "/no/such/file", "No such file or directory", id="a file that is not there"),
        pytest.param("{}", "secretsmanager:#x", "not a reference", id="no id"),
        pytest.param(refusal("AccessDeniedException"), "secret:slack#warnings", "may not be read", id="no permission"),
        pytest.param(refusal("InvalidRequestException"), "secret:slack#warnings", "restore the secret", id="deleted"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_else(stored: Any, reference: str, said: str) -> None:
    with pytest.raises(SecretError) as raised:
        secrets(FakeSecretsManager({ARN: stored})).read(reference, now=NOW)
    assert said in str(raised.value)
    assert "SECRETVALUE" not in str(raised.value)


def test_a_value_written_instead_of_a_reference_is_not_shown() -> None:
    with pytest.raises(SecretError) as raised:
        secrets(FakeSecretsManager({})).read(VALUE, now=NOW)
    assert str(raised.value).startswith("https:…: not a reference")
    with pytest.raises(SecretError, match=r"^\(not shown\): not a reference"):
        secrets(FakeSecretsManager({})).read("R0UT1NGSECRET", now=NOW)


def test_what_was_read_is_kept_for_five_minutes_and_reread_on_demand() -> None:
    manager = FakeSecretsManager({ARN: '{"a": "one", "b": "two"}'})
    each = secrets(manager)
    assert [each.read("secret:slack#a", now=NOW), each.read("secret:slack#b", now=NOW)] == ["one", "two"]
    each.read("secret:slack#a", now=NOW + timedelta(seconds=299))
    assert len(manager.readings) == 1
    each.read("secret:slack#a", now=NOW + timedelta(seconds=300))
    assert len(manager.readings) == 2
    manager.texts[ARN] = '{"a": "rotated"}'
    assert each.reread("secret:slack#a", now=NOW + timedelta(seconds=301)) == "rotated"
    assert len(manager.readings) == 3


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("InternalServiceError"),
        EndpointConnectionError(endpoint_url="https://x"),
    ],
    ids=["throttled", "broken", "unreachable"],
)
def test_an_outage_does_not_lose_what_is_known(error: Exception) -> None:
    manager = FakeSecretsManager({ARN: '{"a": "one"}'})
    each = secrets(manager)
    each.read("secret:slack#a", now=NOW)
    manager.texts[ARN] = error
    assert each.read("secret:slack#a", now=NOW + timedelta(hours=1)) == "one"
    assert each.reread("secret:slack#a", now=NOW + timedelta(hours=1)) == "one"


def test_an_outage_at_the_first_reading_may_be_over_in_a_moment() -> None:
    each = secrets(FakeSecretsManager({ARN: refusal("ThrottlingException")}))
    with pytest.raises(SecretUnavailableError):
        each.read("secret:slack#a", now=NOW)
    with pytest.raises(DeliveryError) as raised:
        resolve(each, "secret:slack#a", now=NOW)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.CONNECTION, True)


def test_a_sender_is_told_that_it_is_not_configured() -> None:
    with pytest.raises(DeliveryError) as raised:
        resolve(secrets(FakeSecretsManager({ARN: "{}"})), "secret:slack#a", now=NOW)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


def test_no_client_is_built_for_what_needs_none(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise AssertionError("built a client")

    file = tmp_path / "key"
    file.write_text("k")
    assert Secrets({}, secretsmanager=refuse, ssm=refuse).read(str(file), now=NOW) == "k"
