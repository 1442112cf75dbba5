"""Alertmanager's integrations: which keys each takes, with which defaults, and what it takes from `global`.

    block         what the blocks of all integrations have in common
    attachments   Slack, Mattermost, Rocket.Chat: messages with coloured attachments
    chat          Discord, Microsoft Teams, Telegram, Webex, WeChat: messages in a room
    paging        PagerDuty, Opsgenie, VictorOps, Pushover, incident.io: somebody is woken
    post          email, SNS, webhook, Jira: a letter, a topic, a request, a ticket

Source: https://github.com/prometheus/alertmanager/tree/main/notify (config.go of each)
"""

from __future__ import annotations

from .attachments import MattermostBlock, RocketchatBlock, SlackBlock
from .block import IntegrationBlock
from .chat import DiscordBlock, MsteamsBlock, Msteamsv2Block, TelegramBlock, WebexBlock, WechatBlock
from .paging import IncidentioBlock, OpsgenieBlock, PagerdutyBlock, PushoverBlock, VictoropsBlock
from .post import EmailBlock, JiraBlock, SnsBlock, WebhookBlock

_MODELS: tuple[type[IntegrationBlock], ...] = (
    SlackBlock,
    PagerdutyBlock,
    EmailBlock,
    SnsBlock,
    WebhookBlock,
    DiscordBlock,
    IncidentioBlock,
    JiraBlock,
    MattermostBlock,
    MsteamsBlock,
    Msteamsv2Block,
    OpsgenieBlock,
    PushoverBlock,
    RocketchatBlock,
    TelegramBlock,
    VictoropsBlock,
    WebexBlock,
    WechatBlock,
)

# The key under a receiver → the blocks that stand there.
INTEGRATIONS = {f"{model.kind.value}_configs": model for model in _MODELS}
