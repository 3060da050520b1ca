"""Idempotency keys: a request that starts work may be sent again after a broken connection, and is answered, not repeated.

A key belongs to its caller for 24 hours. The same key with another request is refused; one whose first request is under
way has to wait. What was refused changed nothing, so its key is free again. A process that dies between the work and the
answer leaves the key claimed for two minutes, and a repeat after that does the work again.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, TypeAlias

from aiohttp import web

from syncd.admin.problems import Refusal
from syncd.admin.routes import JSON, Call, Route
from syncd.store import sessions

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[!-~]{1,100}")
Answer: TypeAlias = Callable[[Call, Route], Awaitable[web.StreamResponse]]


def key_of(request: web.Request) -> str | None:
    """Raises Refusal for one that is no key."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal(400, f"{HEADER} is 1 to 100 visible characters")
    return key


async def once(call: Call, route: Route, key: str, raw: bytes, answer: Answer) -> web.StreamResponse:
    """The answer to this request, or the one its key was answered with before."""
    database, caller = call.desk.database, call.caller.id
    asked = sha256(b"\0".join((route.name.encode(), call.request.raw_path.encode(), raw))).digest()
    known = await database.transact(lambda connection: sessions.claim(connection, caller, key, asked))
    if known is not None:
        return _again(known, asked)
    try:
        response = await answer(call, route)
    except BaseException:
        await database.transact(lambda connection: sessions.release(connection, caller, key))
        raise
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    await database.transact(lambda connection: sessions.answered(connection, caller, key, response.status, body))
    return response


def _again(known: sessions.Known, asked: bytes) -> web.Response:
    if known.asked != asked:
        raise Refusal(422, f"this {HEADER} came with another request before: take a new one")
    if known.status is None:
        raise Refusal(409, "the first request with this key is under way", headers={"Retry-After": "2"})
    body, headers = known.answer, {REPLAYED: "true"}
    if not body:
        return web.Response(status=known.status, headers=headers)
    return web.Response(status=known.status, body=body, content_type=JSON, headers=headers)
