"""PagerDuty's answers to an event, which both of its APIs give in the same words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.wording import clip, one_line
from ..errors import DeliveryError, FailureReason
from .hiding import hide
from .http import Response, refused


def answer_of(response: Response) -> Mapping[str, Any]:
    """Return the object of an answer; an empty one where it is none."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def accepted(response: Response, key: str, otherwise: str) -> str:
    """Return what an answer says of an event that was taken; `key` is what it calls the deduplication key."""
    answer = answer_of(response)
    return clip(f"{answer.get('message') or 'accepted'} ({answer.get(key) or otherwise})", 300)


def refusal(response: Response, url: str, *, secret: str, about_key: str) -> DeliveryError:
    """Return the error of an event that was not taken; one whose words hold `about_key` is about the key."""
    answer = answer_of(response)
    errors = "; ".join(str(error) for error in answer.get("errors") or ()) or str(
        answer.get("message") or response.text
    )
    reason = FailureReason.AUTH if about_key in errors.lower() else None
    return refused(response, url, said=clip(one_line(hide(errors, secret)), 500), reason=reason)
