"""alertmanager.yml as the API shows it: no secret in it, and nothing else changed."""

from __future__ import annotations

import pytest

from tests.functions.happenings import ROOT
from tocsin.web.redaction import without_secrets

SECRETS = {
    "a URL": ("  slack_api_url: https://hooks.example/SECRET", "  slack_api_url: <secret>"),
    "in double quotes": ('  - api_url: "https://x/SECRET#1"  # ours', "  - api_url: <secret>  # ours"),
    "in single quotes": ("    routing_key: 'it''s SECRET'", "    routing_key: <secret>"),
    "in a flow": (
        "a: [{service_key: SECRET, send_resolved: true}]",
        "a: [{service_key: <secret>, send_resolved: true}]",
    ),
    "a password": ("smtp_auth_password: SECRET word", "smtp_auth_password: <secret>"),
    "nested": (
        "  http_config:\n    basic_auth:\n      password: SECRET\n",
        "  http_config:\n    basic_auth:\n      password: <secret>\n",
    ),
    "in a block": ("a:\n  credentials: |\n    SECRET\n    SECRET\nb: 1\n", "a:\n  credentials: <secret>\nb: 1\n"),
    "in a quoted key": ('{"bot_token": "SECRET"}', '{"bot_token": <secret>}'),
    "that signs": ("oauth2: {client_certificate_key: SECRET}", "oauth2: {client_certificate_key: <secret>}"),
    "a header's": (
        '{X-A: {values: [a], secrets: [SECRET, "S]ECRET"], files: [b]}}',
        "{X-A: {values: [a], secrets: [<secret>], files: [b]}}",
    ),
    "a header's, on lines of their own": (
        "  X-A:\n    secrets:\n    - SECRET\n      - 'SECRET'\n    files: [b]\n",
        "  X-A:\n    secrets: [<secret>]\n    files: [b]\n",
    ),
    "in an address": ("proxy_url: http://ann:SECRET@proxy:3128", "proxy_url: http://<secret>@proxy:3128"),
}


@pytest.mark.parametrize(("text", "shown"), SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert "SECRET" not in shown


def test_references_and_everything_else_are_shown() -> None:
    text = (
        "api_url_file: secret:slack#a\nrouting_key_file: /run/key\nroute:\n  group_by: [token_kind]\n  receiver: key\n"
    )
    assert without_secrets(text) == text
    shipped = (ROOT / "functions/config/alertmanager.yml").read_text(encoding="utf-8")
    assert without_secrets(shipped) == shipped
