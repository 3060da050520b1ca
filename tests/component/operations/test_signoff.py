"""LinkedIn's sign-off as `syncd check` exercises it, a newer version tried, and what could be cleaned up."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from syncd.domain.notices import FORECASTS
from syncd.domain.segment import SegmentParking
from syncd.domain.version import DAY, sunset
from syncd.errors import Rejected
from syncd.operations import audiences, canary, checks
from syncd.operations.points import Point, Proof
from syncd.operations.voices import Clock
from syncd.sandbox import SandboxOptions, create_app
from syncd.settings import Linkedin, Settings
from syncd.store import looks, segments
from syncd.store.engine import Database
from tests.component.operations import road
from tests.component.operations.conftest import ACCOUNT, made, refreshed


@dataclass(kw_only=True)
class Office:
    """Settings over a sandbox and a database in which segment `trial` is bound."""

    settings: Settings
    database: Database
    sandbox: str
    http: aiohttp.ClientSession
    dmp_id: int = 0

    async def control(self, path: str, body: object, verb: str = "POST") -> dict[str, int]:
        async with self.http.request(verb, f"{self.sandbox}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            found: dict[str, int] = await answer.json() if answer.status != 204 else {}
            return found

    async def refreshes(self) -> list[str]:
        async with self.http.get(f"{self.sandbox}/_sandbox/requests") as answer:
            return [line for line in (await answer.text()).splitlines() if '"resource":"oauth' in line]

    async def points(self, clock: Clock = Clock(), *, refreshing: bool = False) -> dict[str, Point]:
        return {
            point.name.removeprefix("member demo: "): point
            for point in await checks.check(self.settings, clock, refreshing=refreshing)
        }


@pytest.fixture
async def office(database: Database, store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    app = create_app(SandboxOptions())
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as http:
        base = str(server.make_url("")).rstrip("/")
        linkedin = Linkedin(base_url=f"{base}/rest", oauth_url=f"{base}/oauth/v2", source_platform="FAKE")
        settings = made(store_url, tmp_path, linkedin=linkedin, **refreshed(tmp_path))
        office = Office(settings=settings, database=database, sandbox=base, http=http)
        await road.know(database, "trial", "firms")
        made_there = await office.control("segments", {"account": ACCOUNT, "sourceSegmentId": "syncd:trial"})
        office.dmp_id = made_there["id"]
        async with database.begin() as connection:
            binding = await segments.find(connection, "trial")
            assert binding is not None
            await segments.bind(connection, binding.segment, office.dmp_id, bound_at=None, ad_segment=None)
            await looks.check_roles(connection, "demo", {ACCOUNT: "CAMPAIGN_MANAGER"})
        yield office


async def test_every_point_of_the_sign_off_is_exercised_and_holds(office: Office) -> None:
    points = await office.points(refreshing=True)
    assert {point.proves for point in points.values()} - {""} == set(Proof)
    assert [name for name, point in points.items() if not point.ok or point.soon] == []
    assert points["access token"].evidence.startswith("was refreshed just now and works; ends ")
    assert points["watchdog"].evidence == "tokens and roles of demo were looked at less than an hour ago"
    assert points[f"audiences of {ACCOUNT}"].evidence == "1 of 1,000 (1 BUILDING)"
    assert points["deleted audiences"].evidence == "1 of 1 audiences of ours are there"
    assert all(notice.text in points["notices"].evidence for notice in FORECASTS)


async def test_a_refresh_is_made_only_when_it_is_asked_for(office: Office) -> None:
    made_before = [len(await office.refreshes()) for _ in range(2) if await office.points()]
    await office.points(refreshing=True)
    assert [*made_before, len(await office.refreshes())] == [1, 1, 2]


async def test_a_refresh_that_fails_is_a_point_that_fails(office: Office) -> None:
    await office.points()
    await office.control("tokens", {"do": "revoke", "token": "none", "refresh": True, "member": "demo"})
    point = (await office.points(refreshing=True))["access token"]
    assert not point.ok
    assert "could not be refreshed" in point.evidence


async def test_the_end_of_the_refresh_token_is_seen_coming(office: Office) -> None:
    await office.points()
    near = time.time() + 340 * DAY
    await office.control("tokens", {"do": "issue", "member": "demo"})
    point = (await office.points(Clock(wall=lambda: near)))["refresh token"]
    assert (point.ok, point.soon) == (True, True)
    assert "let the member sign in again" in point.evidence


async def test_a_deleted_audience_fails_until_it_is_parked(office: Office) -> None:
    await office.control(f"segments/{office.dmp_id}", {}, "DELETE")
    unnoticed = (await office.points())["deleted audiences"]
    assert not unnoticed.ok
    async with office.database.begin() as connection:
        binding = await segments.find(connection, "trial")
        assert binding is not None
        await segments.park(connection, binding.segment.id, SegmentParking.LOST, "gone")
    parked = (await office.points())["deleted audiences"]
    assert (parked.ok, parked.soon) == (True, True)
    assert "parked, nothing is sent to them: trial" in parked.evidence


async def test_what_could_be_cleaned_up_is_named(office: Office) -> None:
    foreign = [await office.control("segments", {"account": ACCOUNT, "name": f"Old {n}"}) for n in range(2)]
    await office.control(f"segments/{foreign[0]['id']}", {"status": "EXPIRED"}, "PATCH")
    orphan = await office.control("segments", {"account": ACCOUNT, "sourceSegmentId": "syncd:trial"})
    (account,) = await audiences.listed(office.database, office.settings)
    assert {one.id: one.could_go for one in account.audiences if one.could_go} == {
        foreign[0]["id"]: "expired: LinkedIn purged it, and campaigns may not target it",
        orphan["id"]: "this syncd made it and does not feed it any more",
    }
    said = (await office.points())[f"audiences of {ACCOUNT}"].evidence
    assert "4 of 1,000 (3 BUILDING, 1 EXPIRED); could be cleaned up: " in said
    assert f"{orphan['id']} Foreign segment: this syncd made it" in said


async def test_an_application_without_the_audiences_program_is_told_which_scope_it_lacks(office: Office) -> None:
    await office.points()
    await office.control("tokens", {"do": "revoke", "member": "demo"})
    await office.control(
        "tokens", {"do": "issue", "member": "demo", "scope": "r_ads", "refresh_token": "sandbox-refresh"}
    )
    point = (await office.points())[f"audiences of {ACCOUNT}"]
    assert not point.ok
    assert "it needs rw_dmp_segments" in point.evidence


async def test_no_watchdog_yet_is_said(office: Office) -> None:
    async with office.database.begin() as connection:
        await looks.check_roles(connection, "demo", {})
    point = (await office.points())["watchdog"]
    assert (point.ok, point.soon) == (True, True)


@pytest.mark.parametrize(("days", "soon"), [(61, False), (59, True)])
async def test_a_version_that_ends_within_sixty_days_wants_somebody_to_act(
    office: Office, days: float, *, soon: bool
) -> None:
    clock = Clock(wall=lambda: sunset("202608") - days * DAY)
    settings = office.settings.model_copy(update={"members": ()})
    (version,) = [point for point in await checks.check(settings, clock) if point.name == "API version"]
    assert (version.ok, version.soon) == (True, soon)
    assert ("--try-version" in version.evidence) is soon


async def test_a_newer_version_is_tried_on_one_segment_without_writing(office: Office) -> None:
    points = await canary.tried(office.database, office.settings, "202610", "trial")
    assert [(point.name.rpartition(" ")[2], point.ok) for point in points] == [
        ("life", True),
        ("roles", True),
        ("segment", True),
    ]
    assert points[2].evidence == "the same as the version in use"


@pytest.mark.parametrize("version", ["202401", "209912"])
async def test_a_version_that_linkedin_does_not_serve_fails(office: Office, version: str) -> None:
    points = await canary.tried(office.database, office.settings, version)
    assert not any(point.ok for point in points)
    assert all("does not serve it" in point.evidence for point in points)


async def test_a_version_is_tried_only_on_a_segment_that_is_bound(office: Office, database: Database) -> None:
    with pytest.raises(Rejected, match="there is no segment nobody"):
        await canary.tried(database, office.settings, "202610", "nobody")
    with pytest.raises(Rejected, match="not bound at LinkedIn yet"):
        await canary.tried(database, office.settings, "202610", "firms")
