"""What the settings of a PagerDuty integration put into an event: details, links and images of their own.

Source: https://prometheus.io/docs/alerting/latest/configuration/#pagerduty_config
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.links import web_url
from ..core.wording import clip
from .texts import Texts

LINKS = 10
IMAGES = 10
# Of an event's 512 KB; the alerts have the rest.
DETAILS_BYTES = 200 * 1024
_TEXT_LENGTH = 255


def details(texts: Texts) -> dict[str, Any]:
    """Return the details that are the user's, texts filled in; too much of it is left out with a word."""
    given = texts.settings.get("details") or {}
    own = {str(name): texts.nested(value) for name, value in given.items() if texts.is_own(value)}
    if len(json.dumps(own).encode()) <= DETAILS_BYTES:
        return own
    return {"error": f"the settings' details are larger than {DETAILS_BYTES} bytes and left out"} if own else {}


def links(texts: Texts) -> list[dict[str, str]]:
    """Return the settings' links; one that leads nowhere, because a label is absent, is left out."""
    found = (_place(texts, link, "href", "text") for link in texts.settings.get("links") or ())
    return [link for link in found if link][:LINKS]


def images(texts: Texts) -> list[dict[str, str]]:
    """Return the settings' images; PagerDuty takes them from https only."""
    found = (_place(texts, image, "src", "alt") for image in texts.settings.get("images") or ())
    kept = [image for image in found if image.get("src", "").startswith("https://")][:IMAGES]
    return kept


def _place(texts: Texts, source: Mapping[str, Any], key: str, words: str) -> dict[str, str]:
    url = web_url(texts.field(str(source.get(key) or "")))
    if not url:
        return {}
    said = {words: clip(texts.prose(str(source.get(words) or "")), _TEXT_LENGTH)}
    if key == "src":
        said["href"] = web_url(texts.field(str(source.get("href") or ""))) or ""
    return {key: url, **{name: value for name, value in said.items() if value}}
