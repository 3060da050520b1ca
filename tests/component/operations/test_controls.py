"""Segments, members and the source epoch: what is seen of them, and the orders people give."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.batch import RowFate
from syncd.domain.segment import MemberParking, SegmentParking
from syncd.errors import Rejected
from syncd.operations import epochs, feeding, members, segments
from syncd.operations.segments import SegmentReport
from syncd.settings import Settings
from syncd.store import leases, source
from syncd.store import segments as rows
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.component.operations import road


def wanted(**other: Any) -> Declared:
    given = {"key": "new", "name": "New", "kind": "user", "account": road.ACCOUNT, "member": "demo"}
    return Declared(**(given | other))


async def one(database: Database, key: str) -> SegmentReport:
    return (await segments.shown(database, key)).segment


async def test_a_segment_shows_what_waits_and_what_became_of_its_rows(database: Database, settings: Settings) -> None:
    ids = await road.know(database, "trial", "firms")
    await feeding.enqueue(database, settings, "trial", "ADD", ["{}", "{}"], subject=None, allow_unknown=False)
    await feeding.enqueue(database, settings, "nobody", "ADD", ["{}"], subject=None, allow_unknown=True)
    async with database.begin() as connection:
        batch = await road.take(connection, ids["trial"], [10, 11], {12: RowFate.DEAD, 13: RowFate.NEEDLESS})
        await road.bury(connection, ids["trial"], batch, 12)
    found = await segments.listed(database)
    assert [segment.key for segment in found.segments] == ["firms", "trial"]
    trial = found.segments[1]
    assert (trial.pending, trial.open_batches, trial.applied, trial.dead) == (2, 1, 1, 1)
    assert trial.oldest_seconds >= 0
    assert [(unknown.key, unknown.pending) for unknown in found.unknown] == [("nobody", 1)]
    assert (await segments.shown(database, "trial")).dead_letters == {"invalid_email": 1}


async def test_changes_of_status_are_shown_newest_first(database: Database) -> None:
    await road.know(database, "trial")
    for status in ("BUILDING", "EXPIRED"):
        async with database.begin() as connection:
            binding = await rows.find(connection, "trial")
            assert binding is not None
            await rows.observe(connection, binding.segment, status, {"matched_count": 5})
    shown = await segments.shown(database, "trial")
    assert (shown.segment.status, shown.segment.matched_count) == ("EXPIRED", 5)
    assert [(move.before, move.after, move.documented) for move in shown.transitions] == [
        ("BUILDING", "EXPIRED", False),
        ("", "BUILDING", True),
    ]


async def test_a_created_segment_is_ours_to_delete(database: Database, settings: Settings) -> None:
    await segments.create(database, settings, wanted())
    assert not (await one(database, "new")).declared
    with pytest.raises(Rejected, match="already"):
        await segments.create(database, settings, wanted())
    await segments.delete(database, settings, "new")
    assert (await one(database, "new")).order == "delete"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"key": "trial"}, "declared in the configuration"),
        ({"key": "Not A Key"}, "key"),
        ({"kind": "list"}, "kind"),
        ({"account": "urn:li:person:1"}, "account"),
        ({"member": "nobody"}, "declared are demo"),
    ],
)
async def test_a_segment_that_cannot_be_is_refused(
    database: Database, settings: Settings, other: dict[str, str], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await segments.create(database, settings, wanted(**other))
    assert (await segments.listed(database)).segments == []


async def test_a_declared_segment_is_read_only(database: Database, settings: Settings) -> None:
    await road.know(database, "trial")
    with pytest.raises(Rejected, match="read-only"):
        await segments.delete(database, settings, "trial")


async def test_only_a_segment_that_was_found_is_adopted(database: Database) -> None:
    ids = await road.know(database, "trial")
    with pytest.raises(Rejected, match="nothing is there to adopt"):
        await segments.adopt(database, "trial")
    async with database.begin() as connection:
        await rows.park(connection, ids["trial"], SegmentParking.FOREIGN, "found 1")
    await segments.adopt(database, "trial")
    assert (await one(database, "trial")).order == "adopt"
    await segments.recreate(database, "trial")
    assert (await one(database, "trial")).order == "recreate"


async def test_resuming_a_segment_ends_its_pause_and_its_parking(database: Database) -> None:
    ids = await road.know(database, "trial")
    await segments.pause(database, "trial")
    async with database.begin() as connection:
        await rows.park(connection, ids["trial"], SegmentParking.REFUSED, "400 words")
    before = await one(database, "trial")
    assert (before.paused, before.parked, before.parked_words) == (True, "refused", "400 words")
    assert before.parked_at is not None
    await segments.resume(database, "trial")
    after = await one(database, "trial")
    assert (after.paused, after.parked, after.parked_words, after.parked_at) == (False, None, "", None)


async def test_an_unknown_segment_is_answered_with_those_that_are_known(database: Database) -> None:
    await road.know(database, "trial", "firms")
    for order in (segments.pause, segments.resume, segments.adopt, segments.recreate, segments.shown):
        with pytest.raises(Rejected, match="known are firms, trial"):
            await order(database, "nobody")


async def test_members_show_their_owner_and_what_parks_them(database: Database, settings: Settings) -> None:
    (before,) = await members.listed(database, settings)
    assert (before.key, before.declared, before.seen, before.owner) == ("demo", True, False, None)
    with pytest.raises(Rejected, match="none is known"):
        await members.pause(database, "demo")
    await road.know(database, "trial")
    async with database.begin() as connection:
        await leases.announce(connection, "replica", ["demo"])
        await leases.take(connection, "demo", "replica", 60.0)
        await rows.park_member(connection, "demo", MemberParking.TOKEN, "401 revoked")
    await members.pause(database, "demo")
    (owned,) = await members.listed(database, settings)
    assert (owned.owner, owned.paused, owned.parked, owned.parked_words) == ("replica", True, "token", "401 revoked")
    await members.resume(database, "demo")
    (going,) = await members.listed(database, settings)
    assert (going.paused, going.parked) == (False, None)


async def test_a_new_epoch_ends_the_parking_of_intake(database: Database) -> None:
    before = await epochs.shown(database)
    assert (before.epoch, before.parked_words) == (1, None)
    async with database.begin() as connection:
        await source.park(connection, "ids fell back")
    assert (await epochs.shown(database)).parked_words == "ids fell back"
    with pytest.raises(Rejected, match="reason"):
        await epochs.start(database, " ")
    after = await epochs.start(database, "restored from a backup")
    assert (after.epoch, after.parked_words) == (2, None)
    assert after.recorded_system == after.present_system
