"""What comes in, within bounds: so many bytes, so many seconds, of a type the route takes, valid to the last field."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from syncd.admin.problems import Refusal
from syncd.admin.routes import FORM, JSON, MEBIBYTE, Route
from syncd.operations.feeding import holds_nul
from syncd.operations.shapes import said

PATIENCE: Final = 30.0
"""Seconds a body may take; a stream has as long for every mebibyte it may hold."""
LONGEST: Final = 900.0
"""Seconds that any body may take at most."""
_FIELDS: Final = 200


def media_type(request: web.Request, route: Route) -> str:
    """The type of the body. Raises Refusal for one the route does not take."""
    given = request.content_type if "Content-Type" in request.headers else ""
    if given not in (*route.takes, *route.streamed):
        raise Refusal(415, f"send {' or '.join((*route.takes, *route.streamed))}, and say so in Content-Type")
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise Refusal(415, "send UTF-8")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(415, "send it uncompressed")
    return given


async def read(request: web.Request, route: Route) -> bytes:
    """The whole body."""
    return b"".join([part async for part in stream(request, route.most_bytes)])


async def stream(request: web.Request, most: int) -> AsyncIterator[bytes]:
    """The body part by part. Raises Refusal when it is too large or too slow."""
    too_large = Refusal(413, f"at most {most:,} bytes")
    if (request.content_length or 0) > most:
        raise too_large
    seen = 0
    patience = min(LONGEST, PATIENCE * max(1, most // MEBIBYTE))
    ends = asyncio.get_running_loop().time() + patience
    while True:
        try:
            async with asyncio.timeout_at(ends):
                part = await request.content.readany()
        except TimeoutError:
            raise Refusal(408, f"the body took longer than {patience:.0f} s") from None
        if not part:
            return
        seen += len(part)
        if seen > most:
            raise too_large
        yield part


def decoded(body: bytes, given: str, wanted: type) -> Any:
    """The body as the wanted type. What is wrong is said by the name of the field, never with what stands in it."""
    try:
        if given == JSON:
            no_nul(msgspec.json.decode(body) if b"\\u0000" in body else None)
            return msgspec.json.decode(body, type=wanted)
        if given == FORM:
            return msgspec.convert(no_nul(fields(body)), wanted, strict=False)
    except msgspec.ValidationError as problem:
        raise Refusal(400, said(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "that is not valid JSON in UTF-8") from None
    raise Refusal(415, f"{given} is not decoded here")


def no_nul(given: Any) -> Any:
    """What was given. Refuses a NUL anywhere in it: no database of ours keeps one."""
    if holds_nul(given):
        raise Refusal(400, "a NUL character is taken nowhere")
    return given


def fields(body: bytes) -> dict[str, Any]:
    """The fields of a form; one that stands several times is a list, and one that was left empty is not there."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError:
        raise Refusal(400, "that is not a form") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if value == "":
            continue
        found[name] = [*_listed(found[name]), value] if name in found else value
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def query(request: web.Request, route: Route) -> Any:
    """What stands behind the question mark, as the route declares it. A name nobody knows is refused, and so is one that
    stands twice where one is wanted.
    """
    given: dict[str, Any] = {}
    for name, value in request.query.items():
        given[name] = [*_listed(given[name]), value] if name in given else value
    if route.query is None:
        if given:
            raise Refusal(400, "this takes no query")
        return None
    try:
        return msgspec.convert(no_nul(given), route.query, strict=False)
    except msgspec.ValidationError as problem:
        raise Refusal(400, f"in the query: {said(problem)}") from None
