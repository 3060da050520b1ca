"""From rows of the outbox to the elements of batches: the newest change of each identity, and nothing twice.

Intake hands over the rows it took, prepared, in the order of their ids, with what is known of the people and companies
they name: what the ledger and the open batches say, and who holds which identity. `collapse` answers with drafts of
batches in order, dead letters, and what the subjects' table must say afterwards. It reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from operator import attrgetter
from typing import Final

import msgspec

from syncd.domain.batch import (
    MOST_ELEMENTS,
    PLAIN_BELOW,
    Draft,
    Element,
    Entry,
    Flag,
    RowFate,
    are_plain,
    deciding,
    keeps_fields,
)
from syncd.domain.change import MAX_ID, Action, Part, Rank, Reason, rank

_joins: Final = attrgetter("add")
_ANONYMOUS: Final = int(Flag.ANONYMOUS)
_ADD: Final = Action.ADD  # named once a row: an enumeration takes 0.1 µs to find its member
_REMOVE: Final = Action.REMOVE
NOTHING_KNOWN: Final = Entry(present=False, rank=Rank(-1))


class Ready(msgspec.Struct, frozen=True, gc=False):
    """A row that was prepared. `ids` is empty for a REMOVE that names its subject only."""

    row: int
    action: Action
    subject: str | None
    ids: tuple[bytes, ...]
    fields: bytes
    created: int

    def __repr__(self) -> str:
        return f"Ready(row={self.row}, action={self.action!r}, created={self.created})"


@dataclass(frozen=True, slots=True)
class Death:
    """A row that cannot be applied, and why; the detail never holds a value of the row."""

    row: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A subject's line: the identity it holds, if any, and the rank that decided so."""

    identity: bytes | None = field(repr=False)
    rank: Rank


@dataclass(frozen=True, slots=True)
class Known:
    """What intake found out. `entries` speaks of open batches first, of the ledger otherwise; `holders` counts the
    subjects of each identity; `high_water` is the highest id taken from the segment so far.
    """

    epoch: int
    high_water: int
    entries: Mapping[bytes, Entry] = field(default_factory=dict, repr=False)
    subjects: Mapping[str, Holder] = field(default_factory=dict, repr=False)
    holders: Mapping[bytes, int] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Harvest:
    """What one intake yields: drafts in order (at least one if any row was taken), and the subjects' new lines."""

    drafts: list[Draft]
    deaths: list[Death]
    subjects: dict[str, Holder] = field(repr=False)
    released: dict[bytes, Rank] = field(repr=False)


class _Sheaf:
    """Gathers elements while rows are read in the order of their ids."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.wanted: dict[bytes, Element] = {}
        self.fates: dict[int, RowFate] = {}
        self.subjects: dict[str, Holder] = {}
        self.holders: dict[bytes, int] = {}
        self.released: dict[bytes, Rank] = {}

    def entry(self, identity: bytes) -> Entry:
        return self.known.entries.get(identity, NOTHING_KNOWN)

    def want(self, element: Element) -> None:
        """The newer element of an identity takes the older one's place; the row behind the older is superseded."""
        identity = element.ids[0]
        older = self.wanted.pop(identity, None)
        if older is not None and older.decides:
            self.fates[older.row] = RowFate.SUPERSEDED
        self.wanted[identity] = element

    def holding(self, identity: bytes) -> int:
        return self.holders.get(identity, self.known.holders.get(identity, 0))

    def held_anonymously(self, identity: bytes) -> bool:
        wanted = self.wanted.get(identity)
        if wanted is not None:
            return wanted.add and bool(wanted.flags & Flag.ANONYMOUS)
        entry = self.entry(identity)
        return entry.present and entry.anonymous

    def leave(self, identity: bytes) -> bool:
        """One subject lets go of an identity; whether it was the last holder."""
        self.holders[identity] = max(0, self.holding(identity) - 1)
        return self.holders[identity] == 0 and not self.held_anonymously(identity)

    def join(self, identity: bytes) -> None:
        self.holders[identity] = self.holding(identity) + 1


