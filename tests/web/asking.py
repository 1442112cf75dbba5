"""Asking the API over a store in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.cli.states import api_of
from tests.stories.world import World
from tocsin.web.api import answer
from tocsin.web.http import JSON_TYPE, Request, Response, parse_query, split_path
from tocsin.web.identities import EVERYTHING, Identity


def ask(
    world: World,
    method: str,
    path: str,
    body: Any = None,
    *,
    caller: str = "ann",
    content_type: str = JSON_TYPE,
    **api: Any,
) -> Response:
    """Return the answer to a request of somebody who may do everything; `api` replaces parts of the API."""
    path, _, query = path.partition("?")
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    identity = Identity(caller, EVERYTHING)
    request = Request(method, split_path(path), parse_query(query), content, identity, content_type=content_type)
    return answer(replace(api_of(world), **api), request, now=world.now)


def ask_well(world: World, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """Return the value of an answer that has to be a good one."""
    response = ask(world, method, path, body, **more)
    assert response.status == 200, response
    return response.value
