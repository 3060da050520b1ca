"""From rows of the outbox to the elements of batches: the newest change of each identity, and nothing twice.

Intake hands over the rows it took, prepared, in the order of their ids, with what is known of the people and companies
they name: what the ledger and the open batches say, and who holds which identity. `collapse` answers with drafts of
batches in order, dead letters, and what the subjects' table must say afterwards. It reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import attrgetter
from typing import Final

from syncd.domain.batch import (
    MOST_ELEMENTS,
    PLAIN_BELOW,
    Draft,
    Element,
    Entry,
    Flag,
    RowFate,
    deciding,
    keeps_fields,
    shape,
)
from syncd.domain.change import Part, Rank, Reason

_joins: Final = attrgetter("add")
NOTHING_KNOWN: Final = Entry(present=False, rank=Rank(-1))


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that were prepared, in the order of their ids: an element each, its `ids` empty for a REMOVE that names its
    subject only; and what the CRM calls whom some of them name, by row.
    """

    elements: Sequence[Element]
    subjects: Mapping[int, str] = field(default_factory=dict, repr=False)

    def without(self, rows: Collection[int]) -> Rows:
        """Those that are not among some."""
        kept = [element for element in self.elements if element.row not in rows]
        return Rows(kept, {row: subject for row, subject in self.subjects.items() if row not in rows})


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


def collapse(rows: Rows, deaths: list[Death], known: Known) -> Harvest:
    """The newest change of each identity (`design.md` §3, §4)."""
    sheaf = _Sheaf(known)
    wanted, high_water, subjects = sheaf.wanted, known.high_water, rows.subjects
    for element in rows.elements:
        row, ids = element.row, element.ids
        if row in subjects:
            _with_subject(sheaf, element, subjects[row])
        elif element.add and row > high_water and ids[0] not in wanted:
            wanted[ids[0]] = element  # what most rows are: in line, for a call costs as much as all else here
        else:
            _without_subject(sheaf, element)
    elements = _completed(sheaf)
    drafts = arranged(elements)
    _assign(drafts, sheaf.fates, deaths)
    return Harvest(drafts, deaths, sheaf.subjects, sheaf.released)


def in_question(rows: Rows, high_water: int) -> set[bytes]:
    """The identities that intake must look up: a REMOVE repeats what was sent, several ids add up, a company may have
    changed, a late commit is held against what went before it.
    """
    subjects = rows.subjects
    return {
        element.ids[0]
        for element in rows.elements
        if element.ids
        and (
            not element.add
            or element.row <= high_water
            or element.row in subjects
            or len(element.ids) > 1
            or element.ids[0][0] >= PLAIN_BELOW  # in line: a call costs as much as the rest
        )
    }


def _without_subject(sheaf: _Sheaf, element: Element) -> None:
    identity = element.ids[0]
    mine = Rank(element.rank)
    if element.row <= sheaf.known.high_water and sheaf.entry(identity).rank > mine:
        sheaf.fates[element.row] = RowFate.LATE
        return
    if not element.add and sheaf.holding(identity):
        sheaf.released[identity] = mine
        sheaf.holders[identity] = 0
        _release_within(sheaf, identity, mine)
    sheaf.want(element)


def _release_within(sheaf: _Sheaf, identity: bytes, mine: Rank) -> None:
    """Who joined the identity earlier in this intake has let go of it too."""
    for subject, holder in sheaf.subjects.items():
        if holder.identity == identity:
            sheaf.subjects[subject] = Holder(None, mine)


def _with_subject(sheaf: _Sheaf, element: Element, subject: str) -> None:
    """A subject holds at most one identity; LinkedIn is called when an identity's first holder comes or its last goes."""
    mine = Rank(element.rank)
    line = sheaf.subjects.get(subject) or sheaf.known.subjects.get(subject)
    if line is not None and line.rank > mine:
        sheaf.fates[element.row] = RowFate.LATE
        return
    held = line.identity if line is not None else None
    if held is not None and held in sheaf.released and line is not None and line.rank < sheaf.released[held]:
        held = None
    if not element.add:
        leaving = held or (element.ids[0] if element.ids and line is None else None)
        if not _depart(sheaf, element, leaving, mine, was_held=held is not None, flag=Flag.NONE):
            sheaf.fates[element.row] = RowFate.NEEDLESS
        sheaf.subjects[subject] = Holder(None, mine)
        return
    arriving = element.ids[0]
    paired = Flag.NONE
    if held != arriving:
        if held is not None and _depart(sheaf, element, held, mine, was_held=True, flag=Flag.SECONDARY):
            paired = Flag.COMPANION
        sheaf.join(arriving)
    outranks = Rank(max(mine + 1, sheaf.entry(arriving).rank))
    standing = Flag.ANONYMOUS if sheaf.held_anonymously(arriving) else Flag.RELEASED
    flags = int(paired | standing)
    sheaf.want(Element(True, element.ids, element.fields, outranks, element.row, flags, element.created))
    sheaf.subjects[subject] = Holder(arriving, mine)


def _depart(sheaf: _Sheaf, row: Element, identity: bytes | None, mine: Rank, *, was_held: bool, flag: Flag) -> bool:
    """A subject lets go of an identity: a REMOVE if nobody else holds it, else nothing to do. Whether it was wanted."""
    if identity is None:
        return False
    last = sheaf.leave(identity) if was_held else not sheaf.holding(identity) and not sheaf.held_anonymously(identity)
    if last:
        own = bool(row.ids) and row.ids[0] == identity
        outranks = Rank(max(mine, sheaf.entry(identity).rank))
        ids, fields = (row.ids, row.fields) if own else ((identity,), b"")
        sheaf.want(Element(False, ids, fields, outranks, row.row, int(flag), row.created))
    return last


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
    alike = shape(elements)
    levels: list[list[Element]] = [[]]
    if not alike.plain:
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
    drafts = [
        Draft(level[start : start + MOST_ELEMENTS])
        for level in levels
        for start in range(0, max(len(level), 1), MOST_ELEMENTS)
    ]
    if len(drafts) == 1:
        drafts[0].shape = alike
    return drafts


def _assign(drafts: list[Draft], fates: dict[int, RowFate], deaths: list[Death]) -> None:
    """Each row is counted by one draft: the one that holds its deciding element, else the first."""
    for draft in drafts:
        draft.rows.extend(zip(deciding(draft.elements), repeat(RowFate.TAKEN)))
    first = drafts[0].rows
    first.extend(fates.items())
    first.extend((death.row, RowFate.DEAD) for death in deaths)
