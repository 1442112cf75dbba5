"""Email as it looks: HTML that a phone shows well, and a plain part that says the same.

One column, inline styles, no images, no scripts: mail programs keep little else. Every text from outside is escaped.

Source: https://www.caniemail.com
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape

from ..core.action_links import LinkSettings, settings_of
from ..core.alerts import Alert, Status
from ..core.links import back_link
from ..core.notifications import Notification
from ..core.wording import (
    Facts,
    acknowledgement,
    clip,
    colour,
    duration_text,
    facts,
    firing,
    measured,
    one_line,
    plural,
    resolved,
    time_text,
    title,
    why,
)
from . import mail_texts, plain
from .texts import Texts

ROWS = 100
DETAILED = 10
SUBJECT_LENGTH = 200
TEXT_BYTES = 256 * 1024
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_CELL = "padding:8px;border-bottom:1px solid #e1e5ea;text-align:left;vertical-align:top"
_MUTED = "color:#5f6b7a;font-size:13px;line-height:19px"


@dataclass(frozen=True, slots=True)
class Email:
    """A message without its addresses; `headers` are the settings' own, `to` and `from` what they show."""

    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def render(notification: Notification, texts: Texts | None = None) -> Email:
    """Return the message; what cannot be rendered becomes a plain one. Never raises."""
    try:
        own = Email(
            subject=clip(title(notification), SUBJECT_LENGTH),
            html=_html(notification),
            text=plain.render(notification, limit_bytes=TEXT_BYTES).text,
        )
        return mail_texts.overlay(own, texts or Texts(notification), button=_acknowledge(notification))
    except Exception as error:
        rest = plain.degraded(notification, error)
        return Email(subject=rest.subject, html=_preformatted(rest.text), text=rest.text)


def _preformatted(text: str) -> str:
    return f'<pre style="white-space:pre-wrap;word-break:break-word;font-size:14px">{escape(text)}</pre>\n'


def _html(notification: Notification) -> str:
    tone = colour(notification.severity, notification.status)
    alerts = [*firing(notification), *resolved(notification)]
    now = notification.created_at
    parts = [
        _banner(notification, tone),
        _acknowledge(notification),
        _why(notification),
        *(_card(facts(alert, now=now), notification.severity) for alert in alerts[:DETAILED]),
        _table(alerts[DETAILED:ROWS], notification.severity, now=now),
        _left_out(len(alerts[ROWS:]) + notification.truncated),
        _foot(notification),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light only">'
        f"<title>{escape(clip(title(notification), SUBJECT_LENGTH))}</title></head>\n"
        f'<body style="margin:0;padding:0;background:#eef1f4;color:#1c2530;{_FONT}">\n'
        '<div style="max-width:640px;margin:0 auto;background:#ffffff">\n'
        f"{body}\n</div>\n</body></html>\n"
    )


def _banner(notification: Notification, tone: str) -> str:
    heading = escape(clip(title(notification), 400))
    link = back_link(notification)
    linked = f'<a href="{escape(link)}" style="color:#ffffff;text-decoration:none">{heading}</a>' if link else heading
    burning, over = len(firing(notification)), len(resolved(notification))
    counts = ", ".join(
        text for text in (f"{burning} firing" if burning else "", f"{over} resolved" if over else "") if text
    )
    about = " · ".join(text for text in (escape(clip(one_line(notification.severity), 60)), counts) if text)
    return (
        f'<div style="background:{tone};color:#ffffff;padding:18px 20px">'
        f'<div style="font-size:20px;line-height:27px;font-weight:700;word-break:break-word">{linked}</div>'
        f'<div style="font-size:14px;line-height:20px;margin-top:4px">{about}</div></div>'
    )


def _acknowledge(notification: Notification) -> str:
    """Return the button; a cell of a table has its colour also where links have none."""
    url, links = notification.acknowledge_url, settings_of(notification.integration)
    if not url or links is None:
        return ""
    return (
        '<div style="padding:18px 20px 14px;border-bottom:1px solid #e1e5ea">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0"><tr>'
        f'<td align="center" bgcolor="#1f6f43" style="border-radius:8px"><a href="{escape(url)}" style="display:block;'
        "padding:13px 16px;color:#ffffff;font-size:17px;line-height:22px;font-weight:700;text-decoration:none;"
        f'border-radius:8px">Acknowledge</a></td></tr></table><div style="{_MUTED};margin-top:8px">'
        f"A page asks once more before anything happens. Whoever has this mail can use it for {_good_for(links)}."
        "</div></div>"
    )


def _good_for(links: LinkSettings) -> str:
    hours, rest = divmod(links.valid_for, timedelta(hours=1))
    return plural(hours, "hour") if not rest and hours <= 48 else duration_text(links.valid_for)


def _why(notification: Notification) -> str:
    command = None if notification.acknowledge_url else acknowledgement(notification)
    how = (
        '<div style="margin-top:6px">To acknowledge: <code style="background:#eef1f4;padding:2px 6px;border-radius:4px;'
        f'word-break:break-all">{escape(clip(command, 300))}</code></div>'
        if command
        else ""
    )
    return (
        '<div style="padding:12px 20px;border-bottom:1px solid #e1e5ea;font-size:14px;line-height:20px">'
        f"<b>Why you get this:</b> {escape(clip(why(notification), 400))}{how}</div>"
    )


