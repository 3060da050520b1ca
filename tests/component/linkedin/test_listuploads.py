"""List uploads: the four steps against our own LinkedIn, and upload URLs that lead astray."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from syncd.domain.outcome import Misconfigured, Unclear
from syncd.linkedin import listuploads, segments
from syncd.linkedin.segments import NewSegment
from syncd.linkedin.transport import Endpoint, Transport
from syncd.sandbox import SandboxOptions, create_app
from syncd.sandbox.clock import SandboxClock
from tests.component.linkedin.serving import answering, endpoint, serve, transport
from tests.component.sandbox.driver import ACCOUNT, FakeTime, Sandbox, digest

TOKEN = "sandbox-token"
FILE = b"email\n" + b"".join(f"{digest(str(number))}\n".encode() for number in range(300))


@pytest.fixture(params=["urn", "path"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    time = FakeTime(1_800_000_000.0)
    clock = SandboxClock(1.0, time.wall, time.monotonic)
    app = create_app(SandboxOptions(upload_location=request.param), clock=clock)
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield Sandbox(client, time)


async def test_a_file_becomes_the_list_of_a_segment(sandbox: Sandbox) -> None:
    async with Transport(endpoint(str(sandbox.client.make_url("/rest")), request_timeout=10)) as client:
        url = await listuploads.place(client, token=TOKEN, account=ACCOUNT)
        assert isinstance(url, str), url
        media = await listuploads.put(client, token=TOKEN, url=url, file=FILE)
        assert isinstance(media, str), media
        assert media.startswith("urn:li:media:")
        new = NewSegment(
            name="l",
            account=ACCOUNT,
            source_platform=listuploads.PLATFORM,
            source_segment_id="l",
            kind="USER_LIST_UPLOAD",
        )
        made = await segments.create(client, token=TOKEN, segment=new)
        assert isinstance(made, int), made
        assert await listuploads.attach(client, token=TOKEN, dmp_id=made, media=media) is None
    assert len(await sandbox.members(str(made))) == 300


async def test_a_streaming_segment_takes_no_list(sandbox: Sandbox) -> None:
    async with Transport(endpoint(str(sandbox.client.make_url("/rest")), request_timeout=10)) as client:
        made = int(await sandbox.create())
        said = await listuploads.attach(client, token=TOKEN, dmp_id=made, media="urn:li:media:x")
    assert isinstance(said, Misconfigured), said


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/ambry/",
        "https://evil.example/ambry/",
        "http://127.0.0.1:1/ambry/",
        "https://token@127.0.0.1/ambry/",
        "//evil.example/ambry/",
        "/ambry/",
        "file:///etc/passwd",
        "http://[",
        "",
    ],
)
async def test_an_upload_url_to_elsewhere_gets_neither_file_nor_token(url: str) -> None:
    handler, seen = answering([])
    async with serve(handler) as base, transport(base) as client:
        said = await listuploads.put(client, token=TOKEN, url=url, file=FILE)
    assert isinstance(said, Unclear), said
    assert "nothing was sent" in said.words
    assert (said.lingering, seen) == (False, [])


@pytest.mark.parametrize(
    ("url", "permitted"),
    [
        ("https://www.linkedin.com/ambry/?x-li-ambry-ep=1", True),
        ("http://www.linkedin.com/ambry/", False),
        ("https://www.linkedin.com:8443/ambry/", False),
        ("https://www.linkedin.com.evil.example/ambry/", False),
        ("https://www.linkedin.com@evil.example/ambry/", False),
        ("https://169.254.169.254/latest", False),
    ],
)
async def test_in_production_only_https_to_a_configured_host_is_followed(url: str, permitted: bool) -> None:
    live = Endpoint(
        base_url="https://api.linkedin.com/rest",
        oauth_url="https://www.linkedin.com/oauth/v2",
        allowed_hosts=("api.linkedin.com", "www.linkedin.com"),
        api_version="202608",
        request_timeout=0.2,
        proxy="http://127.0.0.1:9",
    )
    async with Transport(live) as client:
        said = await listuploads.put(client, token=TOKEN, url=url, file=FILE)
    assert isinstance(said, Unclear), said
    assert ("nothing was sent" in said.words) is not permitted


async def test_only_the_needed_headers_go_and_a_redirect_is_not_followed() -> None:
    moved = web.Response(status=307, headers={"Location": "http://evil.example/"})
    handler, seen = answering([moved])
    async with serve(handler) as base, transport(base) as client:
        url = f"{base.removesuffix('/rest')}/ambry/"
        said = await listuploads.put(client, token=TOKEN, url=url, file=FILE)
    assert isinstance(said, Unclear), said
    assert len(seen) == 1
    assert (seen[0].content_type, seen[0].headers["Authorization"]) == ("text/csv", f"Bearer {TOKEN}")
    assert not {name for name in seen[0].headers if name.lower().startswith(("linkedin-", "x-"))}


@pytest.mark.parametrize(
    ("location", "media"),
    [
        ("urn:li:media:AAYAAg-1", "urn:li:media:AAYAAg-1"),
        ("/AAYAAg-1.csv", "urn:li:media:/AAYAAg-1.csv"),
        ("/ambry/AAYAAg-1", "urn:li:media:AAYAAg-1"),
    ],
)
async def test_the_media_urn_is_the_location_or_made_from_it(location: str, media: str) -> None:
    handler, _ = answering([web.Response(status=201, headers={"Location": location})])
    async with serve(handler) as base, transport(base) as client:
        assert await listuploads.put(client, token=TOKEN, url=f"{base}/u", file=FILE) == media


@pytest.mark.parametrize("location", [None, "", "https://evil.example/x", 'a"b', "x" * 501, TOKEN])
async def test_a_location_that_is_no_name_is_unclear(location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    handler, _ = answering([web.Response(status=201, headers=headers)])
    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await listuploads.put(client, token=TOKEN, url=f"{base}/u", file=FILE), Unclear)


@pytest.mark.parametrize("value", ["{}", '{"value":7}', '{"value":null}', "[]", ""])
async def test_a_place_that_is_no_text_is_unclear(value: str) -> None:
    handler, _ = answering([web.Response(text=value, content_type="application/json")])
    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await listuploads.place(client, token=TOKEN, account=ACCOUNT), Unclear)
