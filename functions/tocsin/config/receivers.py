"""Receivers: the blocks of alertmanager.yml that say who can be told, and by what.

Each integration takes the keys that it honours; Alertmanager's other keys are refused in those words, and so is a
template in a value, because values are sent as they stand. Secrets are references: clear ones are refused unless the
environment allows them, which is for one's own machine (law 12).

Source: https://prometheus.io/docs/alerting/latest/configuration/#receiver
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from ..core.receivers import Integration, Kind, Receiver
from .blocks import Addresses, Block, Blocks, Duration, FilledText, Flag, Reading, TextMap, Url, describe, words
from .documents import Path, Scalar

INLINE_SECRETS = "TOCSIN_ALLOW_INLINE_SECRETS"
DEFAULT_PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"

_REFERENCE = re.compile(r"secret:[a-z][a-z0-9_-]*#\S+|secretsmanager:[^\s#]+(#\S+)?|ssm:\S+|/\S+")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
_SES_SMARTHOST = re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?:[0-9]+")


def _reference(value: Any) -> str:
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise ValueError(
            "expected a reference to a secret such as secret:slack#warnings, secretsmanager:NAME#KEY, ssm:NAME"
            " or the path of a file"
        )
    return str(value)


def _topic(value: Any) -> str:
    if not isinstance(value, str) or not _TOPIC.fullmatch(value):
        raise ValueError(f"expected the ARN of an SNS topic, found {describe(value)}")
    return str(value)


def _smarthost(value: Any) -> str:
    if not isinstance(value, str) or not _SES_SMARTHOST.fullmatch(value):
        raise ValueError(
            "a mail server is known to Alertmanager, not honoured by Tocsin yet: mail is sent by Amazon SES"
            f" (expected email-smtp.REGION.amazonaws.com:587, found {describe(value)})"
        )
    return str(value)


def _pagerduty_severity(value: Any) -> str:
    if value not in ("critical", "error", "warning", "info"):
        raise ValueError(f"expected critical, error, warning or info, found {describe(value)}")
    return str(value)


Reference = Annotated[str, BeforeValidator(_reference)]


class Global(Block):
    """`global:`, with what integrations fall back to."""

    known_to = "Alertmanager"
    not_honoured = words(
        """
        http_config smtp_hello smtp_auth_username smtp_auth_password smtp_auth_password_file smtp_auth_secret
        smtp_auth_secret_file smtp_auth_identity smtp_require_tls smtp_tls_config smtp_force_implicit_tls
        slack_app_token slack_app_token_file slack_app_url jira_api_url opsgenie_api_url opsgenie_api_key
        opsgenie_api_key_file wechat_api_url wechat_api_secret wechat_api_secret_file wechat_api_corp_id
        victorops_api_url victorops_api_key victorops_api_key_file telegram_api_url telegram_bot_token
        telegram_bot_token_file webex_api_url rocketchat_api_url rocketchat_token rocketchat_token_file
        rocketchat_token_id rocketchat_token_id_file mattermost_webhook_url mattermost_webhook_url_file
        """
    )

    # For alerts that others post without an end; the rules' own alerts say themselves when they end.
    resolve_timeout: Duration | None = None
    smtp_from: FilledText | None = None
    smtp_smarthost: Annotated[str, BeforeValidator(_smarthost)] | None = None
    slack_api_url: Url | None = None
    slack_api_url_file: Reference | None = None
    pagerduty_url: Url = DEFAULT_PAGERDUTY_URL


class _Receiver(Block):
    known_to = "Alertmanager"
    not_honoured = words(
        """
        labels discord_configs incidentio_configs jira_configs mattermost_configs msteams_configs
        msteamsv2_configs opsgenie_configs pushover_configs rocketchat_configs telegram_configs
        victorops_configs webex_configs webhook_configs wechat_configs
        """
    )

    name: FilledText
    slack_configs: Blocks = None
    pagerduty_configs: Blocks = None
    email_configs: Blocks = None
    sns_configs: Blocks = None


class IntegrationBlock(Block):
    """What is common to the blocks of all integrations."""

    known_to = "Alertmanager"
    kind: ClassVar[Kind]
    # Pairs of which one at most may be set: the secret itself and where it is.
    secrets: ClassVar[tuple[str, str] | None] = None

    send_resolved: Flag = True


class SlackBlock(IntegrationBlock):
    kind = Kind.SLACK
    secrets = ("api_url", "api_url_file")
    not_honoured = words(
        """
        http_config app_token app_token_file app_url update_message timeout message_text color title
        title_link pretext text fields short_fields footer fallback callback_id icon_url image_url thumb_url
        link_names mrkdwn_in actions
        """
    )

    send_resolved: Flag = False
    api_url: Url | None = None
    api_url_file: Reference | None = None
    channel: FilledText | None = None
    username: FilledText | None = None
    icon_emoji: FilledText | None = None


class PagerdutyBlock(IntegrationBlock):
    kind = Kind.PAGERDUTY
    secrets = ("routing_key", "routing_key_file")
    not_honoured = words("http_config service_key service_key_file description images links source timeout")

    routing_key: FilledText | None = None
    routing_key_file: Reference | None = None
    url: Url | None = None
    client: FilledText | None = None
    client_url: FilledText | None = None
    class_: FilledText | None = Field(default=None, alias="class")
    component: FilledText | None = None
    group: FilledText | None = None
    severity: Annotated[str, BeforeValidator(_pagerduty_severity)] | None = None
    details: TextMap | None = None


class EmailBlock(IntegrationBlock):
    kind = Kind.EMAIL
    not_honoured = words(
        """
        hello smarthost auth_username auth_password auth_password_file auth_secret auth_secret_file
        auth_identity headers html text require_tls tls_config force_implicit_tls threading
        """
    )

    send_resolved: Flag = False
    to: Addresses
    from_: FilledText | None = Field(default=None, alias="from")


class SnsBlock(IntegrationBlock):
    kind = Kind.SNS
    not_honoured = words("http_config sigv4 api_url phone_number target_arn subject message attributes")

    topic_arn: Annotated[str, BeforeValidator(_topic)]


_BLOCKS: dict[str, type[IntegrationBlock]] = {
    "slack_configs": SlackBlock,
    "pagerduty_configs": PagerdutyBlock,
    "email_configs": EmailBlock,
    "sns_configs": SnsBlock,
}


class ReceiverReader:
    """Reads `receivers:`; knows what integrations fall back to and whether clear secrets are allowed.

    Without `globals_` (they have problems of their own) nothing is said about a fallback that is missing.
    """

    def __init__(self, reading: Reading, globals_: Global | None, *, allow_inline_secrets: bool) -> None:
        self._reading = reading
        self._globals = globals_ or Global()
        self._knows_globals = globals_ is not None
        self._allow_inline_secrets = allow_inline_secrets

    def check_globals(self, path: Path) -> None:
        """Note what is wrong with the secrets that stand in `global:`."""
        self._check_secrets(path, self._globals.model_dump(), ("slack_api_url", "slack_api_url_file"), "global")

    def read(self) -> dict[str, Receiver]:
        """Return the receivers by name; a name stands once."""
        receivers: dict[str, Receiver] = {}
        for path in self._reading.items(("receivers",)):
            name = self._name(path)
            context = f'receiver "{name}"' if name else f"receiver {int(path[-1]) + 1}"
            if name in receivers:
                message = f'the receiver name "{name}" is not unique'
                self._reading.problem((*path, "name"), message)
            self._reading.block(_Receiver, path, context=context)
            if name:
                receivers.setdefault(name, Receiver(name, self._integrations(path, name, context)))
        return receivers

    def _name(self, path: Path) -> str:
        value = self._reading.document.at(path)
        name = value.get("name") if isinstance(value, dict) else None
        return str(name) if isinstance(name, Scalar) else ""

    def _integrations(self, path: Path, receiver: str, context: str) -> tuple[Integration, ...]:
        found: list[Integration] = []
        present = self._reading.document.at(path)
        for key, model in _BLOCKS.items():
            for index, block_path in enumerate(
                self._reading.items((*path, key), context=context) if key in present else ()
            ):
                block = self._reading.block(model, block_path, context=f"{context}, {key} {index + 1}")
                if block is None:
                    continue
                settings = self._settings(block, block_path, f"{context}, {key} {index + 1}")
                found.append(Integration(receiver, block.kind, index, block.send_resolved, settings))
        return tuple(found)

    def _settings(self, block: IntegrationBlock, path: Path, context: str) -> Mapping[str, Any]:
        settings = block.model_dump(by_alias=True, exclude_none=True)
        for key, value in settings.items():
            self._refuse_templates((*path, key), value, f"{context}: {key}")
        if block.secrets:
            self._check_secrets(path, settings, block.secrets, context)
        return self._with_fallbacks(block, settings, path, context)

    def _with_fallbacks(
        self, block: IntegrationBlock, settings: dict[str, Any], path: Path, context: str
    ) -> dict[str, Any]:
        globals_ = self._globals
        if isinstance(block, SlackBlock) and not block.api_url and not block.api_url_file:
            fallback = {"api_url": globals_.slack_api_url, "api_url_file": globals_.slack_api_url_file}
            settings |= {key: value for key, value in fallback.items() if value}
            if self._knows_globals and not any(fallback.values()):
                message = "api_url_file is missing, and global has no slack_api_url_file"
                self._reading.problem(path, message, context=context)
        if isinstance(block, PagerdutyBlock):
            settings.setdefault("url", globals_.pagerduty_url)
            if not block.routing_key and not block.routing_key_file:
                self._reading.problem(path, "routing_key_file is missing", context=context)
        if isinstance(block, EmailBlock) and not block.from_:
            if globals_.smtp_from:
                settings["from"] = globals_.smtp_from
            elif self._knows_globals:
                self._reading.problem(path, "from is missing, and global has no smtp_from", context=context)
        return settings

    def _check_secrets(self, path: Path, settings: Mapping[str, Any], pair: tuple[str, str], context: str) -> None:
        clear, reference = pair
        if settings.get(clear) and settings.get(reference):
            message = f"at most one of {clear} and {reference} may be set"
            self._reading.problem((*path, clear), message, context=context, at_key=True)
        elif settings.get(clear) and not self._allow_inline_secrets:
            message = (
                f"{clear} is a secret in clear text: keep it in Secrets Manager and write"
                f" `{reference}: secret:NAME#KEY` ({INLINE_SECRETS}=true allows it on your own machine)"
            )
            self._reading.problem((*path, clear), message, context=context, at_key=True)

    def _refuse_templates(self, path: Path, value: Any, context: str) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                self._refuse_templates((*path, key), each, f"{context}.{key}")
        elif isinstance(value, str) and "{{" in value:
            message = "a template is known to Alertmanager, not honoured by Tocsin yet"
            self._reading.problem(path, message, context=context)
