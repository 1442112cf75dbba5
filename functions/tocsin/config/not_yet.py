"""What Alertmanager's format knows and Tocsin does not honour yet. Each line that goes makes it honoured.

A file is read and checked as a whole first (alertmanager.py). Then what stands here and is set in it is refused in
these words, because what is ignored silently is found out at night. Defaults that could not be honoured are left out
of the settings, so that no sender ever sees one.

Integrations without a sender are in no list here: `Kind.honoured` says which can be sent (core/receivers.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.receivers import Kind
from .blocks import Reading, spell, words
from .documents import Path, Scalar
from .integrations import INTEGRATIONS
from .receivers import name_and_context
from .values import describe, is_template

FILE = words("templates tracing event_recorder")
DEFINITION = words("template_files")
ROUTE = words("labels")
RECEIVER = words("labels")
# Texts with something to be filled in; texts without are sent as they stand.
TEMPLATES_IN_TEXTS = True
# Mail servers other than Amazon SES's own, by whose API mail is sent.
MAIL_SERVERS = True
GLOBAL = words(
    """
    http_config
    smtp_hello smtp_auth_username smtp_auth_password smtp_auth_password_file smtp_auth_secret smtp_auth_secret_file
    smtp_auth_identity smtp_require_tls smtp_tls_config smtp_force_implicit_tls
    slack_app_token slack_app_token_file slack_app_url
    jira_api_url
    opsgenie_api_url opsgenie_api_key opsgenie_api_key_file
    wechat_api_url wechat_api_secret wechat_api_secret_file wechat_api_corp_id
    victorops_api_url victorops_api_key victorops_api_key_file
    telegram_api_url telegram_bot_token telegram_bot_token_file
    webex_api_url
    rocketchat_api_url rocketchat_token rocketchat_token_file rocketchat_token_id rocketchat_token_id_file
    mattermost_webhook_url mattermost_webhook_url_file
    """
)
# Keys of integrations that have a sender.
INTEGRATION: Mapping[Kind, frozenset[str]] = {
    Kind.SLACK: words(
        """
        http_config
        app_token app_token_file app_url update_message post_updates_to_thread timeout
        message_text color title title_link pretext text fields short_fields footer fallback callback_id icon_url
        image_url thumb_url link_names mrkdwn_in actions
        """
    ),
    Kind.PAGERDUTY: words(
        """
        http_config
        service_key service_key_file description images links source timeout
        """
    ),
    Kind.EMAIL: words(
        """
        hello smarthost auth_username auth_password auth_password_file auth_secret auth_secret_file auth_identity
        require_tls tls_config force_implicit_tls
        headers html text threading
        """
    ),
    Kind.SNS: words(
        """
        http_config
        sigv4 api_url phone_number target_arn subject message attributes use_aws_http_client
        """
    ),
}

_WORDS = "known to Alertmanager, not honoured by Tocsin yet"
_SES = re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?:[0-9]+")
_NOTHING: tuple[Any, ...] = (None, [], {})


def refuse_definition(reading: Reading) -> None:
    """Note the keys around an AMP definition's alertmanager.yml that are not honoured yet."""
    for key in sorted(_set_keys(reading.document.value) & DEFINITION):
        message = f"{key}: known to Amazon Managed Service for Prometheus, not honoured by Tocsin yet"
        reading.problem((key,), message, at_key=True)


def refuse_all(reading: Reading) -> None:
    """Note everything in an alertmanager.yml that is not honoured yet."""
    value = reading.document.value
    if not isinstance(value, dict):
        return
    _refuse_keys(reading, (), FILE, "")
    _refuse_keys(reading, ("global",), GLOBAL, "global")
    if MAIL_SERVERS:
        _refuse_mail_server(reading, ("global", "smtp_smarthost"))
    _refuse_in_route(reading, ("route",))
    receivers = value.get("receivers")
    for index in range(len(receivers) if isinstance(receivers, list) else 0):
        _refuse_in_receiver(reading, ("receivers", index))


def honoured_settings(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return an integration's settings without what is not honoured yet, which can only be defaults."""
    kept = {key: value for key, value in settings.items() if key not in INTEGRATION.get(kind, ())}
    return {key: left for key, value in kept.items() if (left := _without_templates(value)) is not None}


def _without_templates(value: Any) -> Any:
    if not TEMPLATES_IN_TEXTS:
        return value
    if isinstance(value, dict):
        left = {key: each for key, value_ in value.items() if (each := _without_templates(value_)) is not None}
        return left or None
    return None if isinstance(value, str) and is_template(value) else value


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


def _refuse_mail_server(reading: Reading, path: Path) -> None:
    server = _at(reading, path)
    if isinstance(server, Scalar) and server and not _SES.fullmatch(server):
        message = (
            f"{path[-1]}: a mail server is {_WORDS}: mail is sent by Amazon SES"
            f" (expected email-smtp.REGION.amazonaws.com:587, found {describe(server)})"
        )
        reading.problem(path, message, context=str(path[0]))


def _refuse_in_route(reading: Reading, path: Path) -> None:
    _refuse_keys(reading, path, ROUTE, spell(path))
    route = _at(reading, path)
    children = route.get("routes") if isinstance(route, dict) else None
    for index in range(len(children) if isinstance(children, list) else 0):
        _refuse_in_route(reading, (*path, "routes", index))


def _refuse_in_receiver(reading: Reading, path: Path) -> None:
    receiver = _at(reading, path)
    _, context = name_and_context(receiver, path)
    without_sender = {key for key, model in INTEGRATIONS.items() if not model.kind.honoured}
    _refuse_keys(reading, path, RECEIVER | without_sender, context)
    for key, model in INTEGRATIONS.items():
        blocks = receiver.get(key) if isinstance(receiver, dict) and model.kind.honoured else None
        for index in range(len(blocks) if isinstance(blocks, list) else 0):
            at, here = (*path, key, index), f"{context}, {key} {index + 1}"
            _refuse_keys(reading, at, INTEGRATION.get(model.kind, frozenset()), here)
            _refuse_templates(reading, at, here)


def _refuse_templates(reading: Reading, path: Path, context: str) -> None:
    for inner, text in _texts(_at(reading, path), ()):
        if TEMPLATES_IN_TEXTS and is_template(text):
            message = f"{spell(inner)}: a template is {_WORDS}"
            reading.problem((*path, *inner), message, context=context)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in steps:
        yield from _texts(each, (*path, step))
    if isinstance(value, Scalar):
        yield path, value
