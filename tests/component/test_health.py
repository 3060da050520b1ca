from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web

from syncd.errors import BadConfiguration
from syncd.observe.health import STUCK_AFTER, health_app, listening, metrics_app, serve
from syncd.observe.metrics import Metrics
from syncd.settings import Settings

LOOPBACK = "127.0.0.1"


@dataclass
class House:
    now: float = 0.0
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics("202608", monotonic=lambda: self.now)
        self.app = health_app(self.metrics, lambda: self.missing)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as taken:
        return int(taken.getsockname()[1])


async def test_it_is_alive_while_the_loop_turns(house: House, client: ClientSession) -> None:
    async with listening(house.app, LOOPBACK, 0) as port:
        url = f"http://{LOOPBACK}:{port}/healthz"
        async with client.get(url) as answer:
            assert answer.status == 200
        house.now += STUCK_AFTER
        async with client.get(url) as answer:
            assert (answer.status, await answer.text()) == (503, "the event loop has not been seen for 30 s\n")
        house.metrics.tick(0.0)
        async with client.get(url) as answer:
            assert answer.status == 200


async def test_it_is_ready_when_nothing_is_missing_and_says_what_is(house: House, client: ClientSession) -> None:
    async with listening(house.app, LOOPBACK, 0) as port:
        url = f"http://{LOOPBACK}:{port}/readyz"
        async with client.get(url) as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
        house.missing = ["The database does not answer."]
        async with client.get(url) as answer:
            assert answer.status == 503
            assert await answer.json() == {"ready": False, "reasons": ["The database does not answer."]}


async def test_what_is_missing_does_not_make_it_dead(house: House, client: ClientSession) -> None:
    house.missing = ["The database does not answer."]
    async with (
        listening(house.app, LOOPBACK, 0) as port,
        client.get(f"http://{LOOPBACK}:{port}/healthz") as answer,
    ):
        assert answer.status == 200


async def test_metrics_are_exported_in_prometheus_text(house: House, client: ClientSession) -> None:
    async with (
        listening(metrics_app(house.metrics), LOOPBACK, 0) as port,
        client.get(f"http://{LOOPBACK}:{port}/metrics") as answer,
    ):
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "syncd_build_info{" in await answer.text()


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/broken"])
async def test_no_answer_names_the_server_or_may_be_kept(house: House, client: ClientSession, path: str) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("jane@example.com")

    house.app.router.add_get("/broken", broken)
    async with listening(house.app, LOOPBACK, 0) as port, client.get(f"http://{LOOPBACK}:{port}{path}") as answer:
        assert "Server" not in answer.headers
        assert "jane" not in await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"


async def test_not_even_an_answer_to_nonsense_names_a_version(house: House) -> None:
    async with listening(house.app, LOOPBACK, 0) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"NON SENSE\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.")
    assert b"aiohttp" not in answer.lower()
    assert b"python" not in answer.lower()


async def test_a_taken_port_is_a_bad_configuration(house: House) -> None:
    async with listening(house.app, LOOPBACK, 0) as port:
        with pytest.raises(BadConfiguration, match=rf"^cannot listen on 127\.0\.0\.1 port {port}: another program has"):
            async with listening(House().app, LOOPBACK, port):
                pass


async def test_an_address_of_another_machine_is_a_bad_configuration(house: House) -> None:
    with pytest.raises(BadConfiguration, match=r"^cannot listen on 192\.0\.2\.1 port 0: \w+"):
        async with listening(house.app, "192.0.2.1", 0):
            pass


async def test_the_port_is_free_again_afterwards(house: House) -> None:
    async with listening(house.app, LOOPBACK, 0) as port:
        pass
    async with listening(House().app, LOOPBACK, port) as again:
        assert again == port


async def test_both_servers_run_until_they_are_stopped(house: House, client: ClientSession) -> None:
    probes, scrapes = free_port(), free_port()
    settings = Settings.model_validate({"http": {"port": probes}, "metrics": {"port": scrapes}})
    running = asyncio.create_task(serve(settings, house.metrics, list))
    for url in (f"http://{LOOPBACK}:{scrapes}/metrics", f"http://{LOOPBACK}:{probes}/readyz"):
        async with asyncio.timeout(5):
            while await refused(client, url):
                await asyncio.sleep(0.01)
    async with client.get(f"http://{LOOPBACK}:{probes}/metrics") as answer:
        assert answer.status == 404
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await refused(client, f"http://{LOOPBACK}:{probes}/readyz")


async def refused(client: ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status != 200
    except OSError:
        return True
