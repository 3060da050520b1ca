"""One call is one request with the right headers, and comes back as a value."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from syncd import __version__
from syncd.domain.outcome import Answer, Unclear
from syncd.errors import BadConfiguration, Fatal
from syncd.linkedin.guard import Guarded, is_public
from syncd.linkedin.transport import Endpoint, Transport
from tests.component.linkedin.serving import answering, endpoint, raw, serve, transport


async def test_a_call_carries_every_header_linkedin_asks_for() -> None:
    handler, seen = answering([web.json_response({"elements": []}, headers={"x-li-uuid": "AAYAcQ1QABSG=="})])
    async with serve(handler) as base, transport(base) as client:
        answer = await client.call(
            "POST", "/dmpSegments/1/users", token="t0ken", body=b"{}", restli_method="BATCH_CREATE"
        )
    assert answer == Answer(status=200, body=b'{"elements": []}', uuid="AAYAcQ1QABSG==")
    headers = seen[0].headers
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["LinkedIn-Version"] == "202608"
    assert headers["X-Restli-Protocol-Version"] == "2.0.0"
    assert headers["X-RestLi-Method"] == "BATCH_CREATE"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == f"syncd/{__version__}"
    assert headers["Accept-Encoding"] == "identity"


async def test_a_query_reaches_the_server_encoded_as_it_was_built() -> None:
    handler, seen = answering([web.json_response({})])
    query = f"q=accounts&accounts=List({quote('urn:li:sponsoredAccount:1', safe='')},2)"
    async with serve(handler) as base, transport(base) as client:
        await client.call("GET", "/adSegments", token="t", query=query)
    assert seen[0].raw_path == f"/rest/adSegments?{query}"


async def test_a_query_past_4_kb_goes_as_the_body_of_a_post() -> None:
    handler, seen = answering([web.json_response({})])
    query = f"ids=List({','.join(str(number) for number in range(1000, 2000))})"
    async with serve(handler) as base, transport(base) as client:
        await client.call("GET", "/dmpSegments", token="t", query=query)
    assert (seen[0].method, seen[0].headers["X-HTTP-Method-Override"]) == ("POST", "GET")
    assert seen[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (await seen[0].read()).decode() == query
    assert seen[0].raw_path == "/rest/dmpSegments"


@pytest.mark.parametrize("length", [512 * 1024, 512 * 1024 + 1, 1_300_000])
async def test_a_large_body_arrives_whole_and_says_how_long_it_is(length: int) -> None:
    handler, seen = answering([web.json_response({})])
    body = bytes(range(251)) * (length // 251 + 1)
    async with serve(handler) as base, transport(base, request_timeout=5) as client:
        await client.call("POST", "/dmpSegments/1/users", token="t", body=body[:length])
    assert await seen[0].read() == body[:length]
    assert (seen[0].headers["Content-Length"], seen[0].headers.get("Transfer-Encoding")) == (str(length), None)
    assert seen[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("name", ["x-restli-id", "x-linkedin-id"])
async def test_the_id_of_a_creation_is_read_from_either_header(name: str) -> None:
    handler, _ = answering([web.Response(status=201, headers={name: "9821736"})])
    async with serve(handler) as base, transport(base) as client:
        answer = await client.call("POST", "/dmpSegments", token="t", body=b"{}")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.created_id, answer.body) == (201, "9821736", b"")


async def test_an_error_says_linkedins_words_and_when_to_come_back() -> None:
    body = {"message": "Too Many Requests", "serviceErrorCode": 101, "status": 429, "code": "TOO_MANY"}
    dated = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2026 07:29:30 GMT"}
    handler, _ = answering(
        [web.json_response(body, status=429, headers={"Retry-After": "7"}), web.Response(status=429, headers=dated)]
    )
    async with serve(handler) as base, transport(base) as client:
        first = await client.call("GET", "/x", token="t")
        second = await client.call("GET", "/x", token="t")
    assert first == Answer(429, "Too Many Requests", "TOO_MANY", 101, retry_after=7.0)
    assert second == Answer(429, retry_after=90.0)


async def test_connections_are_kept_and_cookies_are_not() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
    async with raw(answer, then="keep") as (base, seen), transport(base) as client:
        for _ in range(3):
            assert isinstance(await client.call("GET", "/x", token="t"), Answer)
    assert (seen.connections, len(seen.requests)) == (1, 3)
    assert b"cookie" not in b"".join(seen.requests).lower()


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "POST"])
async def test_a_kept_connection_that_breaks_is_one_request_on_the_wire(method: str) -> None:
    seen: list[bytes] = []

    async def once_then_break(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        if len(seen) == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(once_then_break, "127.0.0.1", 0)
    async with server, transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rest") as client:
        assert isinstance(await client.call(method, "/x", token="t"), Answer)
        broken = await client.call(method, "/x", token="t")
    assert isinstance(broken, Unclear)
    assert broken.lingering
    assert len(seen) == 2


async def test_cancellation_passes_and_closes_the_connection() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        assert await reader.read() == b""
        gone.set()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rest"
    async with server, transport(base, request_timeout=5) as client:
        task = asyncio.create_task(client.call("GET", "/x", token="t"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 1)


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    handler, _ = answering([web.json_response({})])
    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await client.call("GET", "/x", token="t"), Answer)


async def test_a_configured_proxy_is_used_even_at_a_private_address() -> None:
    handler, seen = answering([web.json_response({})])
    async with serve(handler) as proxy, transport("http://127.0.0.1:9/rest", proxy=proxy) as client:
        assert isinstance(await client.call("GET", "/x", token="t"), Answer)
    assert seen[0].headers["Host"] == "127.0.0.1:9"


@pytest.mark.parametrize(
    ("base_url", "oauth_url"),
    [
        ("http://api.linkedin.com/rest", "https://www.linkedin.com/oauth/v2"),
        ("https://evil.example/rest", "https://www.linkedin.com/oauth/v2"),
        ("https://api.linkedin.com/rest", "https://evil.example/oauth"),
        ("https://api.linkedin.com/rest", "http://127.0.0.1:8080/oauth"),
        ("https://api.linkedin.com:8443/rest", "https://www.linkedin.com/oauth/v2"),
        ("https://a:b@api.linkedin.com/rest", "https://www.linkedin.com/oauth/v2"),
        ("https://10.0.0.1/rest", "https://www.linkedin.com/oauth/v2"),
        ("http://127.0.0.1:1/rest", "http://127.0.0.1:2/oauth"),
        ("http://127.0.0.1:1/rest", "https://www.linkedin.com/oauth/v2"),
        ("not a url", "https://www.linkedin.com/oauth/v2"),
        ("https://api.linkedin.com/rest?x=1", "https://www.linkedin.com/oauth/v2"),
    ],
)
def test_an_endpoint_outside_the_allowed_hosts_is_refused(base_url: str, oauth_url: str) -> None:
    hosts = ("api.linkedin.com", "www.linkedin.com")
    with pytest.raises(BadConfiguration):
        Endpoint(base_url=base_url, oauth_url=oauth_url, allowed_hosts=hosts, api_version="202608")


async def test_a_form_goes_to_the_oauth_url_only() -> None:
    async with transport("http://127.0.0.1:9/rest") as client:
        with pytest.raises(Fatal):
            await client.form("http://127.0.0.1:9/elsewhere", {"refresh_token": "r"})
        with pytest.raises(Fatal):
            await client.form("http://127.0.0.1:9.evil.example/oauth/v2/accessToken", {"refresh_token": "r"})


@pytest.mark.parametrize("path", ["@evil.example/x", ":1/x", ".evil.example/x"])
async def test_a_path_cannot_move_a_request_to_another_host(path: str) -> None:
    settings = Endpoint(
        base_url="https://api.linkedin.com",
        oauth_url="https://www.linkedin.com/oauth/v2",
        allowed_hosts=("api.linkedin.com", "www.linkedin.com"),
        api_version="202608",
    )
    async with Transport(settings) as client:
        with pytest.raises(Fatal):
            await client.call("GET", path, token="t")


class _Names(AbstractResolver):
    """A resolver that knows some addresses, the same for every name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not any(self.addresses):
            raise OSError("no such name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        return


@pytest.mark.parametrize("address", ["10.1.2.3", "169.254.169.254", "127.0.0.1", ""])
async def test_a_name_without_a_public_address_is_never_connected_to(address: str) -> None:
    settings = Endpoint(
        base_url="https://api.linkedin.com/rest",
        oauth_url="https://api.linkedin.com/oauth",
        allowed_hosts=("api.linkedin.com",),
        api_version="202608",
    )
    async with Transport(settings, resolver=_Names(address)) as client:
        answer = await client.call("GET", "/x", token="t")
    assert answer == Unclear("ClientConnectorDNSError", lingering=False)


async def test_of_several_addresses_only_the_public_ones_are_left_to_connect_to() -> None:
    """What was checked is what the connection is made to: nobody resolves the name a second time."""
    names = Guarded(_Names("10.0.0.1", "108.174.10.10", "::1"), exempt=frozenset())
    assert [one["host"] for one in await names.resolve("api.linkedin.com")] == ["108.174.10.10"]
    with pytest.raises(OSError, match="no public address"):
        await Guarded(_Names("10.0.0.1", "::1"), exempt=frozenset()).resolve("api.linkedin.com")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("108.174.10.10", True),
        ("2620:109:c002::6cae:a0a", True),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b::6cae:a0a", True),
        ("2002:a00:1::", False),
        ("0.0.0.0", False),
        ("fd00::1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("nonsense", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_closed_port_is_certain_not_to_have_been_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with transport(f"http://127.0.0.1:{port}/rest") as client:
        answer = await client.call("POST", "/x", token="t", body=b"{}")
    assert isinstance(answer, Unclear)
    assert not answer.lingering


async def test_a_token_that_cannot_stand_in_a_header_is_not_sent() -> None:
    handler, seen = answering([])
    async with serve(handler) as base, transport(base) as client:
        answer = await client.call("GET", "/x", token="a\r\nX-Evil: 1")
    assert isinstance(answer, Unclear)
    assert not answer.lingering
    assert seen == []


async def test_a_transport_that_is_not_open_says_so() -> None:
    with pytest.raises(Fatal):
        await Transport(endpoint("http://127.0.0.1:9/rest")).call("GET", "/x", token="t")
