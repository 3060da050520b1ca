"""Segments and roles, page by page, from servers that follow the reference and from servers that do not."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from syncd.domain.change import Kind
from syncd.domain.outcome import Conflict, Failure, NotThere, Scope, Throttled, TokenRefused, Unclear
from syncd.linkedin import accounts, segments
from syncd.linkedin.accounts import Role
from syncd.linkedin.segments import DmpSegment, NewSegment
from tests.component.linkedin.serving import Handler, answering, serve, transport

ACCOUNT = "urn:li:sponsoredAccount:123456"
SAMPLE = {
    "id": 9821736,
    "name": "Trial",
    "account": ACCOUNT,
    "accessPolicy": "PRIVATE",
    "type": "USER",
    "sourcePlatform": "FAKE",
    "sourceSegmentId": "syncd:trial",
    "inputCount": 2,
    "created": 1634519022000,
    "destinations": [
        {"destination": "ELSEWHERE", "status": "FAILED"},
        {
            "destination": "LINKEDIN",
            "destinationSegmentId": "urn:li:adSegment:8596576",
            "status": "READY",
            "matchedCount": 2,
            "audienceSize": 240000,
        },
    ],
}
TRIAL = DmpSegment(
    id=9821736,
    name="Trial",
    account=ACCOUNT,
    type="USER",
    source_platform="FAKE",
    source_segment_id="syncd:trial",
    input_count=2,
    matched_count=2,
    audience_size=240000,
    status="READY",
    destination_segment="urn:li:adSegment:8596576",
    created=1634519022.0,
)


def _paged(elements: list[Any], *, total: bool, links: bool, most: int = 100) -> tuple[Handler, list[web.Request]]:
    """A finder over `elements` that serves at most `most` per page."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        start, count = int(request.query["start"]), min(int(request.query["count"]), most)
        page = elements[start : start + count]
        paging: dict[str, Any] = {"start": start, "count": count}
        if total:
            paging["total"] = len(elements)
        if links and start + count < len(elements):
            paging["links"] = [{"rel": "next", "href": f"{request.path}?start={start + count}", "type": "json"}]
        return web.json_response({"elements": page, "paging": paging})

    return handler, seen


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("most", [100, 40])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250])
async def test_every_page_is_read_once(total: bool, links: bool, most: int, size: int) -> None:
    handler, seen = _paged([SAMPLE | {"id": number} for number in range(size)], total=total, links=links, most=most)
    found: list[int] = []
    async with serve(handler) as base, transport(base) as client:
        async for page in segments.of_account(client, token="t", account=ACCOUNT):
            assert isinstance(page, list)
            found += [segment.id for segment in page]
    assert found == list(range(size))
    assert len(seen) <= size // most + 1
    assert seen[0].raw_path.startswith(
        "/rest/dmpSegments?q=account&account=urn%3Ali%3AsponsoredAccount%3A123456&start=0"
    )


@pytest.mark.parametrize(
    "href",
    [
        "http://evil.example/rest/dmpSegments?start=100",
        "//evil.example/rest/dmpSegments?start=100",
        "/rest/other?start=100",
        "/rest/dmpSegments?start=0",
        "/rest/dmpSegments?start=-1",
        "/rest/dmpSegments",
        "http://[",
        "",
    ],
)
async def test_a_next_link_to_elsewhere_or_in_circles_is_not_followed(href: str) -> None:
    page = {"elements": [SAMPLE], "paging": {"links": [{"rel": "next", "href": href}]}}
    handler, seen = answering([web.json_response(page)])
    async with serve(handler) as base, transport(base) as client:
        pages = [page async for page in segments.of_account(client, token="t", account=ACCOUNT)]
    assert pages == [Unclear("200 without what was asked for", lingering=False)]
    assert len(seen) == 1


async def test_find_asks_for_our_key_and_takes_nothing_else() -> None:
    others = [SAMPLE | {"id": 1, "sourceSegmentId": "syncd:trial2"}, SAMPLE | {"id": 2, "sourcePlatform": "OTHER"}]
    handler, seen = _paged([*others, SAMPLE], total=True, links=True)
    async with serve(handler) as base, transport(base) as client:
        found = await segments.find(
            client, token="t", account=ACCOUNT, source_segment_id="syncd:trial", source_platform="FAKE"
        )
    assert found == (TRIAL,)
    assert seen[0].query["sourceSegmentId"] == "syncd:trial"
    assert "sourceSegmentId=syncd%3Atrial" in seen[0].raw_path
    assert seen[0].query["sourcePlatform"] == "FAKE"


