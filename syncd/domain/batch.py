"""A batch: up to 5,000 prepared elements of one segment, stored before they are sent.

An element counts by every id it carries: two elements that share one are never in flight at the same time. A batch
keeps its place until nothing in it is unsettled; what goes out in one request is a part of it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from functools import reduce
from itertools import accumulate
from operator import itemgetter, or_
from typing import Final, NewType

import msgspec

from syncd.domain.change import Action, Rank

BatchId = NewType("BatchId", int)

MOST_ELEMENTS: Final = 5_000
"""Elements in one request (reference 002)."""
MOST_PAYLOAD: Final = 4 * 1024 * 1024
"""Bytes of outbox payload taken at once."""
LOWEST: Final = Rank(0)
"""Below the rank of every change: of a departure that no change asked for."""


class Flag(IntEnum):
    """Bits of `Element.flags`."""

    NONE = 0
    ANONYMOUS = 1
    """A row without a subject holds the identity, or decided the departure."""
    PARTING = 2
    """The departure that a company's new metadata implies: its arrival follows in a later batch, so it is never dropped."""
    RELEASED = 4
    """No row without a subject holds the identity, whatever the ledger says of one: the element that ended that may have
    been dropped."""
    SECONDARY = 8
    """A departure implied by its row's other element, which decides what became of the row."""
    COMPANION = 16
    """The deciding element of a row that has a secondary or parting one; it goes after that one."""


_FOLLOWED: Final = int(Flag.PARTING | Flag.SECONDARY)
_PAIRED: Final = int(Flag.PARTING | Flag.SECONDARY | Flag.COMPANION)


_SHA256: Final = 0x01
HASHED: Final = 33
"""Bytes of the identity that most people have: the tag and a SHA-256."""


