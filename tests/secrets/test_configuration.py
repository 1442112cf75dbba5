"""A secret that stands in configuration where it must not is refused, and in no word of the refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.config.files import load, refusal
from tests.secrets.marks import Marks
from tocsin.config import integrations
from tocsin.config.blocks import Block
from tocsin.config.global_settings import Global
from tocsin.errors import ConfigError

# What a block needs beside its secret, or nothing would be said of the secret at all.
BESIDE: dict[str, dict[str, Any]] = {
    "email_configs": {"to": "a@example.org", "from": "b@example.org", "smarthost": "mail.example.org:587"},
    "telegram_configs": {"chat_id": 1},
    "wechat_configs": {"corp_id": "c"},
    "victorops_configs": {"routing_key": "r"},
    "rocketchat_configs": {},
    "sns_configs": {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:t"},
    "jira_configs": {"api_url": "https://jira.example.org", "project": "P", "issue_type": "I"},
    "webex_configs": {"room_id": "r"},
    "webhook_configs": {"url": "https://hooks.example.org/x"},
    "incidentio_configs": {"url": "https://api.incident.io/x"},
}
# Where a secret is inside `http_config`, as the path that leads to it.
INSIDE = (
    ("basic_auth", "password"),
    ("basic_auth", "password_file"),
    ("basic_auth",),
    ("authorization", "credentials"),
    ("authorization", "credentials_file"),
    ("authorization",),
    ("bearer_token",),
    ("bearer_token_file",),
    ("oauth2", "client_secret"),
    ("oauth2", "client_secret_file"),
    ("oauth2", "client_certificate_key"),
    ("oauth2",),
    ("http_headers", "X-Key", "secrets"),
    ("http_headers", "X-Key", "files"),
    ("http_headers", "X-Key"),
    ("http_headers",),
    ("tls_config", "key"),
    ("tls_config", "key_file"),
    ("tls_config",),
)
SHAPES = {
    "a text": lambda mark: mark,
    "a list": lambda mark: [mark],
    "a mapping": lambda mark: {"value": mark},
    "a URL": lambda mark: f"https://user:{mark}@example.org/{mark}",
    "a reference that is none": lambda mark: f"secret {mark}",
    "a reference of another kind": lambda mark: f"vault:{mark}",
}


def secret_keys() -> Iterator[tuple[str, str]]:
    """Yield each list of integrations with each of its keys that holds a secret, or refers to one."""
    for name, block in integrations.INTEGRATIONS.items():
        for clear, reference in block.secrets.items():
            yield name, clear
            yield name, reference
    yield from (("sns_configs", "sigv4"), ("webhook_configs", "url"))


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def with_receiver(kind: str, settings: dict[str, Any]) -> str:
    receivers = [{"name": "a", kind: [{**BESIDE.get(kind, {}), **settings}]}]
    return yaml.safe_dump({"route": {"receiver": "a"}, "receivers": receivers}, width=1000)


def said(text: str, **more: Any) -> list[str]:
    """Return what a person is told of a file, also where nothing keeps it from being used."""
    problems = refusal(text, **more)
    return problems or list(load(text, **more).warnings)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_keys_of_integrations(shape):
    marks, texts = Marks(), []
    for kind, key in secret_keys():
        texts += said(with_receiver(kind, {key: shape(marks(f"{kind} {key}", odd=True))}))
    assert len(texts) > 20
    assert marks.found_in(texts) == set()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("where", ["an integration", "global"])
def test_keys_of_http_config(shape, where):
    marks, texts = Marks(), []
    for path in INSIDE:
        config = nested(path, shape(marks(".".join(path), odd=True)))
        if where == "global":
            text = yaml.safe_dump(
                {"global": {"http_config": config}, "route": {"receiver": "a"}, "receivers": [{"name": "a"}]},
                width=1000,
            )
        else:
            text = with_receiver("webhook_configs", {"http_config": config})
        texts += said(text)
    assert len(texts) > 10
    assert marks.found_in(texts) == set()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_keys_of_global(shape):
    marks, texts = Marks(), []
    for clear, reference in Global.secrets.items():
        for key in (clear, reference):
            value = shape(marks(key, odd=True))
            document = {"global": {key: value}, "route": {"receiver": "a"}, "receivers": [{"name": "a"}]}
            texts += said(yaml.safe_dump(document, width=1000))
    assert len(texts) > 20
    assert marks.found_in(texts) == set()


BROKEN = {
    "a quote that nobody closes": 'receivers:\n- name: a\n  slack_configs:\n  - api_url: "https://MARK\n',
    "a tab": "receivers:\n- name: a\n  slack_configs:\n\t- api_url: MARK\n",
    "a colon too many": "receivers:\n- name: a\n  slack_configs:\n  - api_url: a: MARK\n",
    "an alias that nobody knows": "receivers:\n- name: a\n  slack_configs:\n  - api_url: *MARK\n",
    "a tag": "receivers:\n- name: a\n  slack_configs:\n  - api_url: !MARK x\n",
    "a secret behind its tag": "receivers:\n- name: a\n  slack_configs:\n  - api_url: !!binary MARK\n",
    "a secret for a key": "receivers:\n- name: a\n  slack_configs:\n  - MARK: api_url\n",
    "a secret for a list": "receivers:\n- name: a\n  slack_configs: MARK\n",
    "a secret in a list": "receivers:\n- name: a\n  slack_configs: [MARK]\n",
    "a control character": "receivers:\n- name: a\n  slack_configs:\n  - api_url: 'MARK\x01'\n",
    "a secret that stands twice": "receivers:\n- name: a\n  slack_configs:\n  - api_url: MARK\n    api_url: MARK\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_yaml_that_cannot_be_read(text):
    marks = Marks()
    problems = refusal(text.replace("MARK", marks("here")))
    assert problems
    # What stands in a key's place is a key; an alias and a tag are names.
    if not any(each in text for each in ("- MARK:", "*MARK", "!MARK")):
        assert marks.found_in(problems) == set()


def test_what_is_allowed_in_clear_is_in_no_error_either():
    marks, texts = Marks(), []
    allowed = {"TOCSIN_ALLOW_INLINE_SECRETS": "true"}
    for kind, key in secret_keys():
        settings = {key: marks(f"{kind} {key}", odd=True), "no_such_key": "x"}
        texts += refusal(with_receiver(kind, settings), environment=allowed)
    assert len(texts) > 20
    assert marks.found_in(texts) == set()


def test_a_secret_in_a_variable():
    marks = Marks()
    text = "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - api_url: ${TOCSIN_HOOK}\n"
    assert marks.found_in(refusal(text, environment={"TOCSIN_HOOK": marks("variable")})) == set()


@pytest.mark.parametrize("which", ["tick", "delivery"])
@pytest.mark.parametrize("wrong", ["", ", no_such_key: x", ", method: 7", ", http_config: x"])
def test_an_address_of_a_heartbeat_in_clear(which, wrong):
    marks = Marks()
    problems = refusal(tocsin=f"heartbeat: {{{which}: {{url: 'https://hc.example.org/{marks('ping')}'{wrong}}}}}")
    assert any("secret in clear text" in each for each in problems) or wrong
    assert problems
    assert marks.found_in(problems) == set()


def test_no_block_with_secrets_is_left_out():
    """A new one has to be looked at here: in `INSIDE`, by its being an integration, or by a test of its own."""
    integrating = {block.__name__ for block in integrations.INTEGRATIONS.values()}
    others = {block.__name__ for block in _all_blocks(Block) if block.secrets} - integrating
    inside = {"Authorization", "BasicAuth", "Global", "HttpConfig", "Oauth2", "TlsConfig", "_WebhookUrlBlock"}
    heartbeat = {"_Delivery", "_Tick"}
    assert others == inside | heartbeat


def test_keys_of_aws_stand_nowhere_in_clear():
    marks = Marks()
    keys = {"sigv4": {"region": "eu-west-1", "access_key": "AKIA", "secret_key": marks("secret key")}}
    problems = refusal(with_receiver("sns_configs", keys))
    assert any("secret in clear text" in each for each in problems)
    assert marks.found_in(problems) == set()


def _all_blocks(block: type[Block]) -> Iterator[type[Block]]:
    for each in block.__subclasses__():
        yield each
        yield from _all_blocks(each)


def test_the_search_sees_what_an_error_holds():
    marks = Marks()
    with pytest.raises(ConfigError) as refused:
        load(f"route: {{receiver: {marks('a name')}}}\nreceivers: [{{name: a}}]\n")
    assert {place for place, _ in marks.found_in([str(refused.value)])} == {"a name"}
