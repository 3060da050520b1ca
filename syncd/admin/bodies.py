"""What comes in, within bounds: so many bytes, so many seconds, of a type the route takes, valid to the last field."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import BodyPartReader, web

from syncd.admin.problems import Refusal
from syncd.admin.routes import FORM, JSON, MEBIBYTE, Route
from syncd.operations.feeding import holds_nul
from syncd.operations.shapes import said

PATIENCE: Final = 30.0
"""Seconds that a sender may keep us waiting, beside what the bytes that came take at the slowest pace."""
SLOWEST: Final = 262_144
"""Bytes a second, or the place at the desk is somebody else's."""
LONGEST: Final = 900.0
"""Seconds that any sender may keep us waiting at most."""
_FIELDS: Final = 200
_LONGEST_FIELD: Final = 65_536


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
    if (request.content_length or 0) > most:
        raise _too_large(most)
    async for part in _kept_up(request.content.readany, most):
        yield part


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"at most {most:,} bytes")


async def _kept_up(read: Callable[[], Awaitable[bytes]], most: int) -> AsyncIterator[bytes]:
    """What comes, as long as it comes fast enough. Time in which nobody reads is not the sender's."""
    loop = asyncio.get_running_loop()
    seen, waited = 0, 0.0
    while True:
        begun = loop.time()
        try:
            async with asyncio.timeout(min(LONGEST, PATIENCE + seen / SLOWEST) - waited):
                part = await read()
        except TimeoutError:
            raise Refusal(408, f"the body comes too slowly: send at least {SLOWEST:,} bytes a second") from None
        waited += loop.time() - begun
        if not part:
            return
        seen += len(part)
        if seen > most:
            raise _too_large(most)
        yield part


@dataclass(frozen=True, slots=True)
class Form:
    """A form that carries a file: its fields, of which the file's own holds its name, and the file, which comes last."""

    fields: dict[str, Any]
    file: AsyncIterator[bytes]


async def form(request: web.Request, most: int) -> Form:
    """Reads as far as the file. Raises Refusal for what is no such form, or holds none."""
    fields: dict[str, Any] = {}
    try:
        reader = await request.multipart()
        async with asyncio.timeout(PATIENCE):
            while isinstance(part := await reader.next(), BodyPartReader) and len(fields) < _FIELDS:
                if part.filename is not None:
                    fields[part.name or ""] = part.filename
                    return Form(fields, _kept_up(_reading(part), most))
                fields[part.name or ""] = await _field(part)
    except TimeoutError:
        raise Refusal(408, "the form comes too slowly") from None
    except ValueError:
        raise Refusal(400, "that is not a form") from None
    raise Refusal(400, "that form carries no file")


async def _field(part: BodyPartReader) -> str:
    held = b""
    while piece := await part.read_chunk():
        held += piece
        if len(held) > _LONGEST_FIELD:
            raise _too_large(_LONGEST_FIELD)
    return held.decode()


def _reading(part: BodyPartReader) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        try:
            return await part.read_chunk(MEBIBYTE)
        except (ValueError, AssertionError):
            raise Refusal(400, "the file broke off on its way: send it again") from None

    return read


def decoded(body: bytes, given: str, wanted: type) -> Any:
    """The body as the wanted type. What is wrong is said by the name of the field, never with what stands in it."""
    try:
        if given == JSON:
            no_nul(msgspec.json.decode(body) if b"\\u0000" in body else None)
            return msgspec.json.decode(body, type=wanted)
        if given == FORM:
            return filled(fields(body), wanted)
    except msgspec.ValidationError as problem:
        raise Refusal(400, said(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "that is not valid JSON in UTF-8") from None
    raise Refusal(415, f"{given} is not decoded here")


def filled(given: dict[str, Any], wanted: type) -> Any:
    """The fields of a form as the wanted type; one that was left empty is not there."""
    try:
        return msgspec.convert(
            no_nul({name: value for name, value in given.items() if value != ""}), wanted, strict=False
        )
    except msgspec.ValidationError as problem:
        raise Refusal(400, said(problem)) from None


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
