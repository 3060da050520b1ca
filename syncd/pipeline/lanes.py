"""Lanes: what is on its way to each segment, which of it may go now, and whose turn it is.

A lane holds a segment's open batches in their order. A batch that shares a key with an earlier open one waits for it;
all others go in parallel. A road is all lanes of one member and resource; segments take turns on it, so that a backfill
of ten million never starves a segment with three changes.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from syncd.domain.batch import BatchKind, Element, Entry, Flag, State, keeps_fields, standing
from syncd.domain.segment import TRIED_AGAIN, Segment
from syncd.domain.settlement import Journey, Part, Step

AHEAD: Final = 4
"""Batches of a member that may wait for their turn: so many are prepared, no more, and the rest gathers in the outbox."""
AGAIN_AHEAD: Final = 2
"""Likewise of those that come from the ledger."""
LIVE_TURNS: Final = 10
"""One turn in so many is not for live changes while anything else waits."""
RETRYING: Final = 4
"""Batches of one segment that may wait for another attempt before it takes no more rows."""


@dataclass(slots=True, eq=False)
class Open:
    """An open batch in its lane."""

    journey: Journey
    keys: AbstractSet[bytes]
    index: dict[bytes, int]
    behind: set[Open] = field(default_factory=set)
    in_flight: set[Part] = field(default_factory=set)
    settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    successes_before: int | None = None

    @classmethod
    def of(cls, journey: Journey) -> Open:
        made = cls(journey, set(), {})
        made.refresh()
        return made

    @property
    def is_live(self) -> bool:
        """Whether it was taken from the outbox, not from the ledger, a dead letter or a resync."""
        return self.journey.kind is BatchKind.LIVE

    def refresh(self) -> None:
        """Keys and identities of what is still unsettled."""
        elements, states = self.journey.elements, self.journey.states
        if any(states):
            left: Sequence[int] = [place for place, state in enumerate(states) if state == State.OPEN]
            remaining = [elements[place] for place in left]
        else:
            left, remaining = range(len(elements)), elements
        self.index = dict(zip([element.ids[0] for element in remaining], left, strict=True))
        plain = self.journey.shape.plain
        self.keys = self.index.keys() if plain else {key for element in remaining for key in element.keys}

    def next_part(self, now: float) -> Part | None:
        """The part that may go now; while nothing of the batch was accepted, its parts go one at a time, the largest first:
        it is the likeliest to hold something that can be accepted.
        """
        if self.behind:
            return None
        if self.journey.bisecting:
            parts: Iterable[Part] = () if self.in_flight else [max(self.journey.parts, key=_size)]
        else:
            parts = self.journey.parts
        for part in parts:
            if part not in self.in_flight and part.not_before <= now:
                return part
        return None

    @property
    def is_retrying(self) -> bool:
        return any(part.failures and not part.is_apart for part in self.journey.parts)

    @property
    def is_apart(self) -> bool:
        return bool(self.journey.parts) and all(part.is_apart for part in self.journey.parts)


def _size(part: Part) -> int:
    return len(part.indexes)


@dataclass(slots=True, eq=False)
class Lane:
    """One segment on the road. `waiting` says that its outbox has rows, `armed` how many rows the next
    intake may take, having been counted already (0: not counted).
    Monotonic times: `probe_at` when a parked one is tried again, `bound_at` when its DMP segment was made, `ready_at`
    from when on that takes data. `owed` says that re-assertions are due, `wanted` that dead letters go again,
    `resyncing` that a resync has something left to send, `doubted` that a batch may have been written without our knowing. `taken` is the source epoch and the highest row that
    an intake of this process committed: a database that knows less has lost commits. `brimming` says that the last intake
    found more than a trickle.
    """

    segment: Segment
    batches: list[Open] = field(default_factory=list)
    waiting: bool = False
    gathering: asyncio.Lock = field(default_factory=asyncio.Lock)
    armed: int = 0
    taken: tuple[int, int] = (0, 0)
    brimming: bool = False
    doubted: bool = False
    probe_at: float = 0.0
    probes: int = 0
    ready_at: float = 0.0
    bound_at: float = 0.0
    status_known: bool = False
    owed: bool = False
    wanted: bool = False
    resyncing: bool = False

    def add(self, journey: Journey) -> None:
        entering = Open.of(journey)
        entering.behind = {earlier for earlier in self.batches if not earlier.keys.isdisjoint(entering.keys)}
        self.batches.append(entering)
        for earlier in entering.behind:
            self._hurry(earlier)

    def settled(self, batch: Open) -> bool:
        """After a step: lets later batches go that wait for nothing in this one any more; whether it is closed."""
        closed = not batch.journey.parts and not batch.journey.held
        if closed:
            self.batches.remove(batch)
        else:
            batch.refresh()
        for later in self.batches:
            if batch in later.behind and (closed or batch.keys.isdisjoint(later.keys)):
                later.behind.discard(batch)
        if not closed and any(batch in later.behind for later in self.batches):
            self._hurry(batch)
        return closed

    def _hurry(self, batch: Open) -> None:
        """Parts that were overtaken whole do not go again: nothing need wait for their time."""
        for part in batch.journey.parts:
            if len(self.overtaken(batch, part)) == len(part.indexes):
                part.not_before = 0.0

    def latest(self, identity: bytes) -> Entry | None:
        """What the newest open batch will do to an identity, with the ids that older ones name."""
        latest = None
        for batch in self.batches:
            place = batch.index.get(identity)
            if place is not None:
                latest = standing(batch.journey.elements[place]).over(latest)
        return latest

    def overtaken(self, batch: Open, part: Part) -> list[int]:
        """Elements of a part that a later batch holds the identity of: they need not go again. One whose other ids the
        later one does not name goes all the same, and so does a departure with fields that an arrival with others would
        not undo.
        """
        later = self.batches[self.batches.index(batch) + 1 :]
        if not later:
            return []
        elements = batch.journey.elements
        return [place for place in part.indexes if any(_overtakes(one, elements[place]) for one in later)]

    def is_open(self, now: float) -> bool:
        """Whether requests for the segment may go: bound, old enough, its status known, not parked unless a probe is due."""
        segment = self.segment
        if segment.dmp_id is None or segment.paused or not self.status_known or now < self.ready_at:
            return False
        if segment.parked is None:
            return True
        return segment.parked in TRIED_AGAIN and now >= self.probe_at and self.is_idle

    def takes_rows(self, now: float) -> bool:
        """Whether intake may take rows: open and not parked, nothing blocked, not too much waiting for another attempt. A
        trickle gathers in the outbox while a batch waits for its turn: more batches would not go sooner. What comes from the
        ledger has bounds of its own and holds up nothing: a replay never lacks batches that wait.
        """
        if not self.waiting or self.is_held_up or not self.is_open(now) or self.gathering.locked():
            return False
        if any(batch.behind for batch in self.batches if batch.is_live) or (self.unsent() and not self.brimming):
            return False
        return sum(1 for batch in self.batches if batch.is_retrying) < RETRYING

    def takes_again(self, now: float) -> bool:
        """Whether what comes from the ledger, from dead letters or from a resync may go out next."""
        return self.is_due_again and not self.is_held_up and not self.gathering.locked() and self.is_open(now)

    @property
    def is_due_again(self) -> bool:
        """Whether anything of it comes from the ledger, from dead letters or from a resync."""
        return self.owed or self.wanted or self.resyncing

    @property
    def is_held_up(self) -> bool:
        """Whether a parked segment has a batch to be tried with; without one, what comes next is what it is tried with."""
        return self.segment.parked is not None and bool(self.batches)

    @property
    def is_paired(self) -> bool:
        """Whether an open batch holds elements of several ids, so that even a plain ADD may have to repeat some."""
        return any(not batch.journey.shape.plain for batch in self.batches)

    @property
    def is_idle(self) -> bool:
        """Whether no request for the segment is in flight."""
        return not any(batch.in_flight for batch in self.batches)

    def unsent(self) -> int:
        """Batches of live changes whose turn has not come yet."""
        return sum(
            1
            for batch in self.batches
            if batch.is_live and not batch.behind and not batch.in_flight and batch.journey.attempts == 0
        )


def _overtakes(later: Open, element: Element) -> bool:
    place = later.index.get(element.ids[0])
    if place is None or element.flags & Flag.PARTING:
        return False
    newer = later.journey.elements[place]
    if len(element.ids) > 1 and not set(element.ids) <= set(newer.ids):
        return False
    return element.add or not keeps_fields(element.ids[0]) or newer.fields == element.fields


class Bell:
    """Wakes everybody who listened before it rang: take `heard` first, then look, then wait for it."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def ring(self) -> None:
        self.heard.set()
        self.heard = asyncio.Event()