async def test_find_says_what_stopped_it() -> None:
    full = {"elements": [SAMPLE] * 100, "paging": {}}
    throttled = web.json_response({"message": "Too Many Requests"}, status=429)
    handler, _ = answering([web.json_response(full), throttled])
    async with serve(handler) as base, transport(base) as client:
        found = await segments.find(client, token="t", account=ACCOUNT, source_segment_id="x", source_platform="y")
    assert found == Throttled(Scope.MINUTE, None, "429 Too Many Requests")


async def test_get_reads_a_segment_with_and_without_counts() -> None:
    bare = {"id": "7", "destinations": None, "somethingNew": {"a": [1]}}
    handler, seen = answering([web.json_response(SAMPLE), web.json_response(bare)])
    async with serve(handler) as base, transport(base) as client:
        assert await segments.get(client, token="t", dmp_id=9821736) == TRIAL
        fresh = await segments.get(client, token="t", dmp_id=7)
    assert isinstance(fresh, DmpSegment)
    assert (fresh.id, fresh.status, fresh.input_count, fresh.matched_count, fresh.audience_size) == (
        7,
        "",
        None,
        None,
        None,
    )
    assert seen[0].path == "/rest/dmpSegments/9821736"


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"id":null}', '{"id":"x"}', '{"id":8}', '{"id":7,"inputCount":"many"}', '{"id":7,']
)
async def test_a_segment_that_cannot_be_read_is_unclear(body: str) -> None:
    handler, _ = answering([web.Response(text=body, content_type="application/json")])
    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await segments.get(client, token="t", dmp_id=7), Unclear)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (404, NotThere("404")),
        (401, TokenRefused("401")),
        (409, Conflict("409")),
        (500, Unclear("500", lingering=False)),
    ],
)
async def test_every_operation_answers_a_failure_as_a_value(status: int, failure: Failure) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serve(handler) as base, transport(base) as client:
        assert await segments.get(client, token="t", dmp_id=1) == failure
        assert await segments.delete(client, token="t", dmp_id=1) == failure
        assert await segments.create(client, token="t", segment=NEW) == failure
        assert await accounts.roles(client, "t") == failure


NEW = NewSegment(name="Trial", account=ACCOUNT, source_platform="FAKE", source_segment_id="syncd:trial", kind=Kind.USER)


async def test_create_sends_what_the_reference_asks_for_and_returns_the_id() -> None:
    handler, seen = answering([web.Response(status=201, headers={"x-restli-id": "9821736"})])
    async with serve(handler) as base, transport(base) as client:
        assert await segments.create(client, token="t", segment=NEW) == 9821736
    assert await seen[0].json() == {
        "name": "Trial",
        "account": ACCOUNT,
        "sourcePlatform": "FAKE",
        "sourceSegmentId": "syncd:trial",
        "type": "USER",
        "destinations": [{"destination": "LINKEDIN"}],
    }


@pytest.mark.parametrize("created", [None, "", "urn:li:x", "1e3", "٣", "-1"])
async def test_a_creation_without_a_number_is_unclear(created: str | None) -> None:
    headers = {} if created is None else {"x-restli-id": created}
    handler, _ = answering([web.Response(status=201, headers=headers)])
    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await segments.create(client, token="t", segment=NEW), Unclear)


async def test_delete_has_nothing_to_say() -> None:
    handler, seen = answering([web.Response(status=204)])
    async with serve(handler) as base, transport(base) as client:
        assert await segments.delete(client, token="t", dmp_id=5) is None
    assert (seen[0].method, seen[0].path) == ("DELETE", "/rest/dmpSegments/5")


async def test_roles_are_read_over_all_pages() -> None:
    entries = [
        {"account": f"urn:li:sponsoredAccount:{n}", "user": "urn:li:person:a", "role": "VIEWER", "changed": {}}
        for n in range(150)
    ]
    handler, seen = _paged(entries, total=False, links=True)
    async with serve(handler) as base, transport(base) as client:
        found = await accounts.roles(client, "t")
    assert isinstance(found, list)
    assert len(found) == 150
    assert found[0] == Role("urn:li:sponsoredAccount:0", "urn:li:person:a", "VIEWER")
    assert seen[0].raw_path == "/rest/adAccountUsers?q=authenticatedUser&start=0&count=100"


@pytest.mark.parametrize("elements", [None, [None], [{}], {}, ["x"]])
async def test_a_list_that_cannot_be_read_is_unclear(elements: Any) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"elements": elements})

    async with serve(handler) as base, transport(base) as client:
        assert isinstance(await accounts.roles(client, "t"), Unclear)
        pages = [page async for page in segments.of_account(client, token="t", account=ACCOUNT)]
    assert isinstance(pages[-1], Unclear)
