"""A TCP proxy that can be told to spoil the network: latency, drip, cut, half-close, black hole, reset, a trap on bytes.

It stands between a daemon and the sandbox or PostgreSQL. What it does to a direction (`up` is towards the server) can
change at any moment and counts from that moment on, whatever the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self

How = Literal["rst", "fin", "half"]
_PIECE = 65_536


@dataclass
class Cut:
    """Ends a connection `at` bytes after it was armed, or after a `pattern` went by; `times` connections in all.

    `then` is called when it happens. With `lose`, the bytes that hold the pattern do not pass.
    """

    at: int = 0
    pattern: bytes = b""
    skip: int = 0
    how: How = "rst"
    times: int = 1
    lose: bool = False
    then: Callable[[], None] | None = None
    armed: bool = True
    seen: int = 0
    left: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        self.left = self.at
        self.armed = not self.pattern

    def through(self, piece: bytes) -> int | None:
        """How many bytes still pass, if the connection ends within this piece; None if it goes on."""
        start = 0
        if not self.armed:
            found = piece.find(self.pattern)
            if found < 0:
                return None
            self.seen += 1
            if self.seen <= self.skip:
                return None
            self.armed = True
            start = found if self.lose else len(piece) if not self.at else found
        if start + self.left > len(piece):
            self.left -= len(piece) - start
            return None
        end = start + self.left
        self.struck += 1
        self.left, self.armed, self.seen = self.at, not self.pattern, 0
        return end


@dataclass
class Direction:
    """What happens to one direction. `rate` is bytes a second, `latency` seconds."""

    latency: float = 0.0
    rate: int = 0
    hole: bool = False
    cut: Cut | None = None

    def clear(self) -> None:
        self.latency, self.rate, self.hole, self.cut = 0.0, 0, False, None


@dataclass
class Proxy:
    """Use as an async context manager; `port` is known inside."""

    host: str
    target: int
    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)
    refusing: bool = False
    port: int = 0
    connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_PIECE)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def heal(self) -> None:
        self.up.clear()
        self.down.clear()
        self.refusing = False
        self._changed.set()
        self._changed = asyncio.Event()

    def blackhole(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self.up.hole = self.down.hole = True

    def reset_all(self) -> None:
        for writer in list(self._writers):
            _end(writer, "rst")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if self.refusing:
                _end(writer, "rst")
                return
            await self._conduct(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the other side went away, or the proxy ends: both are its daily bread
        finally:
            await _closed(writer)
            self._tasks.discard(task)

    async def _conduct(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.target, limit=_PIECE)
        self._writers |= {writer, far_writer}
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer, writer, self.up)),
            asyncio.create_task(self._pump(far_reader, writer, far_writer, self.down)),
        ]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers -= {writer, far_writer}
            await _closed(far_writer)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter, way: Direction
    ) -> None:
        while piece := await source.read(_PIECE if not way.rate else max(1, way.rate // 20)):
            if way.latency:
                await asyncio.sleep(way.latency)
            while way.hole:
                await self._changed.wait()
            if way.rate:
                await asyncio.sleep(len(piece) / way.rate)
            cut = way.cut
            end = cut.through(piece) if cut is not None else None
            sink.write(piece if end is None else piece[:end])
            await sink.drain()
            if end is not None and cut is not None:
                if cut.struck >= cut.times:
                    way.cut = None
                if cut.then is not None:
                    cut.then()
                if cut.how == "half":
                    sink.write_eof()
                    continue
                _end(sink, cut.how)
                _end(back, cut.how)
                return
        with contextlib.suppress(OSError):
            sink.write_eof()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _end(writer: asyncio.StreamWriter, how: How) -> None:
    if how == "rst":
        held = writer.get_extra_info("socket")
        if held is not None:
            with contextlib.suppress(OSError):
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
