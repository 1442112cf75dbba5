"""What each receiver makes of a request: what is wrong with it, and the answer.

Paths begin with the receiver's name; what follows is a channel, a bot or the path of its own API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dev.receivers_chat import check_discord, check_teams, check_telegram
from dev.receivers_opsgenie import check_opsgenie
from dev.receivers_pagerduty import check_pagerduty, check_pagerduty_v1
from dev.receivers_slack import check_slack, check_slack_app
from dev.receivers_webhook import check_webhook

PAGERDUTY_PATH = "/pagerduty/v2/enqueue"
PAGERDUTY_V1_PATH = "/pagerduty/generic/2010-04-15/create_event.json"
SLACK_PATH = "/slack/"
SLACK_APP_PATH = "/slack/api/"
DISCORD_PATH = "/discord/"
TEAMS_PATH = "/teams/"
TELEGRAM_PATH = "/telegram/bot"
OPSGENIE_PATH = "/opsgenie"
WEBHOOK_PATH = "/webhook/"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a receiver makes of a request."""

    integration: str
    target: str
    payload: Any
    problems: list[str]
    answer: Answer


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value), {"Content-Type": "application/json"})


def _take_slack(channel: str, request: Request, number: int) -> Taken:
    payload, refusals = check_slack(request.body)
    answer = Answer(400, refusals[0].code) if refusals else Answer(200, "ok")
    return Taken("slack", channel, payload, [str(refusal) for refusal in refusals], answer)


def _take_slack_app(method: str, request: Request, number: int) -> Taken:
    payload, refusals = check_slack_app(method, request.headers.get("Authorization", ""), request.body)
    known = payload if isinstance(payload, dict) else {}
    place = {"channel": known.get("channel", "").replace("#", "C"), "ts": known.get("ts") or f"1700000000.{number:06d}"}
    # Methods answer 200 whatever they say.
    answer = _json(200, {"ok": False, "error": refusals[0].code} if refusals else {"ok": True, **place})
    return Taken("slack_app", method, payload, [str(refusal) for refusal in refusals], answer)


def _take_pagerduty(rest: str, request: Request, number: int) -> Taken:
    event, problems = check_pagerduty(request.body)
    known = event if isinstance(event, dict) else {}
    if problems:
        answer = _json(400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems})
    else:
        answer = _json(202, {"status": "success", "message": "Event processed", "dedup_key": known.get("dedup_key")})
    return Taken("pagerduty", str(known.get("routing_key", "")), event, problems, answer)


def _take_pagerduty_v1(rest: str, request: Request, number: int) -> Taken:
    event, problems = check_pagerduty_v1(request.body)
    known = event if isinstance(event, dict) else {}
    if problems:
        answer = _json(400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems})
    else:
        key = known.get("incident_key")
        answer = _json(200, {"status": "success", "message": "Event processed", "incident_key": key})
    return Taken("pagerduty_v1", str(known.get("service_key", "")), event, problems, answer)


def _take_discord(name: str, request: Request, number: int) -> Taken:
    message, problems = check_discord(request.body)
    refusal = _json(400, {"message": "Invalid Form Body", "code": 50035, "errors": problems})
    return Taken("discord", name, message, problems, refusal if problems else Answer(204, ""))


def _take_teams(name: str, request: Request, number: int) -> Taken:
    message, problems = check_teams(request.body)
    answer = _json(400, {"error": {"message": "; ".join(problems)}}) if problems else Answer(202, "")
    return Taken("msteamsv2", name, message, problems, answer)


def _take_telegram(rest: str, request: Request, number: int) -> Taken:
    token, _, method = rest.partition("/")
    message, problems = check_telegram(request.body)
    if ":" not in token or method != "sendMessage":
        problems = ["Not Found"]
        answer = _json(404, {"ok": False, "error_code": 404, "description": "Not Found"})
    elif problems:
        answer = _json(400, {"ok": False, "error_code": 400, "description": problems[0]})
    else:
        answer = _json(200, {"ok": True, "result": {"message_id": number}})
    return Taken("telegram", token, message, problems, answer)


def _take_opsgenie(path: str, request: Request, number: int) -> Taken:
    authorization = request.headers.get("Authorization", "")
    payload, problems = check_opsgenie(request.method, path, request.body)
    if not authorization.startswith("GenieKey "):
        problems = ["Could not authenticate"]
        answer = _json(401, {"message": problems[0], "requestId": str(number)})
    elif problems:
        answer = _json(422, {"message": "Request body is not processable", "errors": problems})
    else:
        answer = _json(202, {"result": "Request will be processed", "requestId": str(number)})
    return Taken("opsgenie", f"{request.method} {path}", payload, problems, answer)


def _take_webhook(name: str, request: Request, number: int) -> Taken:
    message, problems = check_webhook(request.body)
    return Taken("webhook", name, message, problems, Answer(400, "; ".join(problems)) if problems else Answer(200, ""))


# Longer paths before those that they begin with.
TAKERS: Mapping[str, Callable[[str, Request, int], Taken]] = {
    SLACK_APP_PATH: _take_slack_app,
    SLACK_PATH: _take_slack,
    PAGERDUTY_PATH: _take_pagerduty,
    PAGERDUTY_V1_PATH: _take_pagerduty_v1,
    DISCORD_PATH: _take_discord,
    TEAMS_PATH: _take_teams,
    TELEGRAM_PATH: _take_telegram,
    OPSGENIE_PATH: _take_opsgenie,
    WEBHOOK_PATH: _take_webhook,
}