def _card(said: Facts, severity: str) -> str:
    tone = colour(severity, said.status)
    status = said.status.value.upper()
    rows = [
        f'<div style="font-size:12px;font-weight:700;letter-spacing:.5px;color:{tone}">{status}</div>',
        f'<div style="font-size:16px;line-height:22px;font-weight:600">{escape(clip(said.headline, 300))}</div>',
        f'<div style="{_MUTED}">{escape(said.when)}</div>',
        _measure(said),
        _paragraph(said.description if said.description != said.headline else ""),
        _advice(said),
        _buttons(said),
        _labels(said),
    ]
    inside = "\n".join(row for row in rows if row)
    return (
        f'<div style="padding:14px 20px 16px 16px;border-left:4px solid {tone};border-bottom:1px solid #e1e5ea;'
        f'word-break:break-word">\n{inside}\n</div>'
    )


def _measure(said: Facts) -> str:
    if not measured(said):
        return ""
    if not said.value:
        return f'<div style="margin-top:8px;font-size:15px">{escape(clip(measured(said), 300))}</div>'
    notes = [
        "last value" if said.status is Status.RESOLVED else "",
        f"threshold {escape(clip(said.threshold, 150))}" if said.threshold else "",
    ]
    beside = f' <span style="{_MUTED}">{", ".join(note for note in notes if note)}</span>' if any(notes) else ""
    value = escape(clip(said.value, 150))
    return f'<div style="margin-top:8px"><b style="font-size:22px;line-height:28px">{value}</b>{beside}</div>'


def _paragraph(text: str) -> str:
    return f'<div style="margin-top:8px;font-size:14px;line-height:21px">{_lines(text, 2000)}</div>' if text else ""


def _advice(said: Facts) -> str:
    if not said.recommendations or said.status is Status.RESOLVED:
        return ""
    return (
        '<div style="margin-top:10px;padding:10px 12px;background:#f6f8fa;border-radius:6px;'
        'font-size:14px;line-height:21px">'
        f"<b>What to do</b><br>{_lines(said.recommendations, 2000)}</div>"
    )


def _buttons(said: Facts) -> str:
    style = (
        "display:inline-block;margin:0 8px 8px 0;padding:9px 16px;border:1px solid #b9c2cc;border-radius:6px;"
        "color:#1c4f8c;font-size:14px;font-weight:600;text-decoration:none"
    )
    links = "".join(f'<a href="{escape(link.url)}" style="{style}">{link.label}</a>' for link in said.links)
    return f'<div style="margin-top:12px">{links}</div>' if links else ""


def _labels(said: Facts) -> str:
    pairs = [("alert", said.name), *said.labels] if said.headline != said.name else list(said.labels)
    shown = [f"{escape(clip(name, 100))}=<b>{escape(clip(value, 200))}</b>" for name, value in pairs[:40]]
    more = f" and {plural(len(pairs) - 40, 'more label')}" if len(pairs) > 40 else ""
    return f'<div style="{_MUTED};margin-top:6px">{", ".join(shown)}{more}</div>' if shown else ""


def _table(alerts: list[Alert], severity: str, *, now: datetime) -> str:
    if not alerts:
        return ""
    rows = "\n".join(_row(facts(alert, now=now), severity) for alert in alerts)
    return (
        '<div style="padding:6px 12px"><table width="100%" cellspacing="0" '
        'style="border-collapse:collapse;font-size:13px;line-height:18px">\n'
        f'<tr><th style="{_CELL}">Alert</th><th style="{_CELL}">Value</th></tr>\n{rows}\n</table></div>'
    )


def _row(said: Facts, severity: str) -> str:
    labels = ", ".join(f"{name}={clip(value, 80)}" for name, value in said.labels[:8])
    status = f'<b style="color:{colour(severity, said.status)}">{said.status.value}</b>'
    about = f'{status} {escape(clip(said.headline, 200))}<br><span style="color:#5f6b7a">{escape(said.when)}'
    about += f"<br>{escape(labels)}</span>" if labels else "</span>"
    return (
        f'<tr><td style="{_CELL};word-break:break-word">{about}</td>'
        f'<td style="{_CELL};max-width:120px">{escape(clip(said.value, 60))}</td></tr>'
    )


def _left_out(count: int) -> str:
    if not count:
        return ""
    return (
        f'<div style="padding:12px 20px;font-size:14px"><b>… and {plural(count, "more alert")}</b> not shown here</div>'
    )


def _foot(notification: Notification) -> str:
    lines = [
        f"Sent {time_text(notification.created_at)} to {escape(clip(one_line(notification.receiver), 200))}",
        f"Group {escape(clip(one_line(notification.group_key), 500))}",
    ]
    if notification.incident:
        lines.append(f"Incident {escape(clip(notification.incident, 200))}")
    return f'<div style="{_MUTED};padding:14px 20px;word-break:break-word">{"<br>".join(lines)}</div>'


def _lines(text: str, limit: int) -> str:
    return escape(clip(text, limit)).replace("\n", "<br>")