def collapse(rows: Iterable[Ready], deaths: list[Death], known: Known) -> Harvest:
    """The newest change of each identity (`design.md` §3, §4), for rows in the order of their ids."""
    sheaf = _Sheaf(known)
    wanted, zero, each = sheaf.wanted, rank(known.epoch, 0), rank(known.epoch, 1) - rank(known.epoch, 0)
    high_water = known.high_water
    for ready in rows:
        row, identity = ready.row, ready.ids[0] if ready.ids else b""
        usual = ready.action is _ADD and ready.subject is None and high_water < row <= MAX_ID
        if usual and identity not in wanted:  # what most rows are: in line, for a call costs as much as all else here
            at = zero + each * row
            wanted[identity] = Element(usual, ready.ids, ready.fields, at, row, _ANONYMOUS, ready.created)
        elif ready.subject is None:
            _without_subject(sheaf, ready)
        else:
            _with_subject(sheaf, ready, ready.subject)
    elements = _completed(sheaf)
    drafts = arranged(elements)
    _assign(drafts, sheaf.fates, deaths)
    return Harvest(drafts, deaths, sheaf.subjects, sheaf.released)


def in_question(rows: Iterable[Ready], high_water: int) -> set[bytes]:
    """The identities that intake must look up: a REMOVE repeats what was sent, several ids add up, a company may have
    changed, a late commit is held against what went before it.
    """
    return {
        ready.ids[0]
        for ready in rows
        if ready.ids
        and (
            ready.action is _REMOVE
            or ready.row <= high_water
            or ready.subject is not None
            or len(ready.ids) > 1
            or ready.ids[0][0] >= PLAIN_BELOW  # in line: a call costs as much as the rest
        )
    }


def _without_subject(sheaf: _Sheaf, ready: Ready) -> None:
    identity = ready.ids[0]
    known = sheaf.known
    mine = rank(known.epoch, ready.row)
    if ready.row <= known.high_water and sheaf.entry(identity).rank > mine:
        sheaf.fates[ready.row] = RowFate.LATE
        return
    if ready.action is Action.REMOVE and sheaf.holding(identity):
        sheaf.released[identity] = mine
        sheaf.holders[identity] = 0
        _release_within(sheaf, identity, mine)
    sheaf.want(_element(ready, ready.ids, mine, add=ready.action is Action.ADD, flags=_ANONYMOUS))


def _release_within(sheaf: _Sheaf, identity: bytes, mine: Rank) -> None:
    """Who joined the identity earlier in this intake has let go of it too."""
    for subject, holder in sheaf.subjects.items():
        if holder.identity == identity:
            sheaf.subjects[subject] = Holder(None, mine)


def _with_subject(sheaf: _Sheaf, ready: Ready, subject: str) -> None:
    """A subject holds at most one identity; LinkedIn is called when an identity's first holder comes or its last goes."""
    mine = rank(sheaf.known.epoch, ready.row)
    line = sheaf.subjects.get(subject) or sheaf.known.subjects.get(subject)
    if line is not None and line.rank > mine:
        sheaf.fates[ready.row] = RowFate.LATE
        return
    held = line.identity if line is not None else None
    if held is not None and held in sheaf.released and line is not None and line.rank < sheaf.released[held]:
        held = None
    if ready.action is Action.REMOVE:
        leaving = held or (ready.ids[0] if ready.ids and line is None else None)
        if not _depart(sheaf, ready, leaving, mine, was_held=held is not None, flag=Flag.NONE):
            sheaf.fates[ready.row] = RowFate.NEEDLESS
        sheaf.subjects[subject] = Holder(None, mine)
        return
    arriving = ready.ids[0]
    paired = Flag.NONE
    if held != arriving:
        if held is not None and _depart(sheaf, ready, held, mine, was_held=True, flag=Flag.SECONDARY):
            paired = Flag.COMPANION
        sheaf.join(arriving)
    outranks = Rank(max(mine + 1, sheaf.entry(arriving).rank))
    standing = Flag.ANONYMOUS if sheaf.held_anonymously(arriving) else Flag.RELEASED
    sheaf.want(_element(ready, ready.ids, outranks, add=True, flags=paired | standing))
    sheaf.subjects[subject] = Holder(arriving, mine)


