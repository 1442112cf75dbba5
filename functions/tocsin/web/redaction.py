"""alertmanager.yml as it may be shown: whatever could be a secret is `<secret>`, as Alertmanager shows its own.

Configuration refers to secrets and holds none; but it can be told to take them in clear.

Source: https://github.com/prometheus/alertmanager/blob/main/config/config.go (Secret, SecretURL)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SECRET = "<secret>"

# Keys that hold a secret, or a URL that is one. Those that end in _file, and those that hold references, are none.
_KEYS = (
    *("[a-z_]*password", "[a-z_]*api_key", "[a-z_]*app_token", "[a-z_]*bot_token", "auth_secret", "client_secret"),
    "client_certificate_key",
    *("credentials", "bearer_token", "bot_token", "app_token", "token", "user_key", "routing_key", "service_key"),
    *("api_secret", "secret_key", "access_key", "slack_api_url", "webhook_url", "api_url", "url", "key"),
)
_KEY = rf"(?P<before>(?:^|[\s{{,-])[\"']?(?:{'|'.join(_KEYS)})[\"']?[ \t]*:)"
_BLOCK = re.compile(_KEY + r"[ \t]*[|>][+-]?[0-9]*[ \t]*\n(?P<lines>(?:(?:[ \t]+[^\n]*)?\n)*)", re.MULTILINE)
_VALUE = re.compile(
    _KEY + r"[ \t]+(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s,{}\[\]#&*!|>][^\n,}]*)", re.MULTILINE
)
# The secrets of a header are a list: in brackets, or a line each.
_SECRETS = r"(?P<before>(?:^|[\s{,])[\"']?secrets[\"']?[ \t]*:)"
_LIST = re.compile(
    _SECRETS + r"(?:[ \t]*\[(?:\"(?:[^\"\\]|\\.)*+\"|'(?:[^']|'')*+'|[^\]\"'])*+\]|[ \t]*(?:#[^\n]*)?"
    r"(?:\n[ \t]*-[ \t]+[^\n]*)+)",
    re.MULTILINE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"']+@")


def without_secret_settings(value: Any) -> Any:
    """Return JSON values without those of keys that hold secrets, and without credentials in URLs."""
    if isinstance(value, Mapping):
        return {
            name: SECRET if each and _holds_secret(str(name), each) else without_secret_settings(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [without_secret_settings(each) for each in value]
    return without_credentials(value) if isinstance(value, str) else value


def without_credentials(text: str) -> str:
    """Return a text whose URLs name no user and password."""
    return _CREDENTIALS.sub(f"{SECRET}@", text)


def _holds_secret(name: str, value: Any) -> bool:
    if name == "secrets":
        return isinstance(value, list)
    return isinstance(value, str) and any(re.fullmatch(key, name) for key in _KEYS)


def without_secrets(text: str) -> str:
    """Return the text without the values of keys that hold secrets, and without credentials in URLs."""
    text = _LIST.sub(rf"\g<before> [{SECRET}]", text)
    text = _BLOCK.sub(rf"\g<before> {SECRET}\n", text)
    return _CREDENTIALS.sub(f"{SECRET}@", _VALUE.sub(rf"\g<before> {SECRET}", text))
