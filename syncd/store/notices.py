"""PostgreSQL's notifications, when an operator asked for them: a hint that rows wait, never more.

They collapse, they are lost while nobody is connected, and they do not pass a pooler in transaction mode; so polling
stays the base.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from syncd.store.engine import Database

CHANNEL: Final = "syncd_outbox"


async def listen(database: Database, hint: asyncio.Event, listening: Callable[[], None]) -> None:
    """Sets `hint` at every notification until the connection ends. Raises Transient."""
    ended = asyncio.Event()

    def heard(*_: object) -> None:
        hint.set()

    def over(*_: object) -> None:
        ended.set()

    async with database.read() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_termination_listener(over)
        try:
            await raw.add_listener(CHANNEL, heard)
            listening()
            await ended.wait()
        finally:
            raw.remove_termination_listener(over)
            if not ended.is_set():
                await raw.remove_listener(CHANNEL, heard)
