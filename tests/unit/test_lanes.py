"""Lanes and roads: what may go now, whose turn it is, and when to look again."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from syncd.domain.batch import BatchId, BatchKind, Element, Flag, State
from syncd.domain.change import Kind
from syncd.domain.outcome import Conflict, Delivered, Fate, Misconfigured, Outcome, Refusal, Refused, Unclear
from syncd.domain.segment import TRIED_AGAIN, MemberKey, Segment, SegmentKey, SegmentParking
from syncd.domain.settlement import Circumstances, Dead, Journey, Part, Step, decide
from syncd.pipeline.lanes import AHEAD, RETRYING, Bell, Lane, Open, Road, Turn, wait_for

SEGMENTS = 3


@dataclass(slots=True)
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


_numbers = itertools.count(1)


def segment(number: int, kind: Kind = Kind.USER) -> Segment:
    return Segment(
        id=number, key=SegmentKey(f"s{number}"), name="s", kind=kind, account="urn:li:sponsoredAccount:1",
        member=MemberKey("m"), dmp_id=number,
    )  # fmt: skip


def known_lane(road: Road, number: int) -> Lane:
    lane = road.put(segment(number))
    lane.status_known = True
    return lane


def person(name: str, *more: str, add: bool = True, row: int = 1, flags: int = 0) -> Element:
    ids = tuple(b"\x01" + one.encode() for one in (name, *more))
    return Element(add, ids, b"", row, row, flags)


def company(name: str, metadata: str, *, add: bool = True, flags: int = 0) -> Element:
    return Element(add, (b"\x12" + name.encode(),), metadata.encode(), 1, 1, flags)


def journey(*elements: Element) -> Journey:
    return Journey.begin(BatchId(next(_numbers)), 1, BatchKind.LIVE, list(elements))


def one_road(*numbers: int) -> tuple[Road, Clock]:
    clock = Clock()
    road = Road("users", clock)
    for number in numbers:
        known_lane(road, number)
    return road, clock


def departed(road: Road) -> Turn:
    turn = road.next_turn()
    assert turn is not None
    road.depart(turn)
    return turn


def landed(road: Road, turn: Turn, outcome: Outcome | None = None, now: float = 1000.0) -> bool:
    around = Circumstances(now=now, dice=lambda: 0.0, others_succeed=True, segment_age=1e6)
    return road.settle(turn, decide(turn.batch.journey, turn.part, outcome or Delivered((), ""), around))


def test_a_batch_that_shares_a_person_with_an_earlier_open_one_waits_until_that_is_closed() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    for batch in (journey(person("a"), person("b")), journey(person("b"), person("c"))):
        lane.add(batch)
    first = departed(road)
    assert road.next_turn() is None
    assert landed(road, first)
    assert departed(road).batch.journey.elements[1].ids == (b"\x01c",)


def test_a_batch_goes_as_soon_as_what_is_left_of_the_earlier_one_shares_nothing_with_it() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    for batch in (journey(person("a"), person("b")), journey(person("b"))):
        lane.add(batch)
    again = Delivered((Refusal(0, Fate.AGAIN, 503, "busy"),), "")
    assert not landed(road, departed(road), again)
    assert departed(road).batch is lane.batches[1]


def test_any_id_that_two_elements_share_keeps_them_apart_not_only_the_identity() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a", "device")))
    lane.add(journey(person("b", "device")))
    departed(road)
    assert road.next_turn() is None


def test_the_two_elements_of_one_row_are_never_in_flight_together() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a", add=False, flags=int(Flag.SECONDARY))))
    lane.add(journey(person("b", flags=int(Flag.COMPANION))))
    departed(road)
    assert road.next_turn() is None


def test_batches_without_a_common_key_go_in_parallel_and_so_do_equal_people_of_two_segments() -> None:
    road, _ = one_road(1, 2)
    road.lanes[1].add(journey(person("a")))
    road.lanes[1].add(journey(person("b")))
    road.lanes[2].add(journey(person("a")))
    assert len({id(departed(road).batch) for _ in range(3)}) == 3
    assert road.next_turn() is None
    assert road.in_flight == 3


def test_a_poisonous_element_that_waits_apart_blocks_nobody_without_its_keys() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.waiting = True
    lane.add(journey(person("a")))
    (batch,) = lane.batches
    batch.journey.parts = [Part([0], failures=3, not_before=clock.now + 100, isolating=True)]
    batch.journey.attempts = 3
    assert batch.is_apart
    assert road.next_intake() is lane
    lane.add(journey(person("b")))
    assert departed(road).batch is lane.batches[1]


def test_what_waits_apart_goes_at_once_when_a_newer_change_of_the_same_person_makes_it_needless() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a"), person("b")))
    (batch,) = lane.batches
    batch.journey.states[1] = State.ACCEPTED
    batch.journey.parts = [Part([0], failures=3, not_before=clock.now + 300, isolating=True)]
    batch.journey.attempts = 3
    batch.refresh()
    assert road.next_turn() is None
    lane.add(journey(person("a", add=False)))
    turn = departed(road)
    assert turn.batch is batch
    assert lane.overtaken(batch, turn.part) == [0]
    assert road.settle(turn, Step(part=turn.part, refusals=0, dropped=[0]))
    assert departed(road).batch is lane.batches[0]


def test_what_was_in_flight_when_it_became_needless_does_not_wait_either() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a")))
    turn = departed(road)
    lane.add(journey(person("a", add=False)))
    landed(road, turn, Unclear("500", lingering=False), clock.now)
    again = departed(road)
    assert again.batch is turn.batch
    assert lane.overtaken(again.batch, again.part) == [0]


def test_what_waits_goes_on_waiting_when_only_some_of_it_became_needless() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a"), person("b")))
    lane.batches[0].journey.parts[0].not_before = clock.now + 10
    lane.add(journey(person("a")))
    assert road.next_turn() is None
    assert road.next_event() == clock.now + 10


def test_only_elements_whose_identity_a_later_open_batch_holds_are_overtaken() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a"), person("b", "device"), person("c")))
    lane.add(journey(person("a", add=False), person("d", "device")))
    first, second = lane.batches
    assert lane.overtaken(first, first.journey.parts[0]) == [0]
    assert lane.overtaken(second, second.journey.parts[0]) == []
    lane.batches.remove(second)
    assert lane.overtaken(first, first.journey.parts[0]) == []


def test_a_later_batch_overtakes_only_with_what_is_still_open_of_it() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a")))
    later = Journey.begin(BatchId(9), 1, BatchKind.LIVE, [person("a"), person("b")], bytes([State.DROPPED, State.OPEN]))
    lane.add(later)
    first = lane.batches[0]
    assert lane.overtaken(first, first.journey.parts[0]) == []


def test_a_company_leaves_with_its_metadata_though_it_arrives_again_with_others() -> None:
    lane = Lane(segment(1, Kind.COMPANY))
    lane.add(journey(company("x", "old", add=False), company("y", "same", add=False), company("z", "old")))
    lane.add(journey(company("x", "new"), company("y", "same"), company("z", "new")))
    first = lane.batches[0]
    assert lane.overtaken(first, first.journey.parts[0]) == [1, 2]


def test_the_departure_that_new_metadata_imply_is_never_overtaken() -> None:
    lane = Lane(segment(1, Kind.COMPANY))
    lane.add(journey(company("x", "m", add=False, flags=int(Flag.PARTING))))
    lane.add(journey(company("x", "m")))
    assert lane.overtaken(lane.batches[0], lane.batches[0].journey.parts[0]) == []


def test_the_newest_open_batch_says_what_becomes_of_an_identity_and_all_of_them_which_ids_it_has() -> None:
    lane = Lane(segment(1))
    lane.add(journey(person("a", "device", row=5, flags=int(Flag.ANONYMOUS))))
    lane.add(journey(person("a", row=9)))
    latest = lane.latest(b"\x01a")
    assert latest is not None
    assert (latest.present, latest.rank, latest.ids, latest.anonymous) == (True, 9, (b"\x01a", b"\x01device"), False)
    assert lane.latest(b"\x01device") is None


def test_what_is_settled_of_an_open_batch_is_the_ledgers_to_say() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a"), person("b")))
    landed(road, departed(road), Delivered((Refusal(1, Fate.AGAIN, 503, ""),), ""))
    assert lane.latest(b"\x01a") is None
    assert lane.latest(b"\x01b") is not None


@pytest.mark.parametrize("reason", list(SegmentParking))
def test_a_parked_segment_sends_one_probe_when_it_is_due_if_that_can_help(reason: SegmentParking) -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.segment = replace(lane.segment, parked=reason)
    lane.probe_at = clock.now + 30
    lane.waiting = True
    for name in "ab":
        lane.add(journey(person(name)))
    assert road.next_turn() is None
    assert road.next_event() == (clock.now + 30 if reason in TRIED_AGAIN else None)
    clock.now += 30
    if reason not in TRIED_AGAIN:
        assert road.next_turn() is None
        return
    departed(road)
    assert road.next_turn() is None
    assert road.next_intake() is None


def test_a_segment_that_is_paused_unbound_newborn_or_unseen_neither_sends_nor_takes() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.waiting = lane.brimming = True
    lane.add(journey(person("a")))
    assert road.next_turn() is not None
    assert road.next_intake() is lane
    bound = lane.segment
    lane.segment = replace(bound, paused=True)
    assert (road.next_turn(), road.next_intake()) == (None, None)
    lane.segment = replace(bound, dmp_id=None)
    assert (road.next_turn(), road.next_intake()) == (None, None)
    lane.segment, lane.status_known = bound, False
    assert (road.next_turn(), road.next_intake()) == (None, None)
    lane.status_known, lane.ready_at = True, clock.now + 5
    assert (road.next_turn(), road.next_intake()) == (None, None)
    assert road.next_event() == clock.now + 5
    clock.now += 5
    assert road.next_turn() is not None
    assert road.next_intake() is lane


def test_at_most_four_batches_of_a_road_wait_for_their_turn() -> None:
    road, _ = one_road(1, 2)
    for lane in road.lanes.values():
        lane.waiting = lane.brimming = True
    for name in range(AHEAD):
        assert road.next_intake() is not None
        road.lanes[1 + name % 2].add(journey(person(str(name))))
    assert road.next_intake() is None
    departed(road)
    assert road.next_intake() is not None


def test_live_changes_are_taken_while_batches_of_a_replay_and_of_a_re_assertion_wait() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.waiting = lane.resyncing = True
    for number, kind in enumerate((BatchKind.RESYNC, BatchKind.RESYNC, BatchKind.REASSERT, BatchKind.REASSERT), 10):
        lane.add(Journey.begin(BatchId(number), lane.segment.id, kind, [person("a"), person(str(number))]))
    assert road.next_again() is None
    assert road.next_intake() is lane


def test_a_trickle_gathers_while_a_batch_of_its_segment_waits_for_its_turn() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.waiting = True
    lane.add(journey(person("first")))
    assert road.next_intake() is None
    heard = road.bell.heard
    departed(road)
    assert heard.is_set()  # or whoever takes rows would look again only when the answer comes
    assert road.next_intake() is lane


def test_unsent_batches_of_a_segment_that_may_not_send_keep_no_other_from_taking_rows() -> None:
    for change in ({"paused": True}, {"parked": SegmentParking.EXPIRED}, {"parked": SegmentParking.NOT_ALLOWED}):
        road, _ = one_road(1, 2)
        for name in range(AHEAD):
            road.lanes[1].add(journey(person(str(name))))
        road.lanes[2].waiting = True
        assert road.next_intake() is None
        road.lanes[1].segment = replace(road.lanes[1].segment, **change)
        assert road.next_intake() is road.lanes[2]


def test_a_segment_takes_no_rows_while_a_batch_of_it_waits_for_another() -> None:
    road, _ = one_road(1, 2)
    for lane in road.lanes.values():
        lane.waiting = True
    for _ in range(2):
        road.lanes[1].add(journey(person("flapping")))
    assert [road.next_intake() for _ in range(3)] == [road.lanes[2]] * 3


def test_a_segment_with_too_much_waiting_for_another_attempt_takes_no_rows() -> None:
    road, clock = one_road(1)
    lane = road.lanes[1]
    lane.waiting = True
    for number in range(RETRYING):
        assert road.next_intake() is lane
        lane.add(journey(person(str(number))))
        landed(road, departed(road), Unclear("500", lingering=False), clock.now)
    assert road.next_intake() is None


def test_while_an_intake_of_a_segment_runs_no_second_one_begins() -> None:
    async def check() -> None:
        road, _ = one_road(1)
        road.lanes[1].waiting = True
        async with road.lanes[1].gathering:
            assert road.next_intake() is None
        assert road.next_intake() is road.lanes[1]

    asyncio.run(check())


def test_a_flapping_identity_blocks_its_own_segment_at_most() -> None:
    road, clock = one_road(1, 2)
    for name in "abc":
        road.lanes[1].add(journey(person("flapping"), person(name)))
    for number in range(5):
        road.lanes[2].add(journey(person(str(number))))
    landed(road, departed(road), Unclear("500", lingering=False), clock.now)
    assert [departed(road).lane.segment.id for _ in range(5)] == [2] * 5


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_busy_segment_waits_longer_than_one_turn_of_each_other(busy: list[int]) -> None:
    road, _ = one_road(*range(1, len(busy) + 1))
    for number, count in enumerate(busy, 1):
        for _ in range(count * 10):
            road.lanes[number].add(journey(person(str(next(_numbers)))))
    order = [departed(road).lane.segment.id for _ in range(min(sum(busy) * 10, 40))]
    left = Counter({number: count * 10 for number, count in enumerate(busy, 1)})
    for place, went in enumerate(order):
        left[went] -= 1
        others = {number for number, count in left.items() if count > 0} | {went}
        following = order[place + 1 : place + 1 + len(others)]
        if len(following) == len(others) and left[went] > 0:
            assert went in following


@given(st.sets(st.integers(1, 8), min_size=1))
@settings(max_examples=40, deadline=None)
def test_segments_with_rows_take_turns(waiting: set[int]) -> None:
    road, _ = one_road(*range(1, 9))
    for number in waiting:
        road.lanes[number].waiting = True
    taken = [road.next_intake() for _ in range(2 * len(waiting))]
    numbers = [lane.segment.id for lane in taken if lane is not None]
    assert numbers == sorted(waiting) * 2


async def test_a_bell_wakes_those_who_listened_before_it_rang_and_nobody_later() -> None:
    bell = Bell()
    heard = bell.heard
    bell.ring()
    await wait_for(heard, None)
    assert not bell.heard.is_set()
    await wait_for(bell.heard, 0.0)


@dataclass(slots=True)
class Away:
    """A request in flight."""

    turn: Turn
    dropped: list[int]
    keys: set[bytes] = field(default_factory=set)


def open_keys(batch: Open) -> set[bytes]:
    states, elements = batch.journey.states, batch.journey.elements
    return {key for index, one in enumerate(elements) if states[index] == State.OPEN for key in one.keys}


_names = st.sampled_from("abcdef")
_segments = st.integers(1, SEGMENTS)


class Traffic(RuleBasedStateMachine):
    """Batches come, requests go and land, segments park and resume, time passes; the naive rules are checked at every
    step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.road = Road("users", self.clock)
        self.away: list[Away] = []
        for number in range(1, SEGMENTS + 1):
            known_lane(self.road, number)

    @rule(number=_segments, names=st.sets(_names, min_size=1, max_size=4), device=st.booleans())
    def batch_comes(self, number: int, names: set[str], *, device: bool) -> None:
        more = ("device",) if device else ()
        ordered = sorted(names)
        self.road.lanes[number].add(journey(person(ordered[0], *more), *(person(name) for name in ordered[1:])))

    @rule()
    def request_goes(self) -> None:
        turn = self.road.next_turn()
        if turn is None:
            return
        lane, batch = turn.lane, turn.batch
        assert lane.segment.parked is None or not any(other.turn.lane is lane for other in self.away)
        for other in lane.batches[: lane.batches.index(batch)]:
            assert open_keys(other).isdisjoint(open_keys(batch))
        dropped = lane.overtaken(batch, turn.part)
        keys = {key for index in turn.part.indexes for key in batch.journey.elements[index].keys}
        for flight in self.away:
            assert flight.turn.lane is not lane or flight.keys.isdisjoint(keys)
        self.road.depart(turn)
        self.away.append(Away(turn, dropped, keys))

    @precondition(lambda self: self.away)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["taken", "taken", "refused", "unclear", "some", "conflict", "misconfigured"]),
        others=st.booleans(),
    )
    def request_lands(self, data: st.DataObject, kind: str, *, others: bool) -> None:
        flight = self.away.pop(data.draw(st.integers(0, len(self.away) - 1)))
        turn = flight.turn
        going = [index for index in turn.part.indexes if index not in flight.dropped]
        outcomes: dict[str, Outcome] = {
            "taken": Delivered((), ""),
            "refused": Refused(400, "no"),
            "unclear": Unclear("500", lingering=False),
            "some": Delivered((Refusal(0, Fate.AGAIN, 503, ""),), ""),
            "conflict": Conflict("409"),
            "misconfigured": Misconfigured("400"),
        }
        around = Circumstances(now=self.clock.now, dice=lambda: 0.0, others_succeed=others, segment_age=1e6)
        part = Part(going, turn.part.failures, turn.part.not_before, turn.part.isolating)
        journeying = turn.batch.journey
        step = decide(journeying, part, outcomes[kind], around) if going else Step(part=part, refusals=0)
        step.part, step.dropped = turn.part, flight.dropped
        closed = self.road.settle(turn, step)
        assert closed == all(state != State.OPEN for state in journeying.states)
        if step.park_segment is not None:
            turn.lane.segment = replace(turn.lane.segment, parked=step.park_segment)
            turn.lane.probe_at = self.clock.now + 30

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0, 10.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(number=_segments, reason=st.sampled_from([None, *SegmentParking]), wait=st.sampled_from([0.0, 30.0, 300.0]))
    def segment_parks_or_resumes(self, number: int, reason: SegmentParking | None, wait: float) -> None:
        lane = self.road.lanes[number]
        lane.segment = replace(lane.segment, parked=reason)
        lane.probe_at = self.clock.now + wait

    @rule(number=_segments, paused=st.booleans(), known=st.booleans(), bound=st.booleans(), born=st.integers(-5, 5))
    def segment_changes(self, number: int, *, paused: bool, known: bool, bound: bool, born: int) -> None:
        lane = self.road.lanes[number]
        lane.segment = replace(lane.segment, paused=paused, dmp_id=number if bound else None)
        lane.status_known, lane.ready_at = known, self.clock.now + born

    @rule(number=_segments, waiting=st.booleans())
    def rows_come(self, number: int, *, waiting: bool) -> None:
        self.road.lanes[number].waiting = waiting

    @rule()
    def all_is_well(self) -> None:
        for lane in self.road.lanes.values():
            lane.segment = replace(lane.segment, parked=None, paused=False, dmp_id=1)
            lane.status_known, lane.ready_at = True, 0.0

    def may_go(self, now: float) -> bool:
        """The rules of `design.md` §3, said anew."""
        for lane in self.road.lanes.values():
            at = lane.segment
            flying = [flight for flight in self.away if flight.turn.lane is lane]
            if at.dmp_id is None or at.paused or not lane.status_known or now < lane.ready_at:
                continue
            if at.parked is not None and (at.parked not in TRIED_AGAIN or now < lane.probe_at or flying):
                continue
            if any(self.batch_may_go(lane, place, now) for place in range(len(lane.batches))):
                return True
        return False

    def batch_may_go(self, lane: Lane, place: int, now: float) -> bool:
        batch = lane.batches[place]
        if any(not open_keys(other).isdisjoint(open_keys(batch)) for other in lane.batches[:place]):
            return False
        flying = [flight.turn.part for flight in self.away if flight.turn.batch is batch]
        parts = [part for part in batch.journey.parts if part not in flying]
        if batch.journey.bisecting:
            longest = max(len(part.indexes) for part in batch.journey.parts)
            first = next(part for part in batch.journey.parts if len(part.indexes) == longest)
            parts = [] if flying else [first]
        return any(part.not_before <= now for part in parts)

    @invariant()
    def a_turn_comes_exactly_when_something_may_go(self) -> None:
        assert (self.road.next_turn() is not None) == self.may_go(self.clock.now)

    @invariant()
    def no_wake_up_is_lost(self) -> None:
        wakes = self.road.next_event()
        now = self.clock.now
        assert wakes is None or wakes > now
        turn, takes = self.road.next_turn() is not None, self.takers()
        moments = {lane.ready_at for lane in self.road.lanes.values()}
        moments |= {lane.probe_at for lane in self.road.lanes.values()}
        moments |= {
            part.not_before for lane in self.road.lanes.values() for one in lane.batches for part in one.journey.parts
        }
        for moment in sorted(moment for moment in moments if moment > now):
            self.clock.now = moment
            changed = (not turn and self.road.next_turn() is not None) or self.takers() > takes
            self.clock.now = now
            if changed:
                assert wakes is not None
                assert wakes <= moment
                return

    def takers(self) -> int:
        return sum(lane.takes_rows(self.clock.now) for lane in self.road.lanes.values())

    @invariant()
    def every_open_element_is_in_one_place(self) -> None:
        for lane in self.road.lanes.values():
            for batch in lane.batches:
                states = batch.journey.states
                placed = [index for part in batch.journey.parts for index in part.indexes]
                placed += [held.index for held in batch.journey.held]
                assert sorted(placed) == [index for index, state in enumerate(states) if state == State.OPEN]
                assert placed
                assert batch.keys == open_keys(batch)


Traffic.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTraffic = Traffic.TestCase


def test_held_elements_keep_their_keys_so_that_nothing_overtakes_them_on_the_road() -> None:
    road, _ = one_road(1)
    lane = road.lanes[1]
    lane.add(journey(person("a"), person("b")))
    (batch,) = lane.batches
    batch.journey.held = [Dead(0, 400, "no")]
    batch.journey.parts = [Part([1])]
    batch.refresh()
    lane.add(journey(person("a")))
    assert lane.batches[1].behind == {batch}
