"""alertmanager.yml as it may be shown: what Alertmanager hides of its own is `<secret>`, and clients can load the rest.

Written anew from its values, without comments, as Alertmanager does; so nothing is shown that is not understood. An AMP
definition is shown without its wrapper. What routes and inhibition rules match is no secret, whatever it is called.

Source: https://github.com/prometheus/alertmanager/blob/main/config/config.go (Secret, SecretURL)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from ..errors import ConfigError
from .documents import Scalar, read_document

SECRET = "<secret>"
# A URL is read by those who load it: this is how the same stands in one.
_SECRET_IN_URL = "%3Csecret%3E"

# Keys that hold a secret. Those that end in _file or _ref hold references.
_SECRET_KEY = re.compile(
    r".*(password|secret|secrets|token|token_id|credentials)|(.*_)?(api|service|routing|user|secret|access)_key"
    r"|(.*_certificate_)?key|(.*_)?webhook_url|(slack_api_)?url|api_url"
)
_PLAIN = frozenset({"route", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"})
# Where an address stands in the place in which another integration has a URL that is a secret.
_ADDRESSES = {
    **dict.fromkeys(("pagerduty_configs", "pushover_configs", "incidentio_configs"), "url"),
    **dict.fromkeys((f"{kind}_configs" for kind in ("opsgenie", "victorops", "telegram", "webex")), "api_url"),
    **dict.fromkeys((f"{kind}_configs" for kind in ("wechat", "rocketchat", "jira", "sns")), "api_url"),
}
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"']+@")
_NOT_READABLE = "# alertmanager.yml is not shown: it cannot be read as YAML\n"


def showable(content: bytes) -> str:
    """Return the file without its secrets; a comment that says so where it cannot be read."""
    try:
        value = read_document("alertmanager.yml", content).value
        inner = value.get("alertmanager_config") if isinstance(value, dict) else None
        if isinstance(inner, Scalar):
            value = read_document("alertmanager.yml", inner.encode()).value
    except ConfigError:
        return _NOT_READABLE
    if not isinstance(value, dict):
        return ""
    shown = {key: each if key in _PLAIN else _hidden(key, each) for key, each in value.items()}
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


def _hidden(name: str, value: Any, address: str = "") -> Any:
    """Return what stands at a key; `address` is the key of the integration around it that is no secret."""
    if isinstance(value, Mapping):
        return {key: _hidden(key, each, address) for key, each in value.items()}
    if value and name != address and _SECRET_KEY.fullmatch(name):
        return [SECRET] if isinstance(value, list) else SECRET
    if isinstance(value, list):
        address = _ADDRESSES.get(name, address)
        return [_hidden("", each, address) for each in value]
    if isinstance(value, Scalar):
        return Scalar(_CREDENTIALS.sub(f"{_SECRET_IN_URL}@", value), is_plain=value.is_plain)
    return value


class _Dumper(yaml.SafeDumper):
    """Writes scalars as they stood: in quotes, or without them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_scalar_text(self, value: Scalar) -> yaml.ScalarNode:
        if value.is_plain:
            tag = self.resolve(yaml.ScalarNode, str(value), (True, False))  # type: ignore[no-untyped-call]
            return self.represent_scalar(tag, str(value))
        return self.represent_scalar("tag:yaml.org,2002:str", str(value), style="|" if "\n" in value else "'")


_Dumper.add_representer(Scalar, _Dumper.represent_scalar_text)
