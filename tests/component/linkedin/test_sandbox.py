"""The client against our own LinkedIn, which was written from the API description alone."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from syncd.domain.change import Kind
from syncd.domain.outcome import Delivered, Misconfigured, NotThere, Scope, Sunset, Throttled, TokenRefused
from syncd.linkedin import accounts, segments, streams
from syncd.linkedin.auth import Access, Again, TokenSource
from syncd.linkedin.segments import DmpSegment, NewSegment
from syncd.linkedin.transport import Transport
from syncd.linkedin.wire import batch_body, company_element, user_element
from syncd.sandbox import SandboxOptions, create_app
from tests.component.linkedin.serving import endpoint

ACCOUNT = "urn:li:sponsoredAccount:123456"
TOKEN = "sandbox-token"


@pytest.fixture
def options() -> SandboxOptions:
    return SandboxOptions()


@pytest.fixture
async def base(options: SandboxOptions) -> AsyncIterator[str]:
    async with TestServer(create_app(options), host="127.0.0.1") as server:
        yield str(server.make_url("/rest"))


@pytest.fixture
async def client(base: str) -> AsyncIterator[Transport]:
    async with Transport(endpoint(base, request_timeout=5)) as opened:
        yield opened


def _person(number: int) -> bytes:
    return user_element("ADD", [b"\x01" + hashlib.sha256(b"%d" % number).digest()], b',"firstName":"Ann"')


async def _created(client: Transport, kind: Kind = Kind.USER, key: str = "syncd:trial") -> int:
    new = NewSegment(name="Trial", account=ACCOUNT, source_platform="FAKE", source_segment_id=key, kind=kind)
    created = await segments.create(client, token=TOKEN, segment=new)
    assert isinstance(created, int), created
    return created


async def test_a_segment_lives_from_creation_to_deletion(client: Transport) -> None:
    created = await _created(client)
    await _created(client, key="syncd:other")
    read = await segments.get(client, token=TOKEN, dmp_id=created)
    assert isinstance(read, DmpSegment)
    assert (read.id, read.type, read.status, read.account) == (created, "USER", "BUILDING", ACCOUNT)
    assert read.created is not None
    assert abs(read.created - time.time()) < 60
    found = await segments.find(
        client, token=TOKEN, account=ACCOUNT, source_segment_id="syncd:trial", source_platform="FAKE"
    )
    assert found == (read,)
    assert await segments.delete(client, token=TOKEN, dmp_id=created) is None
    assert isinstance(await segments.get(client, token=TOKEN, dmp_id=created), NotThere)


async def test_all_pages_of_an_account_are_read(client: Transport) -> None:
    created = [await _created(client, key=f"syncd:{number}") for number in range(101)]
    pages = [page async for page in segments.of_account(client, token=TOKEN, account=ACCOUNT)]
    assert [segment.id for page in pages if isinstance(page, list) for segment in page] == created
    assert len(pages) == 2


async def test_five_thousand_users_are_one_delivery(client: Transport) -> None:
    segment = await _created(client)
    people = [_person(number) for number in range(5000)]
    outcome = await streams.send(
        client, token=TOKEN, resource="users", dmp_id=segment, body=batch_body(people), sent=len(people)
    )
    assert isinstance(outcome, Delivered), outcome
    assert outcome.exceptions == ()
    assert outcome.uuid


@pytest.mark.parametrize("options", [SandboxOptions(), SandboxOptions(batch_index=True)])
async def test_a_wrong_element_is_refused_alone(client: Transport, options: SandboxOptions) -> None:
    segment = await _created(client)
    bad = b'{"action":"ADD","userIds":[{"idType":"SHA256_EMAIL","idValue":"nothex"}]}'
    elements = [_person(0), bad, _person(1)]
    outcome = await streams.send(
        client, token=TOKEN, resource="users", dmp_id=segment, body=batch_body(elements), sent=len(elements)
    )
    assert isinstance(outcome, Delivered), outcome
    assert [one.position for one in outcome.exceptions] == [1]


async def test_companies_are_streamed_and_a_segment_of_another_type_is_misconfigured(client: Transport) -> None:
    segment = await _created(client, Kind.COMPANY)
    company = company_element("ADD", b',"companyName":"Acme","companyWebsiteDomain":"acme.example"')
    outcome = await streams.send(
        client, token=TOKEN, resource="companies", dmp_id=segment, body=batch_body([company]), sent=1
    )
    assert isinstance(outcome, Delivered), outcome
    outcome = await streams.send(
        client, token=TOKEN, resource="users", dmp_id=segment, body=batch_body([_person(1)]), sent=1
    )
    assert isinstance(outcome, Misconfigured), outcome


@pytest.mark.parametrize("options", [SandboxOptions(users_per_minute=1)])
async def test_the_minute_limit_is_known_by_its_words(client: Transport, options: SandboxOptions) -> None:
    segment = await _created(client)
    sent = [
        await streams.send(client, token=TOKEN, resource="users", dmp_id=segment, body=batch_body([_person(1)]), sent=1)
        for _ in range(2)
    ]
    assert isinstance(sent[1], Throttled)
    assert sent[1].scope is Scope.MINUTE


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        (SandboxOptions(member_daily=1), Scope.MEMBER_DAY),
        (SandboxOptions(application_daily=1), Scope.APPLICATION_DAY),
    ],
)
async def test_a_daily_limit_is_known_by_its_words(client: Transport, options: SandboxOptions, scope: Scope) -> None:
    segment = await _created(client)
    for _ in range(3):
        outcome = await streams.send(
            client, token=TOKEN, resource="users", dmp_id=segment, body=batch_body([_person(1)]), sent=1
        )
    assert isinstance(outcome, Throttled), outcome
    assert outcome.scope is scope


@pytest.mark.parametrize("options", [SandboxOptions(segments_per_account=1)])
async def test_a_full_account_is_known_by_its_words(client: Transport, options: SandboxOptions) -> None:
    await _created(client)
    new = NewSegment(name="x", account=ACCOUNT, source_platform="FAKE", source_segment_id="y", kind=Kind.USER)
    outcome = await segments.create(client, token=TOKEN, segment=new)
    assert isinstance(outcome, Throttled), outcome
    assert outcome.scope is Scope.SEGMENT_LIMIT


async def test_an_old_version_is_sunset_and_an_unknown_token_refused(base: str) -> None:
    async with Transport(endpoint(base, api_version="202401", request_timeout=5)) as old:
        assert isinstance(await segments.get(old, token=TOKEN, dmp_id=1), Sunset)
    async with Transport(endpoint(base, request_timeout=5)) as current:
        assert isinstance(await segments.get(current, token="unknown", dmp_id=1), TokenRefused)


async def test_roles_are_those_of_the_member(client: Transport) -> None:
    await _created(client)
    roles = await accounts.roles(client, TOKEN)
    assert isinstance(roles, list), roles
    assert {role.user for role in roles} <= {"urn:li:person:demo"}


async def test_a_refreshed_token_works(client: Transport, tmp_path: Path) -> None:
    for name, text in (("access", "stale"), ("refresh", "sandbox-refresh"), ("secret", "demo-secret")):
        (tmp_path / name).write_text(text)
    source = TokenSource(
        access_token_file=tmp_path / "access",
        refresh_token_file=tmp_path / "refresh",
        client_id="demo-app",
        client_secret_file=tmp_path / "secret",
        vault=None,
        transport=client,
        wall=time.time,
        sleep=asyncio.sleep,
    )
    access = await source.access()
    assert isinstance(access, Access)
    assert isinstance(await segments.get(client, token=access.token, dmp_id=1), TokenRefused)
    assert await source.refused(access, "401") == Again(0.0, "401")
    fresh = await source.access()
    assert isinstance(fresh, Access)
    assert isinstance(await segments.get(client, token=fresh.token, dmp_id=1), NotThere)
