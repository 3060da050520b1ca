"""A member while this replica owns it: what is held in memory, and the rule for when requests may go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from syncd.domain.events import Emit
from syncd.domain.retry import Dice, Wait
from syncd.domain.segment import MemberKey, MemberParking
from syncd.linkedin.auth import Access, TokenSource
from syncd.linkedin.pacing import Pacer
from syncd.linkedin.transport import Transport
from syncd.pipeline.lanes import Lane, Road, Turn
from syncd.pipeline.origin import Origin
from syncd.pipeline.suppress import Suppression
from syncd.store.business import Business
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.segments import Roll


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every stage works with. Times in seconds; `monotonic` and `dice` are replaced in simulations."""

    database: Database
    emit: Emit
    monotonic: Callable[[], float]
    dice: Dice
    request_timeout: float
    allow_names_only: bool
    origin: Origin
    suppression: Suppression
    roll: Roll = field(default_factory=Roll)


@dataclass(slots=True, eq=False, kw_only=True)
class Member:
    """One owned member. `trusted_until` is monotonic: past it, the lease may be somebody else's and nothing goes out.

    `reacting` counts parkings and resumptions that are being written, `reactions` those that were: whoever read the
    database meanwhile may have read what was before them. `unwritten` are pauses that the database does not hold yet:
    they go with the next settlement, at the latest with the lease, so that the next owner keeps to them. `told_at` is when
    the read began that memory follows, monotonic: one that began before it and ends later knows less. `calls` are set while
    that read knows of business beside the road.
    """

    key: MemberKey
    application: str
    grant: Grant
    transport: Transport
    tokens: TokenSource
    roads: dict[str, Road]
    pacers: dict[str, Pacer]
    trusted_until: float
    lost: bool = False
    epoch_parked: bool = False
    paused: bool = False
    parked: MemberParking | None = None
    parked_words: str = ""
    probe_at: float = 0.0
    probes: int = 0
    reacting: int = 0
    reactions: int = 0
    told_at: float = float("-inf")
    throttles_in_a_row: dict[str, int] = field(default_factory=dict)
    throttled_at: dict[str, float] = field(default_factory=dict)
    unwritten: dict[tuple[str, str], Wait] = field(default_factory=dict)
    calls: Mapping[Business, asyncio.Event] = field(default_factory=lambda: {one: asyncio.Event() for one in Business})

    def trusts(self, now: float) -> bool:
        return not self.lost and now < self.trusted_until

    def may_send(self, now: float) -> bool:
        """Whether a request may go: the lease holds, nobody paused the member, and if it is parked a probe is due."""
        return self.trusts(now) and not self.paused and (self.parked is None or now >= self.probe_at)

    def may_take(self, now: float) -> bool:
        """Whether intake may take rows for it."""
        return self.trusts(now) and not self.paused and self.parked is None and not self.epoch_parked

    def lanes(self) -> Iterator[Lane]:
        for road in self.roads.values():
            yield from road.lanes.values()

    def held_back(self, segment_id: int) -> AbstractAsyncContextManager[object]:
        """Holds back whatever would write batches of a segment; one without a lane takes nothing anyway."""
        lanes = (road.lanes.get(segment_id) for road in self.roads.values())
        return next((lane.gathering for lane in lanes if lane is not None), nullcontext())

    @property
    def has_loose_ends(self) -> bool:
        """Whether something of it may still land at LinkedIn, or have landed unseen: the next owner must wait for that and
        re-assert.
        """
        return any(pacer.in_flight for pacer in self.pacers.values()) or any(
            batch.journey.uncertain or batch.journey.doubted for lane in self.lanes() for batch in lane.batches
        )

    def owe(self, wait: Wait) -> None:
        """A pause that the database does not hold yet; where two meet, the longer one stays."""
        self.unwritten[wait.place] = wait.or_longer(self.unwritten.get(wait.place))

    def written(self, waits: Iterable[Wait]) -> None:
        """The database holds these pauses now; one that replaced its like meanwhile is still to be written."""
        for wait in waits:
            if self.unwritten.get(wait.place) is wait:
                del self.unwritten[wait.place]

    def lose(self) -> None:
        """Another replica owns the member: nothing of it goes out from here any more."""
        self.lost = True
        self.ring()

    def call(self, business: Collection[Business]) -> None:
        """What there is to do beside the road now, and nothing else."""
        for one, called in self.calls.items():
            called.set() if one in business else called.clear()

    def ring(self) -> None:
        for road in self.roads.values():
            road.bell.ring()


@dataclass(frozen=True, slots=True)
class Flight:
    """One request on its way since `departed`, monotonic seconds."""

    turn: Turn
    road: Road
    member: Member
    tools: Tools
    access: Access
    departed: float
