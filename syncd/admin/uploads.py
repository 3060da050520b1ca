"""A snapshot that is sent by a program or from a page: streamed through and hashed on its way; it never rests on a disk."""

from __future__ import annotations

import asyncio
import io
import queue
from collections.abc import AsyncIterator
from typing import Final

from syncd.admin.routes import Call
from syncd.domain.access import By
from syncd.errors import Rejected
from syncd.operations import snapshots
from syncd.operations.resyncs import ResyncReport
from syncd.operations.snapshots import Snapshot

MOST_BYTES: Final = 2 * 1024**3
"""A snapshot of ten million people has about 600 MB."""
_AHEAD: Final = 8
_PAUSE: Final = 0.005


async def preview(call: Call, snapshot: Snapshot, by: By) -> ResyncReport:
    """Plans a reconcile of the segment in the path with the stream of a call. Raises Rejected."""
    assert call.stream is not None
    flow = _Flow()
    filling = asyncio.create_task(flow.fill(call.stream))
    desk, key = call.desk, call.part("segment")
    try:
        found = await snapshots.preview(desk.database, desk.settings, key, snapshot, io.BufferedReader(flow), by=by)
        await filling
    finally:
        filling.cancel()
        await asyncio.wait([filling])
    return found


class _Flow(io.RawIOBase):
    """A body that arrives piece by piece, as a file for the thread that reads it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: queue.Queue[bytes | None] = queue.Queue()
        self._rest = b""
        self._broken = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands over
        if not self._rest:
            piece = self._pieces.get()
            if piece is None:
                self._pieces.put(None)
                if self._broken:
                    raise Rejected("the file broke off on its way: send it again")
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    async def fill(self, body: AsyncIterator[bytes]) -> None:
        """Hands on what arrives, never far ahead of the reader."""
        try:
            async for piece in body:
                while self._pieces.qsize() >= _AHEAD:  # noqa: ASYNC110 - who empties it is a thread, which sets no events
                    await asyncio.sleep(_PAUSE)
                if piece:
                    self._pieces.put(piece)
            self._broken = False
        finally:
            self._pieces.put(None)
