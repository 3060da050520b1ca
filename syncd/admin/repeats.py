"""Idempotency keys: a request that starts work may be sent again after a broken connection, and is answered, not repeated.

A key belongs to its caller for 24 hours. The same key with another request is refused; one whose first request is under
way has to wait. The transaction that does the work marks the key too (`audit.record`): whatever fails after it, the work
is not done again. What was refused before changed nothing, so its key is free again, as is that of a process which died
before its work, after two minutes.

What is kept of a request is a digest under the caller's own secret, which the database does not hold: nobody who reads the
table can guess at it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from hmac import HMAC, compare_digest
from typing import Final, TypeAlias

from aiohttp import hdrs, web

from syncd.admin.problems import Refusal
from syncd.admin.routes import JSON, Call, Route
from syncd.errors import Transient
from syncd.store import sessions
from syncd.store.engine import Database
from syncd.store.sessions import DONE, UNDER_WAY, Known

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[!-~]{1,100}")
_LIVES: Final = UNDER_WAY / 4
"""Seconds between two signs of life of a request that takes long."""
Answer: TypeAlias = Callable[[Call, Route], Awaitable[web.StreamResponse]]


def key_of(request: web.Request) -> str | None:
    """Raises Refusal for one that is no key."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal(400, f"{HEADER} is 1 to 100 visible characters")
    return key


async def once(call: Call, route: Route, key: str, raw: bytes, answer: Answer) -> web.StreamResponse:
    """The answer to this request, or the one its key was answered with before. A stream is digested as it flows."""
    database, caller = call.desk.database, call.caller.id
    asked = _begun(call, route)
    asked.update(raw)
    claimed = asked.digest()
    known = await database.transact(lambda connection: sessions.claim(connection, caller, key, claimed))
    if known is not None:
        return await _again(call, known, asked)
    stream = _digested(call.stream, asked) if call.stream is not None else None
    call = replace(call, stream=stream, caller=replace(call.caller, key=key))
    async with _living(database, caller, key):
        try:
            response = await answer(call, route)
        except BaseException:
            await database.transact(lambda connection: sessions.release(connection, caller, key))
            raise
    if not route.shown_once:
        body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
        told = Known(asked.digest(), response.status, body)
        await database.transact(lambda connection: sessions.answered(connection, caller, key, told))
    return response


def _begun(call: Call, route: Route) -> HMAC:
    """The digest of a request without its body."""
    given = call.request.headers.get(hdrs.AUTHORIZATION, "")
    secret = call.session.secret if call.session is not None else given.partition(" ")[2].strip()
    head = b"\0".join((route.name.encode(), call.request.raw_path.encode(), b""))
    return HMAC(secret.encode(), head, "sha256")


async def _digested(stream: AsyncIterator[bytes], asked: HMAC) -> AsyncIterator[bytes]:
    async for part in stream:
        asked.update(part)
        yield part


@asynccontextmanager
async def _living(database: Database, caller: str, key: str) -> AsyncIterator[None]:
    """Nobody takes the request for dead inside the block, however long it takes."""

    async def live() -> None:
        while True:
            await asyncio.sleep(_LIVES)
            with suppress(Transient):
                await database.transact(lambda connection: sessions.renew(connection, caller, key))

    living = asyncio.create_task(live())
    try:
        yield
    finally:
        living.cancel()
        await asyncio.wait([living])


async def _again(call: Call, known: Known, asked: HMAC) -> web.Response:
    has_answer = known.status is not None and known.status != DONE
    if call.stream is not None and has_answer:  # until then it is known by its head
        async for part in call.stream:
            asked.update(part)
    if not compare_digest(known.asked, asked.digest()):
        raise Refusal(422, f"this {HEADER} came with another request before: take a new one")
    if known.status is None:
        raise Refusal(409, "the first request with this key is under way", headers={"Retry-After": "2"})
    if known.status == DONE:
        raise Refusal(409, "what this key came with is done, but its answer is not kept: look at what there is")
    headers = {REPLAYED: "true"}
    if not known.answer:
        return web.Response(status=known.status, headers=headers)
    return web.Response(status=known.status, body=known.answer, content_type=JSON, headers=headers)
