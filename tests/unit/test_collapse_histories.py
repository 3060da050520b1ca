"""Whole histories through `collapse`: rows in random portions, late commits, open batches, refusals.

The model beside it is naive on purpose: it looks at one row after the other and knows nothing of batches. LinkedIn is a
set of ids (or of metadata), the ledger and the subjects are dictionaries with the rules of `store/ledger.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain import collapse as collapsing
from syncd.domain.batch import (
    MOST_ELEMENTS,
    BatchId,
    BatchKind,
    Draft,
    Element,
    Entry,
    Flag,
    RowFate,
    pack_sent,
    shape,
    unpack_sent,
)
from syncd.domain.change import Action, Kind, Rank, outbox_id, rank
from syncd.domain.collapse import Harvest, Holder, Known, Rows
from syncd.domain.outcome import Delivered, Fate, Refusal
from syncd.domain.segment import MemberKey, Segment, SegmentKey
from syncd.domain.settlement import Circumstances, Journey, Part, Step, decide
from syncd.pipeline.lanes import Lane, Open

EPOCH = 3


class Ready(NamedTuple):
    """A row of the outbox that was prepared."""

    row: int
    action: Action
    subject: str | None
    ids: tuple[bytes, ...]
    fields: bytes


def together(rows: Iterable[Ready]) -> Rows:
    elements, subjects = [], {}
    for row in rows:
        flags = Flag.ANONYMOUS if row.subject is None else Flag.NONE
        at = rank(EPOCH, row.row)
        elements.append(Element(row.action is Action.ADD, row.ids, row.fields, at, row.row, int(flags), 1))
        if row.subject is not None:
            subjects[row.row] = row.subject
    return Rows(elements, subjects)


ACCEPT, LOSE_ANSWER, NOTHING = "accept", "lose_answer", "nothing"


@dataclass(slots=True)
class Line:
    """A ledger row."""

    present: bool
    rank: int
    sent: bytes | None
    anonymous: int


@dataclass(slots=True)
class Fold:
    """Who is in, row by row. `by_rank` is what identities and subjects remember to turn late rows away."""

    anonymous: set[bytes] = field(default_factory=set)
    holding: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    decided: dict[bytes, int] = field(default_factory=dict)
    metadata: dict[bytes, bytes] = field(default_factory=dict)
    turned_away: set[int] = field(default_factory=set)

    @property
    def members(self) -> set[bytes]:
        return self.anonymous | set(self.holding.values())

    def feed(self, row: Ready) -> None:
        if row.subject is None:
            self._anonymous(row)
        else:
            self._subject(row, row.subject)

    def _anonymous(self, row: Ready) -> None:
        identity = row.ids[0]
        if self.decided.get(identity, 0) > row.row:
            self.turned_away.add(row.row)
            return
        self.decided[identity] = row.row
        if row.action is Action.ADD:
            self.anonymous.add(identity)
            self.metadata[identity] = row.fields
            return
        self.anonymous.discard(identity)
        for subject, held in list(self.holding.items()):
            if held == identity:
                del self.holding[subject]
                self.seen[subject] = row.row

    def _subject(self, row: Ready, subject: str) -> None:
        if self.seen.get(subject, 0) > row.row:
            self.turned_away.add(row.row)
            return
        known = subject in self.seen
        self.seen[subject] = row.row
        before = self.members
        left = self.holding.pop(subject, None)
        if row.action is Action.ADD:
            self.holding[subject] = row.ids[0]
            self.metadata[row.ids[0]] = row.fields
            self._decide(row.ids[0], row)
        elif not known and row.ids and row.ids[0] not in before:
            self._decide(row.ids[0], row)
        if left is not None and left not in self.members:
            self._decide(left, row)

    def _decide(self, identity: bytes, row: Ready) -> None:
        self.decided[identity] = max(self.decided.get(identity, 0), row.row)


@dataclass(slots=True)
class World:
    """One segment, from its outbox to LinkedIn."""

    kind: Kind
    poison: frozenset[bytes] = frozenset()
    outbox: list[Ready] = field(default_factory=list)
    limbo: list[Ready] = field(default_factory=list)
    last_id: int = 0
    high_water: int = 0
    members: set[bytes] = field(default_factory=set)
    ledger: dict[bytes, Line] = field(default_factory=dict)
    subjects: dict[str, Holder] = field(default_factory=dict)
    fates: dict[int, RowFate] = field(default_factory=dict)
    everything: list[Ready] = field(default_factory=list)
    arrivals: Fold = field(default_factory=Fold)
    batches: int = 0
    lane: Lane = field(init=False)

    def __post_init__(self) -> None:
        self.lane = Lane(
            Segment(
                id=1,
                key=SegmentKey("s"),
                name="s",
                kind=self.kind,
                account="urn:li:sponsoredAccount:1",
                member=MemberKey("m"),
                dmp_id=7,
            )
        )

    def write(
        self, action: Action, subject: str | None, ids: tuple[bytes, ...], fields: bytes, *, late: bool = False
    ) -> None:
        """A row is written; a late one is committed by `commit`."""
        self.last_id += 1
        row = Ready(self.last_id, action, subject, ids, fields)
        self.everything.append(row)
        (self.limbo if late else self.outbox).append(row)

    def commit(self, place: int) -> None:
        if self.limbo:
            self.outbox.append(self.limbo.pop(place % len(self.limbo)))

    def take(self, most: int) -> None:
        """One intake, as `pipeline.intake` does it."""
        taken = sorted(self.outbox, key=lambda row: row.row)[:most]
        if not taken:
            return
        self.outbox = [row for row in self.outbox if row not in taken]
        harvest = collapsing.collapse(together(taken), [], self._known(taken))
        _check_harvest(taken, harvest)
        for row in taken:
            self.arrivals.feed(row)
        for draft in harvest.drafts:
            self.fates.update(draft.rows)
        for identity, at in harvest.released.items():
            for name, line in self.subjects.items():
                if line.identity == identity and line.rank < at:
                    self.subjects[name] = Holder(None, at)
        self.subjects.update(harvest.subjects)
        self.high_water = max(self.high_water, taken[-1].row)
        for draft in harvest.drafts:
            self.batches += 1
            if draft.elements:
                self.lane.add(Journey.begin(BatchId(self.batches), 1, BatchKind.LIVE, draft.elements))

    def _known(self, rows: list[Ready]) -> Known:
        lines = {
            row.subject: self.subjects[row.subject] for row in rows if row.subject in self.subjects and row.subject
        }
        identities = collapsing.in_question(together(rows), self.high_water)
        identities |= {line.identity for line in lines.values() if line.identity is not None}
        entries = {}
        for identity in identities:
            entry = self._entry(identity)
            if entry is not None:
                entries[identity] = entry
        holders: dict[bytes, int] = {}
        for line in self.subjects.values():
            if line.identity in identities:
                assert line.identity is not None
                holders[line.identity] = holders.get(line.identity, 0) + 1
        return Known(self.high_water, entries, lines, holders)

    def _entry(self, identity: bytes) -> Entry | None:
        latest = self.lane.latest(identity)
        stored = None
        line = self.ledger.get(identity)
        if line is not None:
            sent = unpack_sent(line.sent)
            stored = Entry(line.present, Rank(line.rank), (identity, *sent.ids), sent.fields, line.anonymous == 1)
        return latest.over(stored) if latest is not None else stored

    def deliver(self, place: int, how: str) -> None:
        """A batch that waits for none gets one request."""
        free = [batch for batch in self.lane.batches if not batch.behind]
        batch = free[place % len(free)] if free else None
        if batch is None or batch.next_part(0.0) is None:
            return
        part = batch.journey.parts[0]
        dropped = self.lane.overtaken(batch, part)
        going = [index for index in part.indexes if index not in dropped]
        step = self._answered(batch, part, going, how) if going else Step(part=part, refusals=0)
        step.part, step.dropped = part, dropped
        for index in step.accepted:
            self._record(batch.journey.elements[index])
        batch.journey.apply(step)
        self.lane.settled(batch)

    def _answered(self, batch: Open, part: Part, going: list[int], how: str) -> Step:
        elements = batch.journey.elements
        sent = Part(going, part.failures)
        wrong = [place for place, index in enumerate(going) if elements[index].ids[0] in self.poison]
        if how != NOTHING:
            for place, index in enumerate(going):
                if place not in wrong:
                    self._apply(elements[index])
        if how == ACCEPT:
            outcome = Delivered(tuple(Refusal(place, Fate.REFUSED, 400, "no") for place in wrong), "")
            now = Circumstances(now=0.0, dice=lambda: 0.0, others_succeed=True, segment_age=1e6)
            return decide(batch.journey, sent, outcome, now)
        return Step(part=part, refusals=0, again=[sent])

    def _apply(self, element: Element) -> None:
        held = set(element.ids) if self.kind is Kind.USER else {element.fields}
        assert self.kind is Kind.USER or element.fields, "a company goes with metadata"
        if element.add:
            self.members |= held
        else:
            self.members -= held

    def _record(self, element: Element) -> None:
        anonymous = 0
        if element.add:
            anonymous = 1 if element.flags & Flag.ANONYMOUS else 2 if element.flags & Flag.RELEASED else 0
        sent = pack_sent(element)
        old = self.ledger.get(element.ids[0])
        if old is None:
            self.ledger[element.ids[0]] = Line(element.add, element.rank, sent, anonymous)
            return
        if old.rank > element.rank:
            return
        still_there = element.add and old.present
        self.ledger[element.ids[0]] = Line(
            element.add,
            element.rank,
            (sent if sent is not None else old.sent) if still_there else sent,
            anonymous if anonymous > 0 else old.anonymous if still_there else 0,
        )

    def finish(self) -> None:
        """Everything is committed, taken and delivered."""
        while self.limbo:
            self.commit(0)
        while self.outbox:
            self.take(MOST_ELEMENTS)
        for _ in range(10_000):
            if not self.lane.batches:
                break
            self.deliver(0, ACCEPT)
        assert not self.lane.batches
        assert set(self.fates) == {row.row for row in self.everything}

    def compare(self, fold: Fold, either: frozenset[bytes] = frozenset()) -> None:
        """LinkedIn, the ledger and the subjects against who should be in; `either` may be in or not, but LinkedIn and the
        ledger agree on them too.
        """
        present = {identity for identity, line in self.ledger.items() if line.present}
        wanted = (fold.members - either) | (present & either)
        if self.kind is Kind.USER:
            identities = {row.ids[0] for row in self.everything if row.ids}
            assert self.members & identities - self.poison == wanted - self.poison
            others = {key: row.ids[0] for row in self.everything for key in row.ids[1:]}
            assert {others[key] for key in self.members if key in others} <= wanted
        else:
            kept = {identity: unpack_sent(line.sent).fields for identity, line in self.ledger.items()}
            of = {**fold.metadata, **{identity: kept[identity] for identity in present & either}}
            assert self.members == {of[identity] for identity in wanted - self.poison}
        assert present - self.poison == wanted - self.poison
        lines = {name: line.identity for name, line in self.subjects.items() if line.identity is not None}
        assert lines == fold.holding
        anonymous = {identity for identity, line in self.ledger.items() if line.present and line.anonymous == 1}
        assert anonymous - self.poison - either == fold.anonymous - self.poison - either


def _check_harvest(rows: list[Ready], harvest: Harvest) -> None:
    """What holds of every harvest, whatever was known."""
    counted = [row for draft in harvest.drafts for row, _ in draft.rows]
    assert sorted(counted) == [row.row for row in rows]
    keys_before: dict[bytes, int] = {}
    for draft in harvest.drafts:
        _check_draft(draft)
        for key, row in _last_rows(draft.elements):
            assert keys_before.get(key, 0) <= row
            keys_before[key] = row
    identities = [element.ids[0] for draft in harvest.drafts for element in draft.elements if not _is_parting(element)]
    assert len(identities) == len(set(identities))


def _check_draft(draft: Draft) -> None:
    assert len(draft.elements) <= MOST_ELEMENTS
    assert draft.shape in (None, shape(draft.elements))
    keys = [key for element in draft.elements for key in element.keys]
    assert len(keys) == len(set(keys))
    deciding = [element.row for element in draft.elements if element.decides]
    assert sorted(deciding) == sorted(row for row, fate in draft.rows if fate is RowFate.TAKEN)
    for element in draft.elements:
        assert outbox_id(Rank(element.rank)) >= element.row


def _last_rows(elements: Iterable[Element]) -> list[tuple[bytes, int]]:
    return [(key, element.row) for element in elements for key in element.keys]


def _is_parting(element: Element) -> bool:
    return bool(element.flags & Flag.PARTING)


def identity(number: int, kind: Kind) -> bytes:
    return (b"\x01" if kind is Kind.USER else b"\x12") + bytes([65 + number])


def ids_and_fields(number: int, variant: int, kind: Kind) -> tuple[tuple[bytes, ...], bytes]:
    """A person with other ids, or a company with other metadata, for each variant."""
    first = identity(number, kind)
    if kind is Kind.USER:
        return (first, *[b"\x03%d-%d" % (number, variant)][: min(variant, 1)]), b""
    return (first,), b',"name":"%d-%d"' % (number, variant)


PEOPLE = 2
_place = st.integers(0, 3)


def _operations(*, subjects: bool, late: bool) -> st.SearchStrategy[list[tuple[str, ...] | tuple[object, ...]]]:
    written = st.tuples(
        st.just("write"),
        st.sampled_from(Action),
        st.sampled_from([None, "p", "q"]) if subjects else st.none(),
        st.integers(0, PEOPLE - 1),
        st.integers(0, 2),
        st.booleans() if late else st.just(False),
        st.booleans(),
    )
    others: list[st.SearchStrategy[tuple[object, ...]]] = [
        st.tuples(st.just("take"), st.integers(1, 6)),
        st.tuples(st.just("deliver"), _place, st.sampled_from([ACCEPT, LOSE_ANSWER, NOTHING])),
    ]
    if late:
        others.append(st.tuples(st.just("commit"), _place))
    return st.lists(st.one_of(written, written, *others), min_size=3, max_size=40)


def _played(kind: Kind, operations: list[tuple[object, ...]], poison: frozenset[bytes] = frozenset()) -> World:
    world = World(kind, poison)
    for operation in operations:
        match operation:
            case (
                "write",
                Action() as action,
                str() | None as subject,
                int(number),
                int(variant),
                bool(late),
                bool(bare),
            ):
                ids, fields = ids_and_fields(number, variant, kind)
                if bare and subject is not None and action is Action.REMOVE:
                    ids, fields = (), b""
                world.write(action, subject, ids, fields, late=late)
            case ("take", int(most)):
                world.take(most)
            case ("deliver", int(place), str(how)):
                world.deliver(place, how)
            case ("commit", int(place)):
                world.commit(place)
    world.finish()
    return world


def _folded(rows: Iterable[Ready]) -> Fold:
    fold = Fold()
    for row in sorted(rows, key=lambda row: row.row):
        fold.feed(row)
    return fold


KINDS = pytest.mark.parametrize("kind", list(Kind))


@KINDS
@given(operations=_operations(subjects=False, late=True))
@settings(max_examples=250, deadline=None)
def test_without_subjects_the_highest_rank_wins_whatever_comes_late(
    kind: Kind, operations: list[tuple[object, ...]]
) -> None:
    world = _played(kind, operations)
    world.compare(_folded(world.everything))


@KINDS
@given(operations=_operations(subjects=True, late=False))
@settings(max_examples=400, deadline=None)
def test_with_subjects_rows_in_order_fold_to_the_same_members(kind: Kind, operations: list[tuple[object, ...]]) -> None:
    world = _played(kind, operations)
    world.compare(_folded(world.everything))
    assert RowFate.LATE not in world.fates.values()


@KINDS
@given(operations=_operations(subjects=True, late=True))
@settings(max_examples=400, deadline=None)
def test_with_subjects_late_rows_count_where_nothing_newer_decided(
    kind: Kind, operations: list[tuple[object, ...]]
) -> None:
    """What a departure leaves behind for late rows to be held against does not tell who holds an identity without a
    subject: such a row counts by its arrival, or by its rank where nothing was left.
    """
    world = _played(kind, operations)
    in_order = _folded(world.everything)
    either = frozenset(world.arrivals.anonymous ^ in_order.anonymous)
    world.compare(world.arrivals, either)
    of = {row.row: row.ids[0] for row in world.everything if row.ids}
    late = {row for row, fate in world.fates.items() if fate is RowFate.LATE}
    assert {row for row in late - world.arrivals.turned_away if of.get(row) not in either} == set()


@KINDS
@given(operations=_operations(subjects=True, late=False))
@settings(max_examples=150, deadline=None)
def test_an_identity_that_linkedin_refuses_disturbs_no_other(kind: Kind, operations: list[tuple[object, ...]]) -> None:
    world = _played(kind, operations, frozenset({identity(0, kind)}))
    world.compare(_folded(world.everything))
