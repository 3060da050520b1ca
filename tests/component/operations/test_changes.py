"""What became of one outbox row."""

from __future__ import annotations

from syncd.domain.batch import BatchKind, RowFate, State
from syncd.operations import changes, feeding, letters
from syncd.operations.changes import Outcome
from syncd.operations.letters import Which
from syncd.settings import Settings
from syncd.store import letters as letter_rows
from syncd.store.engine import Database
from tests.component.operations import road


async def test_a_row_that_nobody_took_is_pending(database: Database, settings: Settings) -> None:
    done = await feeding.enqueue(database, settings, "trial", "ADD", ["{}"], subject=None, allow_unknown=False)
    assert done.id is not None
    told = await changes.fate_of(database, done.id)
    assert (told.outcome, told.segment, told.action) == (Outcome.PENDING, "trial", "ADD")
    assert told.written_at is not None


async def test_an_id_that_was_never_drawn_is_unknown(database: Database) -> None:
    told = await changes.fate_of(database, 7)
    assert told.outcome is Outcome.UNKNOWN
    assert "the last id drawn is 0" in told.explanation


async def test_a_row_waits_until_its_element_is_settled(database: Database) -> None:
    segment = (await road.know(database, "trial"))["trial"]
    async with database.begin() as connection:
        batch = await road.take(connection, segment, [1, 2])
    waiting = await changes.fate_of(database, 1)
    assert (waiting.outcome, waiting.batch, waiting.attempts) == (Outcome.WAITING, batch, 0)
    async with database.begin() as connection:
        await road.settle(connection, batch, bytes((State.ACCEPTED, State.OPEN)), words="503 away")
    assert (await changes.fate_of(database, 1)).outcome is Outcome.APPLIED
    second = await changes.fate_of(database, 2)
    assert (second.outcome, second.words, second.attempts) == (Outcome.WAITING, "503 away", 1)
    async with database.begin() as connection:
        await road.settle(connection, batch, None)
    applied = await changes.fate_of(database, 2)
    assert (applied.outcome, applied.kind, applied.support_id) == (Outcome.APPLIED, "live", "support-id")
    assert applied.accepted_at is not None


async def test_intake_decides_rows_that_need_no_call(database: Database) -> None:
    segment = (await road.know(database, "trial"))["trial"]
    fates = {2: RowFate.SUPERSEDED, 3: RowFate.LATE, 4: RowFate.NEEDLESS, 5: RowFate.DEAD}
    async with database.begin() as connection:
        batch = await road.take(connection, segment, [1, 6], fates)
        await road.bury(connection, segment, batch, 5)
    told = {row: await changes.fate_of(database, row) for row in fates}
    assert [told[row].outcome for row in (2, 3, 4, 5)] == [
        Outcome.SUPERSEDED,
        Outcome.SUPERSEDED,
        Outcome.APPLIED,
        Outcome.DEAD,
    ]
    assert "late" in told[3].explanation
    assert (told[5].reason, told[5].detail) == ("invalid_email", "no address")


async def test_a_row_dropped_before_a_resend_is_superseded(database: Database) -> None:
    segment = (await road.know(database, "trial"))["trial"]
    async with database.begin() as connection:
        batch = await road.take(connection, segment, [1, 2])
        await road.settle(connection, batch, bytes((State.DROPPED, State.OPEN)))
    assert (await changes.fate_of(database, 1)).outcome is Outcome.SUPERSEDED


async def test_a_refused_row_is_dead_and_after_its_retry_the_newest_batch_decides(database: Database) -> None:
    segment = (await road.know(database, "trial"))["trial"]
    async with database.begin() as connection:
        batch = await road.take(connection, segment, [1, 2])
        await road.refuse(connection, segment, batch, [1, 2], 0)
        await road.settle(connection, batch, None)
    dead = await changes.fate_of(database, 1)
    assert (dead.outcome, dead.reason, dead.detail, dead.retrying) == (
        Outcome.DEAD,
        "refused",
        "no such country",
        False,
    )
    assert (await changes.fate_of(database, 2)).outcome is Outcome.APPLIED
    await letters.retry(database, Which(segment="trial"))
    assert (await changes.fate_of(database, 1)).retrying
    async with database.begin() as connection:
        await letter_rows.exhume(connection, await letter_rows.wanted(connection, segment))
        again = await road.take(connection, segment, [1], kind=BatchKind.RETRY)
    waiting = await changes.fate_of(database, 1)
    assert (waiting.outcome, waiting.batch, waiting.kind) == (Outcome.WAITING, again, "retry")


async def test_a_row_between_those_of_a_batch_is_unknown(database: Database) -> None:
    segment = (await road.know(database, "trial"))["trial"]
    async with database.begin() as connection:
        await road.take(connection, segment, [1, 9])
    assert (await changes.fate_of(database, 5)).outcome is Outcome.UNKNOWN