def _depart(sheaf: _Sheaf, ready: Ready, identity: bytes | None, mine: Rank, *, was_held: bool, flag: Flag) -> bool:
    """A subject lets go of an identity: a REMOVE if nobody else holds it, else nothing to do. Whether it was wanted."""
    if identity is None:
        return False
    last = sheaf.leave(identity) if was_held else not sheaf.holding(identity) and not sheaf.held_anonymously(identity)
    if last:
        own = bool(ready.ids) and ready.ids[0] == identity
        element = _element(
            ready, ready.ids if own else (identity,), Rank(max(mine, sheaf.entry(identity).rank)), add=False, flags=flag
        )
        sheaf.want(element if own else _with(element, fields=b""))
    return last


def _element(ready: Ready, ids: tuple[bytes, ...], at: Rank, *, add: bool, flags: int = Flag.NONE) -> Element:
    return Element(add, ids, ready.fields, at, ready.row, int(flags), ready.created)


def _completed(sheaf: _Sheaf) -> list[Element]:
    """What is wanted, with what is already known at LinkedIn; of most people who join, nothing is."""
    known = sheaf.known.entries
    if not known and all(map(_joins, sheaf.wanted.values())):
        return list(sheaf.wanted.values())
    elements: list[Element] = []
    for identity, wanted in sheaf.wanted.items():
        if identity not in known and (wanted.add or not keeps_fields(identity)):
            elements.append(wanted)
        else:
            elements.extend(_resolved(wanted, sheaf))
    return elements


def _resolved(element: Element, sheaf: _Sheaf) -> Iterable[Element]:
    """Adds what is already known at LinkedIn: all ids so far; a company leaves with the metadata it came with."""
    entry = sheaf.entry(element.ids[0])
    if not element.add:
        fields = (entry.fields if entry.present else b"") or element.fields or entry.fields
        if not fields and keeps_fields(element.ids[0]):
            if element.decides:
                sheaf.fates[element.row] = RowFate.NEEDLESS
            return ()
        kept = fields if keeps_fields(element.ids[0]) else element.fields
        return (_with(element, ids=_joined(element.ids, entry.ids), fields=kept),)
    if not entry.present:
        return (element,)
    whole = _with(element, ids=_joined(element.ids, entry.ids))
    if not keeps_fields(element.ids[0]) or not entry.fields or element.fields == entry.fields:
        return (whole,)
    parting = Element(
        add=False,
        ids=entry.ids,
        fields=entry.fields,
        rank=element.rank & ~int(Part.SECOND),
        row=element.row,
        flags=int(Flag.PARTING),
    )
    flags = whole.flags | Flag.COMPANION
    return (parting, _with(whole, rank=max(whole.rank, parting.rank + Part.SECOND), flags=int(flags)))


def _joined(ids: tuple[bytes, ...], known: tuple[bytes, ...]) -> tuple[bytes, ...]:
    more = tuple(key for key in known if key not in ids)
    return ids + more if more else ids


def _with(element: Element, **changed: object) -> Element:
    values = {name: getattr(element, name) for name in element.__struct_fields__}
    return Element(**{**values, **changed})


def arranged(elements: list[Element]) -> list[Draft]:
    """Elements that share a key stand in different drafts, in the order of their rows; a draft holds at most 5,000."""
    levels: list[list[Element]] = [[]]
    if not are_plain(elements):
        above: dict[bytes, int] = {}
        for element in elements:
            keys = element.keys
            level = max(above.get(key, 0) for key in keys)
            for key in keys:
                above[key] = level + 1
            if level == len(levels):
                levels.append([])
            levels[level].append(element)
    else:
        levels[0] = elements
    return [
        Draft(level[start : start + MOST_ELEMENTS])
        for level in levels
        for start in range(0, max(len(level), 1), MOST_ELEMENTS)
    ]


def _assign(drafts: list[Draft], fates: dict[int, RowFate], deaths: list[Death]) -> None:
    """Each row is counted by one draft: the one that holds its deciding element, else the first."""
    for draft in drafts:
        draft.rows.extend(zip(deciding(draft.elements), repeat(RowFate.TAKEN)))
    first = drafts[0].rows
    first.extend(fates.items())
    first.extend((death.row, RowFate.DEAD) for death in deaths)