class Element(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One person or company joining or leaving. `ids` are keys, the identity first (none only within an intake, where a
    departure names its subject alone); `fields` are JSON members as sent;
    `row` is the outbox id it came from (0 for one that came from the ledger); `created` milliseconds since 1970,
    0 where no live change waits for it. Its repr names nobody.
    """

    add: bool
    ids: tuple[bytes, ...]
    fields: bytes
    rank: int
    row: int
    flags: int = 0
    created: int = 0

    def __repr__(self) -> str:
        return f"Element({self.action}, rank={self.rank}, row={self.row}, flags={self.flags})"

    @property
    def identity(self) -> bytes:
        return self.ids[0]

    @property
    def action(self) -> Action:
        return Action.ADD if self.add else Action.REMOVE

    @property
    def decides(self) -> bool:
        """Whether the fate of its row is this element's."""
        return self.row > 0 and not self.flags & _FOLLOWED

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What it shares with another element when the two must not be in flight together."""
        return (*self.ids, b"\0%d" % self.row) if self.row and self.is_paired else self.ids

    @property
    def is_paired(self) -> bool:
        """Whether another element of its row must not be in flight with it."""
        return bool(self.flags & _PAIRED)


class Shape(msgspec.Struct, frozen=True):
    """What is true of all elements of a batch, and so of some of them too: asked once, for a batch is looked at many times.

    `plain`: each has one id and stands for itself, so that identities are all the keys there are; `hashed`: each is known
    by one SHA-256 alone; `joining`: each joins without a subject. `flags` are all that any of them has: some of them may have
    fewer.
    """

    plain: bool
    hashed: bool
    joining: bool
    flags: int


def shape(elements: Sequence[Element]) -> Shape:
    """How many elements at once are alike."""
    flags = {element.flags for element in elements}
    joining = flags == {Flag.ANONYMOUS} and False not in [element.add for element in elements]
    try:
        identities = [identity for (identity,) in [element.ids for element in elements]]
    except ValueError:  # several ids
        return Shape(plain=False, hashed=False, joining=joining, flags=reduce(or_, flags, 0))
    hashed = set(map(len, identities)) == {HASHED} and set(b"".join(identities)[::HASHED]) == {_SHA256}
    plain = not any(one & _PAIRED for one in flags)
    return Shape(plain=plain, hashed=hashed, joining=joining, flags=reduce(or_, flags, 0))


def deciding(elements: Iterable[Element]) -> list[int]:
    """The rows whose fate one of the elements decides."""
    return [element.row for element in elements if element.row and not element.flags & _FOLLOWED]


class BatchKind(StrEnum):
    LIVE = "live"
    RETRY = "retry"
    REASSERT = "reassert"
    RESYNC = "resync"


class State(IntEnum):
    """Of one element of a batch; one byte each in the database."""

    OPEN = 0
    ACCEPTED = 1
    REFUSED = 2
    DROPPED = 3


class RowFate(IntEnum):
    """What intake decided for one row it took."""

    TAKEN = 0
    """Its fate is its element's."""
    SUPERSEDED = 1
    """By a newer row taken with it."""
    LATE = 2
    """By a newer row that went before it."""
    DEAD = 3
    NEEDLESS = 4
    """True already: no call was needed."""


_fate: Final = itemgetter(1)


@dataclass(slots=True)
class Draft:
    """A batch before it has a number; its shape if that is known already."""

    elements: list[Element] = field(default_factory=list)
    rows: list[tuple[int, RowFate]] = field(default_factory=list)
    shape: Shape | None = None

    def tally(self) -> Counter[RowFate]:
        fates = bytes(map(_fate, self.rows))
        return Counter({fate: fates.count(fate) for fate in RowFate})


_encode: Final = msgspec.msgpack.Encoder().encode
_elements: Final = msgspec.msgpack.Decoder(list[Element])
_element: Final = msgspec.msgpack.Decoder(Element)
_numbers: Final = msgspec.msgpack.Decoder(tuple[list[int], bytes])


def pack(elements: Sequence[Element]) -> bytes:
    return _encode(elements)


def unpack(body: bytes) -> list[Element]:
    return _elements.decode(body)


def pack_element(element: Element) -> bytes:
    return _encode(element)


def unpack_element(packed: bytes) -> Element:
    return _element.decode(packed)


class Trace(msgspec.Struct, array_like=True, frozen=True, order=True):
    """An identity with the fields and the other ids it may be there with."""

    identity: bytes
    fields: bytes = b""
    others: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Trace({len(self.others)} others)"


_traces: Final = msgspec.msgpack.Decoder(list[Trace])


def pack_traces(traces: Iterable[Trace]) -> bytes:
    """Identities that may be at LinkedIn otherwise than the ledger says."""
    return _encode(list(traces))


def unpack_traces(packed: bytes) -> list[Trace]:
    return _traces.decode(packed)


def trace(element: Element) -> Trace:
    """What an attempt whose end is unknown may have left."""
    identity, *others = element.ids
    if not element.add:
        return Trace(identity)
    return Trace(identity, element.fields if keeps_fields(identity) else b"", tuple(others))


def pack_rows(rows: Iterable[tuple[int, RowFate]]) -> bytes:
    """Ids with their fates, sorted by id, as differences: about two bytes a row."""
    ordered = sorted(rows)
    ids = [row for row, _ in ordered]
    steps = [after - before for before, after in zip([0, *ids], ids, strict=False)]
    return zlib.compress(_encode((steps, bytes(map(_fate, ordered)))), 1)


def unpack_rows(packed: bytes) -> dict[int, RowFate]:
    steps, fates = _numbers.decode(zlib.decompress(packed))
    return {row: RowFate(fate) for row, fate in zip(accumulate(steps), fates, strict=True)}


class Sent(msgspec.Struct, array_like=True, frozen=True):
    """What the ledger keeps of an element beside its identity: the other ids, and the fields its REMOVE must repeat."""

    ids: tuple[bytes, ...]
    fields: bytes

    def __repr__(self) -> str:
        return f"Sent({len(self.ids)} ids)"


_sent: Final = msgspec.msgpack.Decoder(Sent)
PLAIN_BELOW: Final = 0x04
"""The tag of names alone: those below it are of people whose fields nothing repeats."""
_FIRST_COMPANY_TAG: Final = 0x11


def keeps_fields(identity: bytes) -> bool:
    """Whether a REMOVE of this identity must repeat the ADD's fields: companies, and people known by name only."""
    return identity[0] >= _FIRST_COMPANY_TAG or identity[0] == PLAIN_BELOW


def pack_sent(element: Element) -> bytes | None:
    """What the ledger keeps of an accepted element; nothing of a user with a single id."""
    return pack_kept(element.ids, element.fields)


def pack_kept(ids: Sequence[bytes], fields: bytes) -> bytes | None:
    """The same of one who is known by these ids, the identity first."""
    kept = fields if keeps_fields(ids[0]) else b""
    return _encode(Sent(tuple(ids[1:]), kept)) if kept or len(ids) > 1 else None


def unpack_sent(packed: bytes | None) -> Sent:
    return _sent.decode(packed) if packed else Sent((), b"")


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger row: what LinkedIn last accepted for an identity, or what is on its way there."""

    present: bool
    rank: Rank
    ids: tuple[bytes, ...] = field(default=(), repr=False)
    fields: bytes = field(default=b"", repr=False)
    anonymous: bool = False

    def over(self, earlier: Entry | None) -> Entry:
        """The entry of a newer element with the ids of an earlier one as well: an ADD that names one id takes none away."""
        if earlier is None:
            return self
        more = tuple(key for key in earlier.ids if key not in self.ids)
        return replace(self, ids=self.ids + more) if more else self


def standing(element: Element) -> Entry:
    """What the ledger will say of an element's identity once it is accepted."""
    fields = element.fields if keeps_fields(element.ids[0]) else b""
    return Entry(element.add, Rank(element.rank), element.ids, fields, bool(element.flags & Flag.ANONYMOUS))
