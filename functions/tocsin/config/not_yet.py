"""What Alertmanager's format knows and Tocsin does not honour yet. Each line that goes makes it honoured.

A file is read and checked as a whole first (alertmanager.py). Then what stands here and is set in it is refused in
these words, because what is ignored silently is found out at night.

Integrations without a sender are in no list here: `Kind.honoured` says which can be sent (core/receivers.py).
"""

from __future__ import annotations

from typing import Any

from .blocks import Reading, words
from .documents import Path
from .http_client import is_by_assertion
from .integrations import INTEGRATIONS
from .receivers import name_and_context

# What an Alertmanager says of itself while it runs. No alert depends on it, so it is told, and no reason to refuse.
WITHOUT_EFFECT = words("tracing event_recorder")
GLOBAL = words(
    """
    jira_api_url
    wechat_api_url wechat_api_secret wechat_api_secret_file wechat_api_corp_id
    victorops_api_url victorops_api_key victorops_api_key_file
    webex_api_url
    rocketchat_api_url rocketchat_token rocketchat_token_file rocketchat_token_id rocketchat_token_id_file
    mattermost_webhook_url mattermost_webhook_url_file
    """
)

_WORDS = "known to Alertmanager, not honoured by Tocsin yet"
_NOTHING: tuple[Any, ...] = (None, [], {})


def refuse_all(reading: Reading) -> None:
    """Note everything in an alertmanager.yml that is not honoured yet."""
    value = reading.document.value
    if not isinstance(value, dict):
        return
    for key in sorted(_set_keys(value) & WITHOUT_EFFECT):
        reading.warn((key,), f"{key}: about an Alertmanager's own process; it has no effect here", at_key=True)
    _refuse_keys(reading, ("global",), GLOBAL, "global")
    _refuse_assertions(reading, ("global",), "global")
    receivers = value.get("receivers")
    for index in range(len(receivers) if isinstance(receivers, list) else 0):
        _refuse_in_receiver(reading, ("receivers", index))


def _set_keys(value: Any) -> set[str]:
    """Return the keys of a mapping that say something."""
    return {key for key, each in value.items() if each not in _NOTHING} if isinstance(value, dict) else set()


def _at(reading: Reading, path: Path) -> Any:
    value = reading.document.value
    for step in path:
        if isinstance(value, dict):
            value = value.get(str(step))
        else:
            value = value[step] if isinstance(value, list) and isinstance(step, int) else None
    return value


def _refuse_keys(reading: Reading, path: Path, keys: frozenset[str], context: str) -> None:
    for key in sorted(_set_keys(_at(reading, path)) & keys):
        reading.problem((*path, key), f"{key}: {_WORDS}", context=context, at_key=True)


def _refuse_in_receiver(reading: Reading, path: Path) -> None:
    receiver = _at(reading, path)
    _, context = name_and_context(receiver, path)
    without_sender = {key for key, model in INTEGRATIONS.items() if not model.kind.honoured}
    _refuse_keys(reading, path, frozenset(without_sender), context)
    for key in INTEGRATIONS.keys() - without_sender:
        blocks = _at(reading, (*path, key))
        for index in range(len(blocks) if isinstance(blocks, list) else 0):
            _refuse_assertions(reading, (*path, key, index), f"{context}, {key} {index + 1}")


def _refuse_assertions(reading: Reading, path: Path, context: str) -> None:
    """Note an OAuth 2 client that signs assertions: that takes a library which nothing else needs."""
    place = (*path, "http_config", "oauth2")
    oauth2 = _at(reading, place)
    if isinstance(oauth2, dict) and is_by_assertion(oauth2):
        context = f"{context}: http_config.oauth2"
        reading.problem((*place, "grant_type"), f"grant_type: {_WORDS} ({oauth2['grant_type']})", context=context)
