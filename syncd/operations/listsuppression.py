"""A list without those who were erased or have opted out: what is uploaded passes the same suppression as the outbox."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.domain.change import Kind, Reason
from syncd.domain.erasing import telling
from syncd.domain.identity import Tag
from syncd.domain.listrow import FEWEST_ROWS
from syncd.errors import Rejected
from syncd.operations.listfiles import ListFile
from syncd.operations.persons import key_if_any
from syncd.settings import Settings
from syncd.store import suppressions
from syncd.store.engine import Database

_AT_ONCE: Final = 5_000


async def without_suppressed(database: Database, settings: Settings, taken: ListFile) -> ListFile:
    """The list as it may be uploaded; rows that are left out are counted. Raises Rejected, BadConfiguration."""
    key = key_if_any(settings)
    async with database.read() as connection:
        state = await suppressions.state(connection)
        suppressions.agrees(state, key.id if key else None)
        if taken.kind is not Kind.USER or key is None or not state.entries:
            return taken
        header, *rows = csv.reader(io.StringIO(taken.body.decode(), newline=""))
        left: list[list[str]] = []
        for start in range(0, len(rows), _AT_ONCE):
            page = rows[start : start + _AT_ONCE]
            digests = [{key.digest(one) for one in _ids(dict(zip(header, row, strict=True)))} for row in page]
            found = await suppressions.known(connection, set().union(*digests))
            left += [row for row, mine in zip(page, digests, strict=True) if mine.isdisjoint(found)]
    gone = len(rows) - len(left)
    if not gone:
        return taken
    different = len({tuple(row) for row in left})
    if different < FEWEST_ROWS:
        raise Rejected(
            f"{gone:,} rows are of people who were erased or have opted out, and {different:,} different ones are left; "
            f"a list needs {FEWEST_ROWS}"
        )
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows([header, *left])
    return replace(
        taken,
        rows=len(left),
        repeated=len(left) - different,
        skipped={**taken.skipped, Reason.SUPPRESSED.value: gone},
        body=written.getvalue().encode(),
    )


def _ids(row: dict[str, str]) -> Sequence[bytes]:
    ids = []
    if row.get("email"):
        ids.append(bytes((Tag.SHA256_EMAIL,)) + bytes.fromhex(row["email"]))
    if row.get("googleaid"):
        ids.append(bytes((Tag.GOOGLE_AID,)) + row["googleaid"].encode())
    return telling(ids)
