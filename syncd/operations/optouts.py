"""The global opt-out list: people who are in no segment and whom nobody adds, whatever the CRM says.

The list is a suppression: it holds digests under a key, so it can be asked about a person and names none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import By
from syncd.domain.erasing import ids_of
from syncd.domain.identity import Invalid, Key
from syncd.domain.suppression import Suppressed, SuppressionKey
from syncd.errors import Clashing
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.persons import asked_for, key_if_any, key_of
from syncd.settings import Settings
from syncd.store import erasures, suppressions
from syncd.store.engine import Database

_AT_ONCE: Final = 5_000
"""People in one transaction, and in one request to leave."""
_REASON: Final = "opted out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """People who are new on the list, people who were on it, the lines that name nobody, and the numbers under which
    `syncd erasures show` says how far they have left their segments.
    """

    added: int
    known: int
    refused: list[int]
    erasures: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    kind: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One digest of the list; a person has two or more."""

    id: int
    kind: str
    erasure: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Digests by why they are there."""

    opted_out: int
    erased: int


async def add(database: Database, settings: Settings, people: Iterable[str], *, by: By) -> Added:
    """Blank lines count for nothing; a line that names nobody is named by its number and keeps no other from being added.
    The request's key is marked with the last of them: whoever repeats one that broke off adds the rest.
    """
    key = key_of(settings)
    added, known = 0, 0
    refused: list[int] = []
    numbers: list[int] = []
    lines = [(line, text) for line, text in enumerate(people, 1) if text.strip()]
    for start in range(0, len(lines), _AT_ONCE):
        page = lines[start : start + _AT_ONCE]
        is_last = start + _AT_ONCE >= len(lines)
        found = [(line, ids_of(text)) for line, text in page]
        refused += [line for line, ids in found if isinstance(ids, Invalid)]
        ids = [each for _, each in found if not isinstance(each, Invalid)]
        if ids:
            new, number = await _added(database, key, ids, by if is_last else replace(by, claim=None))
            added, known = added + new, known + len(ids) - new
            numbers += [number] if number is not None else []
    return Added(added=added, known=known, refused=refused, erasures=numbers)


async def _added(
    database: Database, key: SuppressionKey, people: Sequence[tuple[Key, ...]], by: By
) -> tuple[int, int | None]:
    """How many of these are new, and the number under which they leave."""

    async def work(connection: AsyncConnection) -> tuple[int, int | None]:
        await suppressions.claim(connection, key.id)
        digests = {one: key.digest(one) for ids in people for one in ids}
        standing = await suppressions.known(connection, digests.values())
        new = [ids for ids in dict.fromkeys(people) if any(digests[one] not in standing for one in ids)]
        if not new:
            return 0, None
        everything = [one for ids in new for one in ids]
        await suppressions.add(connection, [digests[one] for one in everything], Suppressed.OPT_OUT)
        reason = by.reason or _REASON
        number = await erasures.begin(connection, Suppressed.OPT_OUT, set(everything), reason, by.name)
        deed = Deed(action="opt_out.add", target=str(number), after={"people": len(new)})
        await audit.record(connection, by, deed)
        return len(new), number

    return await database.transact(work)


async def remove(database: Database, settings: Settings, person: str, *, by: By) -> bool:
    """The CRM may add them again, also after an erasure; whether they were on the list. While an erasure runs it stays."""
    ids, key = asked_for(person), key_of(settings)

    async def work(connection: AsyncConnection) -> bool:
        await suppressions.claim(connection, key.id)
        digests = [key.digest(one) for one in ids]
        standing = await suppressions.known(connection, digests)
        running = {entry.erasure for entry in standing.values() if entry.erasure is not None}
        for number in sorted(running):
            if await erasures.whom(connection, number) is not None:
                raise Clashing(f"erasure {number} of this person still runs: wait until it is done")
        gone = await suppressions.lift(connection, digests) > 0
        if gone:
            await audit.record(connection, by, Deed(action="opt_out.remove", target="a person"))
        return gone

    return await database.transact(work)


async def check(database: Database, settings: Settings, person: str) -> Suppression | None:
    """Whether a person is on the list, and since when."""
    ids, key = asked_for(person), key_of(settings)
    async with database.read() as connection:
        suppressions.agrees(await suppressions.state(connection), key.id)
        found = await suppressions.known(connection, [key.digest(one) for one in ids])
    first = min(found.values(), key=lambda entry: (entry.kind is not Suppressed.ERASURE, entry.id), default=None)
    return Suppression(kind=first.kind.value, since=moment(first.since)) if first is not None else None


async def listed(database: Database, most: int = 50, below: int | None = None) -> list[Entry]:
    """The newest entries."""
    async with database.read() as connection:
        rows = await suppressions.listed(connection, most, below)
    return [Entry(id=row.id, kind=row.kind.value, erasure=row.erasure, since=moment(row.since)) for row in rows]


async def counted(database: Database) -> Counted:
    async with database.read() as connection:
        found = await suppressions.counted(connection)
    return Counted(opted_out=found.get(Suppressed.OPT_OUT, 0), erased=found.get(Suppressed.ERASURE, 0))


async def readable(database: Database, settings: Settings) -> None:
    """Nobody who was erased is added again for want of a key. Raises BadConfiguration."""
    key = key_if_any(settings)
    async with database.read() as connection:
        suppressions.agrees(await suppressions.state(connection), key.id if key else None)
