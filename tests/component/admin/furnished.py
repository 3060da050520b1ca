"""A house with something in it: a segment of ours and one of another ad account, each with a batch and two dead letters."""

from __future__ import annotations

from syncd.domain.batch import RowFate
from syncd.domain.change import Reason
from syncd.domain.collapse import Death
from syncd.store import batches, segments
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.component.admin.house import OURS, THEIRS
from tests.component.operations import road

KEYS = {"ours": OURS, "theirs": THEIRS}


async def furnish(database: Database) -> dict[str, int]:
    """Ids of the segments by key. Of ours row 10 was applied, 11 could not be prepared, 12 was refused; of theirs 20 to
    22. Letters 1 and 2 are of ours.
    """
    wanted = [
        Declared(key=key, name=f"The {key}", kind="user", account=account, member="demo")
        for key, account in KEYS.items()
    ]
    async with database.begin() as connection:
        await segments.declare(connection, {"demo": "default"}, wanted, declared=False)
        bindings, _ = await segments.of_members(connection, ["demo"])
        ids = {str(binding.segment.key): binding.segment.id for binding in bindings}
        for number, key in enumerate(KEYS, 1):
            row = number * 10
            batch = await road.take(connection, ids[key], [row, row + 2], {row + 1: RowFate.DEAD})
            await road.refuse(connection, ids[key], batch, [row, row + 2], 1)
            death = Death(row + 1, Reason.INVALID_EMAIL, "=HYPERLINK is no address")
            await batches.bury_rows(connection, ids[key], batch, [death])
            await road.settle(connection, batch, None)
    return ids
