"""`pagerduty` in tocsin.yml: how we know that a webhook is PagerDuty's.

webhook_secrets  references to the secrets of its subscriptions; two, while one is exchanged for another
"""

from __future__ import annotations

from typing import Annotated

from .blocks import Block, Reading
from .values import IS_LIST, Reference

_PATH = ("pagerduty",)
# Each is tried on every webhook: one a subscription, and as many again while they are exchanged.
MOST_SECRETS = 20


class _Pagerduty(Block):
    webhook_secrets: Annotated[list[Reference], IS_LIST]


def read_pagerduty(reading: Reading) -> tuple[str, ...]:
    """Return the references to the webhooks' secrets, none where there is no block; what is wrong is noted."""
    if reading.document.value.get(_PATH[0]) is None:
        return ()
    block = reading.block(_Pagerduty, _PATH, context=_PATH[0])
    if block is None:
        return ()
    if not 1 <= len(block.webhook_secrets) <= MOST_SECRETS:
        message = f"webhook_secrets: 1 to {MOST_SECRETS} references, or leave pagerduty out"
        reading.problem((*_PATH, "webhook_secrets"), message, context=_PATH[0])
    return tuple(dict.fromkeys(block.webhook_secrets))
