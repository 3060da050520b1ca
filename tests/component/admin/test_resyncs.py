"""Resyncs over the API: planned, started with a reason and a name, cancelled; snapshots streamed in; scopes kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from syncd.domain.access import Role
from syncd.store import segments
from syncd.store.segments import Declared
from tests.component.admin.house import OURS, THEIRS, House

PATH = "/api/v1/segments/trial/resyncs"


@pytest.fixture(autouse=True)
async def bound(house: House) -> None:
    """Two segments, of two accounts, that are bound to one at LinkedIn each."""
    wanted = [
        Declared(key=key, name=key, kind="user", account=account, member="demo")
        for key, account in (("trial", OURS), ("other", THEIRS))
    ]
    async with house.database.begin() as connection:
        await segments.declare(connection, {"demo": "default"}, wanted, declared=False)
        for key in ("trial", "other"):
            binding = await segments.find(connection, key)
            assert binding is not None
            await segments.bind(connection, binding.segment, binding.segment.id, bound_at=1.0, ad_segment=None)


def now(**off: float) -> str:
    return (datetime.now(UTC) - timedelta(**off)).isoformat()


async def test_a_replay_is_planned_started_seen_and_cancelled(house: House) -> None:
    ann = await house.program(Role.OPERATOR)
    planned = await ann.send("POST", PATH, {"mode": "replay"}, 201)
    assert (planned["state"], planned["numbers"]["adds"], planned["needs_confirmation"]) == ("planned", 0, True)
    one = f"/api/v1/resyncs/{planned['id']}"
    await ann.send("POST", f"{one}/start", {"reason": " "}, 422)
    for wrong in ({}, {"confirm": "other"}):
        told = await ann.send("POST", f"{one}/start", {"reason": "it expired", **wrong}, 409)
        assert "send all 0 of trial again" in told["detail"]
    started = await ann.send("POST", f"{one}/start", {"reason": "it expired", "confirm": "trial"})
    assert (started["state"], started["reason"]) == ("waiting", "it expired")
    await ann.send("POST", f"{one}/start", {"reason": "again", "confirm": "trial"}, 409)
    assert (await ann.get(one))["state"] == "waiting"
    assert [each["id"] for each in (await ann.get("/api/v1/resyncs?segment=trial"))["items"]] == [planned["id"]]
    assert (await ann.send("POST", f"{one}/cancel", {}))["state"] == "cancelled"
    await ann.send("POST", f"{one}/cancel", {}, 409)
    rows = [row for row in (await ann.get("/api/v1/audit"))["items"] if row["target"] == "trial"]
    assert [row["action"] for row in rows] == ["resync.cancel", "resync.start", "resync.preview"]
    assert rows[1]["reason"] == "it expired"
    assert {row["account"] for row in rows} == {OURS}


async def test_a_reconcile_without_a_source_is_refused(house: House) -> None:
    ann = await house.program(Role.OPERATOR)
    assert "has no source" in (await ann.send("POST", PATH, {"mode": "reconcile"}, 422))["detail"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", "email\na@example.com\nb@example.com\n"),
        ("application/x-ndjson", '{"email": "a@example.com"}\n'),
        ("text/csv", "email\n" + "".join(f"person{number}@example.com\n" for number in range(60_000))),
    ],
    ids=["csv", "ndjson", "more than a mebibyte"],
)
async def test_a_snapshot_is_streamed_in(house: House, kind: str, body: str) -> None:
    ann = await house.program(Role.OPERATOR)
    path, headers = f"{PATH}/snapshot", {"Content-Type": kind}
    params = {"as_of": now(minutes=1)}
    async with await ann.ask("POST", path, data=BytesIO(body.encode()), headers=headers, params=params) as response:
        assert response.status == 201, await response.text()
        assert (await response.json())["state"] == "planning"


async def test_a_snapshot_that_is_none_or_has_no_time_is_refused(house: House) -> None:
    ann = await house.program(Role.OPERATOR)
    for body, as_of in (
        ("a@example.com\n", now(minutes=1)),
        ("email\n", now(days=2)),
        ("email\n", "2026-08-01T12:00:00"),
    ):
        async with await ann.ask(
            "POST", f"{PATH}/snapshot", data=body, headers={"Content-Type": "text/csv"}, params={"as_of": as_of}
        ) as response:
            assert response.status == 422, await response.text()
            assert "a@example.com" not in await response.text()


async def test_who_may_only_see_starts_nothing_and_who_has_other_accounts_sees_nothing(house: House) -> None:
    ann, viewer = await house.program(Role.OPERATOR), await house.program(Role.VIEWER)
    theirs = await house.program(Role.OPERATOR, THEIRS)
    number = (await ann.send("POST", PATH, {"mode": "replay"}, 201))["id"]
    await viewer.send("POST", PATH, {"mode": "replay"}, 403)
    await viewer.send("POST", f"/api/v1/resyncs/{number}/start", {"reason": "x"}, 403)
    assert (await viewer.get(f"/api/v1/resyncs/{number}"))["id"] == number
    await theirs.send("POST", PATH, {"mode": "replay"}, 404)
    await theirs.send("GET", f"/api/v1/resyncs/{number}", status=404)
    await theirs.send("POST", f"/api/v1/resyncs/{number}/cancel", {}, 404)
    assert (await theirs.get("/api/v1/resyncs"))["items"] == []
    for segment in ("trial", "nope"):
        assert "trial" not in (await theirs.send("GET", f"/api/v1/resyncs?segment={segment}", status=404))["detail"]
