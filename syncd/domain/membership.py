"""The difference between what a source says of a segment and what LinkedIn holds: who joins, who leaves, who stays.

A source is right about everything older than its boundary and about nothing newer. So an identity that a newer change
has decided is left alone, and what is sent for the others ranks as the boundary: newer rows win, older ones lose. The
verdict is the same whenever it is asked for: a plan is judged once when it is made and again when it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from syncd.domain.batch import Element, Entry, Flag, keeps_fields
from syncd.domain.change import Rank


class Verdict(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"
    """It is there, but with other ids or other metadata."""
    UNCHANGED = "unchanged"
    NEWER = "newer"
    """A change that the source cannot know of has decided it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a source says of one who should be there. `ids` are keys, the identity first; `anonymous` says that no subject
    of the CRM's holds it.
    """

    ids: tuple[bytes, ...] = field(repr=False)
    fields: bytes = field(default=b"", repr=False)
    anonymous: bool = True

    def beside(self, other: Wanted | None) -> Wanted:
        """Both of two that have the same identity: a source may name one person twice."""
        if other is None:
            return self
        more = tuple(key for key in other.ids if key not in self.ids)
        return replace(self, ids=self.ids + more, anonymous=self.anonymous and other.anonymous)


def verdict(wanted: Wanted | None, standing: Entry | None, boundary: Rank) -> Verdict:
    """What becomes of one identity. `wanted` is None where the source does not have it; `standing` is what open batches
    say of it, else the ledger.
    """
    if standing is not None and standing.rank > boundary:
        return Verdict.NEWER
    if standing is None or not standing.present:
        return Verdict.UNCHANGED if wanted is None else Verdict.ADD
    if wanted is None:
        return Verdict.UNCHANGED if _cannot_leave(standing) else Verdict.REMOVE
    return Verdict.CHANGE if _differs(wanted, standing) else Verdict.UNCHANGED


def elements(wanted: Wanted | None, standing: Entry | None, boundary: Rank) -> list[Element]:
    """What is sent so that the verdict comes true, in this order; nothing where nothing is to be done."""
    decided = verdict(wanted, standing, boundary)
    if decided is Verdict.ADD and wanted is not None:
        holder = Flag.ANONYMOUS if wanted.anonymous else Flag.RELEASED
        return [_element(wanted.ids, wanted.fields, boundary, int(holder), add=True)]
    if decided is Verdict.REMOVE and standing is not None:
        return [_element(standing.ids, _kept(standing), boundary, int(Flag.ANONYMOUS), add=False)]
    if decided is Verdict.CHANGE and wanted is not None and standing is not None:
        return _changed(wanted, standing, boundary)
    return []


def _changed(wanted: Wanted, standing: Entry, boundary: Rank) -> list[Element]:
    """All ids that are known; a company leaves with the metadata it came with before it comes again."""
    ids = wanted.ids + tuple(key for key in standing.ids if key not in wanted.ids)
    holder = int(Flag.ANONYMOUS if standing.anonymous else Flag.NONE)
    arriving = _element(ids, wanted.fields, boundary, holder, add=True)
    if not keeps_fields(ids[0]) or not standing.fields or standing.fields == wanted.fields:
        return [arriving]
    before = Rank(max(boundary - 1, standing.rank))
    return [_element(standing.ids, standing.fields, before, int(Flag.PARTING), add=False), arriving]


def _element(ids: tuple[bytes, ...], fields: bytes, rank: Rank, flags: int, *, add: bool) -> Element:
    return Element(add=add, ids=ids, fields=fields, rank=rank, row=0, flags=flags)


def _differs(wanted: Wanted, standing: Entry) -> bool:
    if keeps_fields(wanted.ids[0]):
        return wanted.fields != standing.fields
    return not set(wanted.ids) <= set(standing.ids)


def _kept(standing: Entry) -> bytes:
    return standing.fields if keeps_fields(standing.ids[0]) else b""


def _cannot_leave(standing: Entry) -> bool:
    """A REMOVE must repeat the metadata of the ADD, which here nobody knows."""
    return keeps_fields(standing.ids[0]) and not standing.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a plan comes to. `held` is what the segment holds, of which `removes` leave; `rejected` counts by reason."""

    held: int = 0
    adds: int = 0
    removes: int = 0
    changes: int = 0
    unchanged: int = 0
    newer: int = 0
    elements: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def blows(self, fuse: float) -> bool:
        """Whether more would leave than the fuse, a share of those held, lets pass."""
        return self.removes > fuse * self.held
