"""Servers for the client's tests: well-behaved ones by aiohttp, hostile ones byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from syncd.linkedin.transport import Endpoint, Transport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """What arrived at a raw server."""

    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[str]:
    """An aiohttp server whose every path is `handler`; yields its base URL."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{anything:.*}", handler)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url("/rest")).rstrip("/")
    finally:
        await server.close()


@asynccontextmanager
async def raw(
    *pieces: bytes, then: str = "close", pause: float = 0.0, read: bool = True
) -> AsyncIterator[tuple[str, Seen]]:
    """A server that writes `pieces` whatever it is asked, and then closes, resets, hangs or keeps the connection."""
    seen, ended = Seen(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while True:
                if read and not await _request(reader, seen):
                    return
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
                if then == "hang":
                    await ended.wait()
                if then == "reset":
                    writer.transport.abort()
                if then != "keep":
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/rest", seen
    finally:
        ended.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.02)


async def _request(reader: asyncio.StreamReader, seen: Seen) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    seen.requests.append(head + await reader.readexactly(length))
    return True


def endpoint(base_url: str, **other: Any) -> Endpoint:
    settings: dict[str, Any] = {
        "oauth_url": base_url.replace("/rest", "/oauth/v2"),
        "allowed_hosts": (),
        "api_version": "202608",
        "request_timeout": 0.3,
    }
    return Endpoint(base_url=base_url, **(settings | other))


def transport(base_url: str, *, cap: int = 8 * 1024 * 1024, **other: Any) -> Transport:
    return Transport(endpoint(base_url, **other), cap=cap)


def answering(answers: Sequence[web.Response | Callable[[], web.Response]]) -> tuple[Handler, list[web.Request]]:
    """A handler that gives the answers in turn, and the list of requests it saw."""
    seen: list[web.Request] = []
    left = iter(answers)

    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append(request)
        one = next(left)
        return one if isinstance(one, web.Response) else one()

    return handler, seen
