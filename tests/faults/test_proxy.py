"""The proxy does to bytes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import Cut, Proxy, _closed


@asynccontextmanager
async def echoing() -> AsyncIterator[Proxy]:
    """A server behind a proxy that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1000):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            await _closed(writer)

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Proxy("127.0.0.1", port) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


async def exchange(proxy: Proxy, sent: bytes, seconds: float = 5.0) -> bytes:
    """What comes back until the connection ends."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()
            return await reader.read()
        finally:
            await _closed(writer)


async def test_bytes_pass_both_ways() -> None:
    async with echoing() as proxy:
        assert await exchange(proxy, b"hello") == b"hello"


@pytest.mark.parametrize("at", [0, 1, 3])
async def test_an_answer_is_cut_at_a_byte(at: int) -> None:
    async with echoing() as proxy:
        proxy.down.cut = Cut(at=at, how="fin")
        assert await exchange(proxy, b"hello") == b"hello"[:at]
        assert await exchange(proxy, b"hello") == b"hello"


async def test_a_reset_is_a_reset() -> None:
    async with echoing() as proxy:
        proxy.up.cut = Cut(at=2, how="rst")
        with pytest.raises(ConnectionError):
            await exchange(proxy, b"hello")


async def test_a_trap_waits_for_its_bytes() -> None:
    async with echoing() as proxy:
        proxy.up.cut = cut = Cut(pattern=b"COMMIT", skip=1, how="fin")
        assert await exchange(proxy, b"a COMMIT;") == b"a COMMIT;"
        assert await exchange(proxy, b"nothing") == b"nothing"
        assert not cut.struck
        await exchange(proxy, b"b COMMIT;")
        assert cut.struck


async def test_a_black_hole_says_nothing_until_it_is_healed() -> None:
    async with echoing() as proxy:
        proxy.blackhole()
        waiting = asyncio.create_task(exchange(proxy, b"hello"))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        proxy.heal()
        assert await waiting == b"hello"


async def test_latency_and_rate_take_their_time() -> None:
    async with echoing() as proxy:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        proxy.up.latency = 0.1
        proxy.down.rate = 1000
        assert await exchange(proxy, b"x" * 200) == b"x" * 200
        assert loop.time() - begun >= 0.25