async def wait_for(heard: asyncio.Event, seconds: float | None) -> None:
    """Until the bell rings, at most so many seconds (for ever if None)."""
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        return


@dataclass(slots=True, eq=False)
class Turn:
    """One part whose turn it is."""

    lane: Lane
    batch: Open
    part: Part


class Road:
    """All lanes of one member and resource, in turns. `bell` rings whenever something may go that could not before."""

    def __init__(self, resource: str, monotonic: Callable[[], float]) -> None:
        self.resource = resource
        self.lanes: dict[int, Lane] = {}
        self.bell = Bell()
        self.successes = 0
        self.failures_in_a_row = 0
        self._monotonic = monotonic
        self._sent_last = 0
        self._taken_last = 0
        self._again_last = 0
        self._tasks = 0

    def put(self, segment: Segment) -> Lane:
        """The lane of a segment, new or with its segment brought up to date."""
        lane = self.lanes.get(segment.id)
        if lane is None:
            lane = self.lanes[segment.id] = Lane(segment)
        else:
            lane.segment = segment
        return lane

    def next_turn(self) -> Turn | None:
        """The part that may go now, beginning with the segment after the one that went last. Nothing changes until
        `depart`.
        """
        now = self._monotonic()
        for lane in self._after(self._sent_last, lambda lane: bool(lane.batches)):
            if not lane.is_open(now):
                continue
            for batch in lane.batches:
                part = batch.next_part(now)
                if part is not None:
                    return Turn(lane, batch, part)
        return None

    def depart(self, turn: Turn) -> None:
        """The part goes out; the next turn is another segment's, and what waited for it makes room for the next intake."""
        turn.batch.in_flight.add(turn.part)
        self._sent_last = turn.lane.segment.id
        self.bell.ring()

    def next_intake(self) -> Lane | None:
        """The next segment to take rows of, if its turn to send is near. What stands in a lane that may not go counts not:
        it would hold up the others.
        """
        waiting = self._after(self._taken_last, lambda lane: lane.waiting)
        if not waiting:
            return None
        now = self._monotonic()
        going = (lane for lane in self.lanes.values() if lane.segment.parked is None and lane.is_open(now))
        if sum(lane.unsent() for lane in going) >= AHEAD:
            return None
        for lane in waiting:
            if lane.takes_rows(now):
                self._taken_last = lane.segment.id
                return lane
        return None

    def next_again(self) -> Lane | None:
        """The next segment with something to send once more: at most two such batches wait for their turn."""
        due = self._after(self._again_last, lambda lane: lane.is_due_again)
        if not due:
            return None
        now = self._monotonic()
        waiting = (
            batch
            for lane in self.lanes.values()
            for batch in lane.batches
            if not batch.is_live and not batch.in_flight and batch.journey.attempts == 0
        )
        if sum(1 for _ in waiting) >= AGAIN_AHEAD:
            return None
        for lane in due:
            if lane.takes_again(now):
                self._again_last = lane.segment.id
                return lane
        return None

    def next_task(self) -> tuple[Lane, bool] | None:
        """What is prepared next, and whether it is sent once more: live changes first, but a tenth of the turns is not
        theirs while anything else waits.
        """
        self._tasks += 1
        if self._tasks % LIVE_TURNS == 0 and (lane := self.next_again()) is not None:
            return lane, True
        if (lane := self.next_intake()) is not None:
            return lane, False
        lane = self.next_again()
        return None if lane is None else (lane, True)

    def next_event(self) -> float | None:
        """Monotonic time at which something that waits for time alone may go; None if nothing does."""
        times = [
            moment
            for lane in self.lanes.values()
            if lane.batches or lane.waiting
            for moment in (
                lane.ready_at,
                lane.probe_at if lane.segment.parked in TRIED_AGAIN else 0.0,
                *(
                    part.not_before
                    for batch in lane.batches
                    for part in batch.journey.parts
                    if part not in batch.in_flight
                ),
            )
        ]
        now = self._monotonic()
        return min((moment for moment in times if moment > now), default=None)

    def settle(self, turn: Turn, step: Step) -> bool:
        """Makes a written step come true; whether its batch is closed."""
        turn.batch.in_flight.discard(turn.part)
        turn.batch.journey.apply(step)
        return turn.lane.settled(turn.batch)

    @property
    def in_flight(self) -> int:
        return sum(len(batch.in_flight) for lane in self.lanes.values() for batch in lane.batches)

    def _after(self, last: int, has_some: Callable[[Lane], bool]) -> list[Lane]:
        """The lanes that have something, in turns; of a thousand there are few."""
        numbers = sorted(number for number, lane in self.lanes.items() if has_some(lane))
        turn = bisect_right(numbers, last)
        return [self.lanes[number] for number in numbers[turn:] + numbers[:turn]]
