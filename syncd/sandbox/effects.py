"""Faults as they look on the wire: each effect takes the true answer, or keeps it from being made, and spoils it."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from aiohttp import web

from . import faults
from .answers import JSON, Answer, error_body
from .journal import Entry
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request waiting for its answer; `answer` makes the request take effect, once."""

    request: web.Request
    world: World
    entry: Entry
    answer: Callable[[], Answer]


class NoAnswerError(Exception):
    """The connection is gone on purpose."""


async def play(effect: faults.Effect | None, exchange: Exchange) -> web.StreamResponse:
    """Answer the exchange as the effect wants it; NoAnswerError when the client gets nothing."""
    match effect:
        case None:
            return await whole(exchange, exchange.answer())
        case faults.Status():
            return await _status(effect, exchange)
        case faults.Poison():
            body = msgspec.json.encode(error_body(effect.status, effect.message, effect.code))
            return await whole(exchange, Answer(status=effect.status, body=body))
        case faults.Redirect():
            return await whole(exchange, Answer(status=effect.status, headers={"Location": effect.to}))
        case faults.Reset():
            if effect.apply:
                exchange.answer()
            raise hang_up(exchange, abruptly=effect.mode == "rst")
        case faults.Hang():
            return await _hang(effect, exchange)
        case faults.Late():
            return await _late(effect, exchange)
        case _:
            return await _spoil(effect, exchange, exchange.answer())


async def _spoil(effect: faults.Effect, exchange: Exchange, answer: Answer) -> web.StreamResponse:
    """The request took effect; its answer comes out wrong."""
    match effect:
        case faults.Malformed():
            return await whole(exchange, replace(answer, body=effect.body.encode()))
        case faults.Length():
            return await whole(exchange, _with_results(answer, lambda results: _resized(results, effect.change)))
        case faults.NullElement():
            return await whole(exchange, _with_results(answer, lambda results: _with_null(results, effect.index)))
        case faults.ExtraFields():
            return await whole(exchange, _with_extras(answer))
        case faults.Cut():
            return await _cut(effect, exchange, answer)
        case faults.Drip():
            return await _drip(effect, exchange, answer)
        case faults.GzipBomb():
            headers = {"Content-Encoding": "gzip"}
            return await _pour(exchange, _gzipped_zeros(effect.bytes), headers)
        case faults.Endless():
            chunk = b" " * 65_536
            return await _pour(exchange, (chunk for _ in range(effect.bytes // len(chunk))), {})
        case _:
            raise TypeError(f"no way to play {effect!r}")


async def whole(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    return web.Response(
        status=answer.status,
        body=answer.body or None,
        headers=_headers(exchange.entry, answer.headers)
        | ({"Content-Type": answer.content_type} if answer.body else {}),
    )


def hang_up(exchange: Exchange, *, abruptly: bool) -> NoAnswerError:
    """Close the connection, with a TCP reset if `abruptly`."""
    transport = exchange.request.transport
    if transport is not None:
        if abruptly:
            linger_no_more = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_more)
            transport.abort()
        else:
            transport.close()
    return NoAnswerError()


async def _status(effect: faults.Status, exchange: Exchange) -> web.StreamResponse:
    if effect.apply:
        exchange.answer()
    match effect.body:
        case None:
            body = msgspec.json.encode(error_body(effect.status, f"Scripted answer {effect.status}"))
        case str():
            body = effect.body.encode()
        case _:
            body = msgspec.json.encode(effect.body)
    scripted = Answer(status=effect.status, body=body, content_type=effect.content_type, headers=effect.headers)
    return await whole(exchange, scripted)


async def _hang(effect: faults.Hang, exchange: Exchange) -> web.StreamResponse:
    answer = exchange.answer() if effect.apply == "before" else None
    await exchange.world.holds.wait(effect.seconds)
    if effect.apply == "after":
        answer = exchange.answer()
    if answer is None or effect.then == "close":
        raise hang_up(exchange, abruptly=False)
    return await whole(exchange, answer)


async def _late(effect: faults.Late, exchange: Exchange) -> web.StreamResponse:
    world, entry = exchange.world, exchange.entry

    async def land() -> None:
        await world.holds.wait(effect.seconds)
        exchange.answer()

    entry.late = True
    world.spawn(land())
    if effect.hang != 0:
        await world.holds.wait(effect.hang)
    raise hang_up(exchange, abruptly=False)


async def _cut(effect: faults.Cut, exchange: Exchange, answer: Answer) -> web.StreamResponse:
    response = await _begin(exchange, answer.status, {"Content-Length": str(len(answer.body))})
    await response.write(answer.body[: effect.at])
    hang_up(exchange, abruptly=False)
    return response


async def _drip(effect: faults.Drip, exchange: Exchange, answer: Answer) -> web.StreamResponse:
    response = await _begin(exchange, answer.status, {"Content-Length": str(len(answer.body))})
    for start in range(0, len(answer.body), effect.size):
        await response.write(answer.body[start : start + effect.size])
        await asyncio.sleep(effect.interval)
    await response.write_eof()
    return response


async def _pour(exchange: Exchange, chunks: Iterator[bytes], headers: dict[str, str]) -> web.StreamResponse:
    response = await _begin(exchange, 200, headers)
    for chunk in chunks:
        await response.write(chunk)
        await asyncio.sleep(0)
    await response.write_eof()
    return response


async def _begin(exchange: Exchange, status: int, headers: dict[str, str]) -> web.StreamResponse:
    told = _headers(exchange.entry, {"Content-Type": JSON} | headers)
    response = web.StreamResponse(status=status, headers=told)
    await response.prepare(exchange.request)
    return response


def _headers(entry: Entry, more: Any) -> dict[str, str]:
    """LinkedIn's support ids come back on every answer."""
    return {"x-li-uuid": entry.uuid, "x-li-fabric": "sandbox", "x-li-request-id": f"r{entry.n}", **more}


def _with_results(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> Answer:
    body = msgspec.json.decode(answer.body or b"{}")
    if not isinstance(body.get("elements"), list):
        return answer
    return replace(answer, body=msgspec.json.encode(body | {"elements": change(body["elements"])}))


def _resized(results: list[Any], change: int) -> list[Any]:
    return results[:change] if change < 0 else results + [{"status": 201}] * change


def _with_null(results: list[Any], index: int) -> list[Any]:
    return [None if i == index % len(results) else result for i, result in enumerate(results)]


def _with_extras(answer: Answer) -> Answer:
    extended = _with_results(answer, lambda results: [{"tracking": {"id": "x"}, **result} for result in results])
    body = msgspec.json.decode(extended.body or b"{}")
    return replace(extended, body=msgspec.json.encode({"metadata": None, **body}))


def _gzipped_zeros(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    for _ in range(size >> 20):
        yield packer.compress(block)
    yield packer.compress(bytes(size & (1 << 20) - 1)) + packer.flush()
