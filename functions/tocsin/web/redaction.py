"""What a function was given, as it may be shown: whatever could be a secret of a receiver's settings is `<secret>`.

Configuration refers to secrets and holds none; but it can be told to take them in clear. How alertmanager.yml itself is
shown, config/showing.py says.
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
