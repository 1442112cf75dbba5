"""The page behind a link, as HTML: one column that a telephone shows well, by day and by night, without a script.

Every text is escaped. The headers forbid everything that the page does not need, keep it out of caches and search
engines, and keep its address, which is a capability, from whatever is followed from it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from ..core.alerts import Status
from ..core.wording import clip, colour, one_line, time_text

_STYLE = """
:root{color-scheme:light dark;--ground:#eef1f4;--paper:#fff;--ink:#1c2530;--soft:#5b6675;--line:#dfe4ea;--go:#1f6f43}
@media(prefers-color-scheme:dark){:root{--ground:#11161c;--paper:#1a212a;--ink:#e7ecf2;--soft:#9aa7b6;--line:#2c3641;
--go:#267d4e}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 -apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
main{max-width:30rem;margin:0 auto;padding:1.25rem 1rem}
.name{font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--soft);margin:0 .25rem .75rem}
article{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1.25rem;overflow-wrap:anywhere}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .35rem}
p{margin:0}
.about{margin-top:1.1rem;padding-left:.9rem;border-left:4px solid}
.s0 .about{border-color:#c92a2a}.s1 .about{border-color:#d9480f}.s2 .about{border-color:#b86200}
.s3 .about{border-color:#1971c2}.s4 .about{border-color:#667380}.s5 .about{border-color:#2b8a3e}
.title{font-weight:600}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem .9rem;margin:.5rem 0 0;font-size:.95rem}
dt{color:var(--soft)}dd{margin:0}
button{width:100%;margin-top:1.25rem;min-height:3.25rem;border:0;border-radius:10px;background:var(--go);color:#fff;
font:inherit;font-size:1.1rem;font-weight:600;cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
.small{margin-top:.9rem;font-size:.85rem;color:var(--soft)}
"""
_TONES = ("#c92a2a", "#d9480f", "#b86200", "#1971c2", "#667380", "#2b8a3e")
_TEXT_LENGTH = 300
_SHA = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_SHA}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What the page says; without a title it is about no incident, without a button it asks nothing."""

    heading: str
    sentence: str
    title: str = ""
    severity: str = ""
    state: str = ""
    opened_at: datetime | None = None
    addressee: str = ""
    button: str = ""


def render(page: Page) -> tuple[str, Mapping[str, str]]:
    """Return the page and its headers."""
    parts = [f"<h1>{_text(page.heading)}</h1>", f"<p>{_text(page.sentence)}</p>", _about(page), _form(page)]
    inside = "\n".join(part for part in parts if part)
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{_text(page.heading)}</title>\n<style>{_STYLE}</style></head>\n"
        f'<body><main><p class="name">Tocsin</p>\n<article class="s{_tone(page)}">\n{inside}\n</article></main>'
        "</body></html>\n"
    )
    return text, HEADERS


def _about(page: Page) -> str:
    if not page.title:
        return ""
    rows = [
        ("Severity", page.severity),
        ("State", page.state),
        ("Open since", time_text(page.opened_at) if page.opened_at else ""),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in rows if value)
    return f'<div class="about"><p class="title">{_text(page.title)}</p>\n<dl>{listed}</dl></div>'


def _form(page: Page) -> str:
    """Return the button; a form without an address goes to the one that it came from."""
    if not page.button:
        return ""
    who = f'<p class="small">You answer as {_text(page.addressee)}, whom the link was sent to.</p>'
    return f'<form method="post"><button type="submit">{_text(page.button)}</button></form>\n{who}'


def _tone(page: Page) -> int:
    status = Status.RESOLVED if page.state in ("resolved", "expired") else Status.FIRING
    return _TONES.index(colour(page.severity, status))


def _text(text: str) -> str:
    return escape(clip(one_line(text), _TEXT_LENGTH))
