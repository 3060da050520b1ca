"""Dead letters: counted, sent again, dropped."""

from __future__ import annotations

import pytest

from syncd.domain.batch import BatchId, RowFate
from syncd.errors import Rejected
from syncd.operations import changes, letters
from syncd.operations.changes import Outcome
from syncd.operations.letters import Which
from syncd.store.engine import Database
from tests.component.operations import road


async def two_dead(database: Database, *, closed: bool = True) -> BatchId:
    """Row 1 was refused by LinkedIn, row 2 could not be prepared, row 3 is well."""
    segment = (await road.know(database, "other", "trial"))["trial"]
    async with database.begin() as connection:
        batch = await road.take(connection, segment, [1, 3], {2: RowFate.DEAD})
        await road.refuse(connection, segment, batch, [1, 3], 0)
        await road.bury(connection, segment, batch, 2)
        await road.settle(connection, batch, None if closed else bytes((2, 0)))
    return batch


async def test_letters_are_counted_by_reason_and_the_newest_are_listed(database: Database) -> None:
    await two_dead(database)
    found = await letters.listed(database, Which(), 1)
    assert [(one.segment, one.reason, one.letters, one.retryable) for one in found.counts] == [
        ("trial", "invalid_email", 1, 0),
        ("trial", "refused", 1, 1),
    ]
    assert [one.row for one in found.newest] == [2]
    assert (await letters.listed(database, Which(segment="other"), 9)).counts == []
    assert [one.row for one in (await letters.listed(database, Which(reason="refused"), 9)).newest] == [1]


async def test_only_what_was_prepared_goes_again(database: Database) -> None:
    await two_dead(database)
    done = await letters.retry(database, Which())
    assert (done.letters, done.not_retryable) == (1, 1)
    assert [one.retrying for one in (await letters.listed(database, Which(), 9)).newest] == [False, True]


async def test_letters_are_chosen_by_number(database: Database) -> None:
    await two_dead(database)
    newest = (await letters.listed(database, Which(), 9)).newest
    refused = next(one.id for one in newest if one.reason == "refused")
    assert (await letters.retry(database, Which(ids=[refused]))).not_retryable == 0
    assert (await letters.drop(database, Which(ids=[refused]))).letters == 1
    assert [one.reason for one in (await letters.listed(database, Which(), 9)).newest] == ["invalid_email"]


async def test_a_dropped_letter_s_row_stays_dead(database: Database) -> None:
    await two_dead(database)
    assert (await letters.drop(database, Which(segment="trial"))).letters == 2
    for row, outcome in ((1, Outcome.DEAD), (2, Outcome.DEAD), (3, Outcome.APPLIED)):
        assert (await changes.fate_of(database, row)).outcome is outcome


async def test_a_letter_whose_batch_is_open_is_not_dropped(database: Database) -> None:
    await two_dead(database, closed=False)
    done = await letters.drop(database, Which())
    assert (done.letters, done.in_open_batches) == (0, 2)


@pytest.mark.parametrize("which", [Which(segment="nobody"), Which(reason="because")])
async def test_what_nobody_knows_is_rejected(database: Database, which: Which) -> None:
    await road.know(database, "trial")
    with pytest.raises(Rejected, match="known are"):
        await letters.listed(database, which, 1)
