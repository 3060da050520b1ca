"""A batch against a scripted LinkedIn, request by request, until it is closed or parks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, log2
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.batch import BatchId, BatchKind, Element, State
from syncd.domain.outcome import (
    Conflict,
    Delivered,
    Fate,
    Misconfigured,
    NotAllowed,
    NotThere,
    Outcome,
    Refusal,
    Refused,
    Scope,
    Sunset,
    Throttled,
    TokenRefused,
    Unclear,
)
from syncd.domain.segment import MemberParking, SegmentParking
from syncd.domain.settlement import (
    FAILURES_BEFORE_ISOLATING,
    NEWBORN,
    Circumstances,
    Journey,
    Part,
    Step,
    decide,
)
from syncd.pipeline.lanes import Open

POISONED = Refused(400, "400 something in it is wrong")
TOO_LARGE = Refused(413, "413", too_large=True)
BROKEN = Unclear("500", lingering=False)
TAKEN = Delivered((), "uuid")

Answering = Callable[[Sequence[int]], Outcome]


def elements(count: int) -> list[Element]:
    return [Element(True, (b"\x01%d" % number,), b"", number + 1, number + 1) for number in range(count)]


def begin(count: int, states: bytes | None = None) -> Journey:
    return Journey.begin(BatchId(1), 1, BatchKind.LIVE, elements(count), states)


def circumstances(*, now: float = 0.0, others_succeed: bool = True, age: float = 1e6) -> Circumstances:
    return Circumstances(now=now, dice=lambda: 0.0, others_succeed=others_succeed, segment_age=age)


def check(journey: Journey) -> None:
    """Every index is in exactly one place: a part, held, or settled."""
    placed = [index for part in journey.parts for index in part.indexes]
    placed += [dead.index for dead in journey.held]
    placed += [index for index, state in enumerate(journey.states) if state != State.OPEN]
    assert sorted(placed) == list(range(len(journey.elements)))
    assert all(part.indexes for part in journey.parts)


@dataclass(slots=True)
class Drive:
    """Sends whatever may go, one request at a time, as `pipeline.deliver` does it with a single place in flight."""

    journey: Journey
    answering: Answering
    others_succeed: bool = True
    now: float = 0.0
    requests: list[list[int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    parked: SegmentParking | None = None

    def run(self, most: int = 100_000) -> Drive:
        """Until the batch is closed, parks, or has made so many requests."""
        batch = Open.of(self.journey)
        while (self.journey.parts or self.journey.held) and self.parked is None and len(self.requests) < most:
            part = batch.next_part(self.now)
            if part is None:
                self.now = min(part.not_before for part in self.journey.parts)
                part = batch.next_part(self.now)
            assert part is not None
            self.send(part)
        return self

    def send(self, part: Part) -> Step:
        self.requests.append(list(part.indexes))
        outcome = self.answering(part.indexes)
        around = circumstances(now=self.now, others_succeed=self.others_succeed)
        step = decide(self.journey, part, outcome, around)
        self.journey.apply(step)
        self.steps.append(step)
        self.parked = step.park_segment
        if len(self.journey.elements) < 5000 or not self.journey.parts:
            check(self.journey)
        return step

    def count(self, state: State) -> int:
        return self.journey.states.count(state)


def poisoned_by(*poison: int) -> Answering:
    wrong = frozenset(poison)
    return lambda indexes: TAKEN if wrong.isdisjoint(indexes) else POISONED


def most_requests(count: int) -> int:
    return 2 * ceil(log2(count)) + 1


def _positions() -> list[tuple[int, int]]:
    small = [(count, place) for count in (2, 3, 5, 8, 100) for place in range(count)]
    dice = random.Random(5000)
    edges = {0, 1, 2499, 2500, 4998, 4999} | {dice.randrange(5000) for _ in range(100)}
    return small + [(5000, place) for place in sorted(edges)]


def test_one_poisonous_element_at_any_position_is_found_within_the_bound() -> None:
    for count, place in _positions():
        drive = Drive(begin(count), poisoned_by(place)).run()
        assert drive.parked is None
        assert len(drive.requests) <= most_requests(count)
        assert drive.count(State.ACCEPTED) == count - 1
        assert drive.journey.states[place] == State.REFUSED
        refused = [dead for step in drive.steps for dead in step.refused]
        assert [(dead.index, dead.status, dead.words) for dead in refused] == [(place, 400, POISONED.words)]
    assert most_requests(5000) == 27


def test_a_single_element_that_is_all_of_its_batch_is_never_dead_but_parks_the_segment() -> None:
    drive = Drive(begin(1), poisoned_by(0)).run()
    assert drive.parked is SegmentParking.REFUSED
    assert len(drive.requests) == 1
    assert drive.journey.states == bytes([State.OPEN])
    assert [list(part.indexes) for part in drive.journey.parts] == [[0]]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 100, 5000])
def test_where_everything_is_refused_nothing_is_dead_and_the_segment_parks(count: int) -> None:
    drive = Drive(begin(count), lambda _: POISONED).run()
    assert drive.parked is SegmentParking.REFUSED
    assert drive.steps[-1].words == POISONED.words
    assert len(drive.requests) <= most_requests(count)
    assert drive.count(State.OPEN) == count
    assert not any(step.settles for step in drive.steps)
    assert not drive.journey.held
    assert not drive.journey.bisecting


def test_a_parked_batch_that_is_refused_no_more_goes_on_to_its_end() -> None:
    drive = Drive(begin(100), lambda _: POISONED).run()
    again = Drive(drive.journey, TAKEN_ALWAYS).run()
    assert again.count(State.ACCEPTED) == 100


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_a_cause_that_passes_while_a_parked_batch_is_halved_kills_nobody(count: int) -> None:
    for refusals in range(1, most_requests(count)):
        parked = Drive(begin(count), lambda _: POISONED).run()
        passing = refusing(refusals)
        drive = Drive(parked.journey, passing).run()
        while drive.parked is not None:
            drive = Drive(drive.journey, passing).run()
        assert drive.count(State.ACCEPTED) == count


def refusing(times: int) -> Callable[[Sequence[int]], Outcome]:
    """Refuses so many requests whole, then takes everything."""
    answers: list[Outcome] = [POISONED] * times
    return lambda _: answers.pop() if answers else TAKEN


def TAKEN_ALWAYS(_indexes: Sequence[int]) -> Outcome:  # noqa: N802 - a constant that happens to be a function
    return TAKEN


@given(st.integers(2, 300), st.data())
@settings(max_examples=150, deadline=None)
def test_several_poisonous_elements_are_all_found_or_the_segment_parks_without_a_death(
    count: int, data: st.DataObject
) -> None:
    poison = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=6))
    drive = Drive(begin(count), poisoned_by(*poison)).run()
    if drive.parked is None:
        assert {index for index in range(count) if drive.journey.states[index] == State.REFUSED} == poison
        assert drive.count(State.ACCEPTED) == count - len(poison)
        assert len(drive.requests) <= most_requests(count) * len(poison)
    else:
        assert drive.count(State.REFUSED) == drive.count(State.ACCEPTED) == 0
        assert drive.count(State.OPEN) == count


@pytest.mark.parametrize("poison", [8, 30, 1000])
def test_many_poisonous_elements_side_by_side_do_not_park_a_batch_that_is_good_otherwise(poison: int) -> None:
    for first in (0, 2500, 5000 - poison):
        drive = Drive(begin(5000), poisoned_by(*range(first, first + poison))).run()
        assert drive.parked is None
        assert drive.count(State.REFUSED) == poison
        assert drive.count(State.ACCEPTED) == 5000 - poison


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_element_that_is_refused_by_name_is_dead_and_its_neighbours_are_accepted(place: int) -> None:
    journey = begin(3)
    outcome = Delivered((Refusal(place, Fate.REFUSED, 422, "no such device"),), "u")
    drive = Drive(journey, lambda _: outcome).run()
    assert len(drive.requests) == 1
    assert drive.count(State.ACCEPTED) == 2
    assert [(dead.index, dead.status, dead.words) for dead in drive.steps[0].refused] == [
        (place, 422, "no such device")
    ]
    assert drive.steps[0].uuid == "u"


def test_refusals_by_name_count_at_the_position_in_the_request_not_in_the_batch() -> None:
    journey = begin(4, bytes([State.ACCEPTED, State.OPEN, State.REFUSED, State.OPEN]))
    Drive(journey, lambda _: Delivered((Refusal(1, Fate.REFUSED, 400, "no"),), "")).run()
    assert list(journey.states) == [State.ACCEPTED, State.ACCEPTED, State.REFUSED, State.REFUSED]


def test_an_element_that_must_go_again_goes_alone_and_later() -> None:
    journey = begin(3)
    drive = Drive(journey, lambda _: Delivered((Refusal(1, Fate.AGAIN, 503, "busy"),), ""), now=10.0)
    drive.run(most=1)
    (part,) = journey.parts
    assert list(part.indexes) == [1]
    assert part.failures == 1
    assert part.not_before == 10.5
    assert drive.count(State.ACCEPTED) == 2


def test_an_element_that_must_go_again_for_ever_waits_apart_in_the_end() -> None:
    def busy(indexes: Sequence[int]) -> Outcome:
        return Delivered(tuple(Refusal(place, Fate.AGAIN, 500, "") for place, i in enumerate(indexes) if i == 1), "")

    journey = begin(3)
    batch = Open.of(journey)
    Drive(journey, busy).run(most=FAILURES_BEFORE_ISOLATING)
    assert batch.is_apart
    assert not batch.is_retrying


def test_a_batch_too_large_is_only_split() -> None:
    drive = Drive(begin(5000), lambda indexes: TOO_LARGE if len(indexes) > 700 else TAKEN).run()
    assert drive.count(State.ACCEPTED) == 5000
    assert len(drive.requests) == 15


def test_halves_keep_the_order_of_the_batch() -> None:
    drive = Drive(begin(7), lambda indexes: POISONED if len(indexes) > 2 else TAKEN).run()
    assert sorted(index for request in drive.requests if len(request) <= 2 for index in request) == list(range(7))
    assert all(request == sorted(request) for request in drive.requests)


def test_an_unclear_answer_sends_the_same_again_with_growing_waits() -> None:
    journey = begin(10)
    drive = Drive(journey, lambda _: BROKEN, others_succeed=False).run(most=20)
    assert all(request == list(range(10)) for request in drive.requests)
    assert all(step.failed and not step.settles for step in drive.steps)
    (part,) = journey.parts
    assert part.failures == 20
    assert part.not_before - drive.now == 60.0


def test_eight_unclear_answers_while_others_succeed_isolate_the_guilty_element() -> None:
    journey = begin(16)
    batch = Open.of(journey)

    def failing(indexes: Sequence[int]) -> Outcome:
        return BROKEN if 5 in indexes else TAKEN

    drive = Drive(journey, failing).run(most=7)
    assert [len(request) for request in drive.requests] == [16] * 7
    drive.run(most=8 + 2 * 4)
    assert drive.count(State.ACCEPTED) == 15
    (part,) = journey.parts
    assert list(part.indexes) == [5]
    assert part.is_apart
    assert batch.is_apart
    assert not batch.is_retrying
    assert part.not_before - drive.now >= 60.0


def test_eight_unclear_answers_while_nothing_succeeds_split_nothing() -> None:
    journey = begin(16)
    Drive(journey, lambda _: BROKEN, others_succeed=False).run(most=30)
    assert [len(part.indexes) for part in journey.parts] == [16]
    assert not Open.of(journey).is_apart


def test_who_is_refused_after_an_attempt_of_unknown_effect_is_unknown_when_the_batch_closes() -> None:
    journey = begin(3)
    journey.apply(decide(journey, journey.parts[0], BROKEN, circumstances()))
    mixed = Delivered((Refusal(1, Fate.REFUSED, 400, "no"),), "uuid")
    step = decide(journey, journey.parts[0], mixed, circumstances())
    assert journey.unknown(step) == {1}
    untroubled = begin(3)
    assert untroubled.unknown(decide(untroubled, untroubled.parts[0], mixed, circumstances())) == set()


def test_only_a_lingering_request_makes_its_elements_uncertain() -> None:
    journey = begin(3)
    Drive(journey, lambda _: Unclear("500", lingering=False)).run(most=1)
    assert journey.uncertain == set()
    Drive(journey, lambda _: Unclear("timeout", lingering=True)).run(most=1)
    assert journey.uncertain == {0, 1, 2}


UNMOVED: list[tuple[Outcome, SegmentParking | None, MemberParking | None]] = [
    (Throttled(Scope.MINUTE, None, "429"), None, None),
    (TokenRefused("401"), None, None),
    (NotAllowed("403"), SegmentParking.NOT_ALLOWED, None),
    (Misconfigured("400 VERSION_MISSING"), SegmentParking.MISCONFIGURED, None),
    (Sunset("426"), None, MemberParking.VERSION),
    (NotThere("404"), SegmentParking.LOST, None),
]


@pytest.mark.parametrize(("outcome", "segment", "member"), UNMOVED)
def test_an_answer_about_the_call_leaves_the_batch_as_it_was(
    outcome: Outcome, segment: SegmentParking | None, member: MemberParking | None
) -> None:
    journey = begin(5)
    drive = Drive(journey, poisoned_by(4)).run(most=3)
    before = [(list(part.indexes), part.failures, part.not_before, part.isolating) for part in journey.parts]
    held, states, refusals = list(journey.held), bytes(journey.states), journey.refusals
    step = Drive(journey, lambda _: outcome).send(journey.parts[0])
    assert (step.park_segment, step.park_member) == (segment, member)
    assert step.words
    assert not step.failed
    assert [(list(part.indexes), part.failures, part.not_before, part.isolating) for part in journey.parts] == before
    assert (journey.held, bytes(journey.states), journey.refusals) == (held, states, refusals)
    assert drive.journey.attempts == 4


WITH_SUPPORT_ID: list[Outcome] = [
    Delivered((), "u"),
    Delivered((Refusal(0, Fate.REFUSED, 400, "no"),), "u"),
    Throttled(Scope.MINUTE, None, "429", "u"),
    TokenRefused("401", "u"),
    NotAllowed("403", "u"),
    NotThere("404", "u"),
    Conflict("409", "u"),
    Refused(400, "400", uuid="u"),
    Refused(413, "413", too_large=True, uuid="u"),
    Misconfigured("400 VERSION_MISSING", "u"),
    Sunset("426", "u"),
    Unclear("500", lingering=False, uuid="u"),
]


def test_the_support_id_is_tried_for_every_outcome_there_is() -> None:
    assert {type(outcome) for outcome in WITH_SUPPORT_ID} == set(get_args(Outcome))


@pytest.mark.parametrize("outcome", WITH_SUPPORT_ID, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("count", [1, 2])
def test_the_support_id_stays_with_the_batch_whatever_the_answer_was(outcome: Outcome, count: int) -> None:
    journey = begin(count)
    assert decide(journey, journey.parts[0], outcome, circumstances()).uuid == "u"


def test_a_missing_segment_is_believed_only_when_it_is_no_newborn() -> None:
    journey = begin(2)
    (part,) = journey.parts
    step = decide(journey, part, NotThere("404"), circumstances(age=NEWBORN))
    assert step.park_segment is None
    assert step.again[0].not_before > 0
    step = decide(journey, part, NotThere("404"), circumstances(age=NEWBORN + 1))
    assert step.park_segment is SegmentParking.LOST


def test_a_conflict_goes_again_later() -> None:
    journey = begin(2)
    step = decide(journey, journey.parts[0], Conflict("409"), circumstances(now=5.0))
    assert step.again[0].not_before > 5.0
    assert list(step.again[0].indexes) == [0, 1]


def test_a_step_that_was_not_applied_changes_nothing() -> None:
    journey = begin(9)
    states, parts = bytes(journey.states), list(journey.parts)
    for outcome in (TAKEN, POISONED, BROKEN):
        decide(journey, journey.parts[0], outcome, circumstances())
    assert (bytes(journey.states), journey.parts, journey.attempts, journey.refusals) == (states, parts, 0, 0)


def test_a_step_is_applied_once() -> None:
    journey = begin(3)
    step = decide(journey, journey.parts[0], TAKEN, circumstances())
    journey.apply(step)
    with pytest.raises(ValueError):
        journey.apply(step)
    assert journey.attempts == 1


def test_what_is_held_goes_again_when_the_rest_of_its_batch_ends_without_an_acceptance() -> None:
    journey = begin(2)
    drive = Drive(journey, poisoned_by(0)).run(most=2)
    assert [dead.index for dead in journey.held] == [0]
    (rest,) = journey.parts
    journey.apply(Step(part=rest, refusals=journey.refusals, dropped=[1]))
    check(journey)
    assert [list(part.indexes) for part in journey.parts] == [[0]]
    assert drive.run().parked is SegmentParking.REFUSED


def test_what_is_held_goes_again_when_the_rest_is_refused_by_name() -> None:
    journey = begin(2)
    Drive(journey, poisoned_by(0)).run(most=2)
    Drive(journey, lambda _: Delivered((Refusal(0, Fate.REFUSED, 400, "no"),), "")).run(most=1)
    assert [list(part.indexes) for part in journey.parts] == [[0]]
    assert journey.states[1] == State.REFUSED


@given(st.integers(2, 64), st.data())
@settings(max_examples=100, deadline=None)
def test_after_a_restart_at_any_moment_a_bisection_ends_as_it_would_have(count: int, data: st.DataObject) -> None:
    poison = data.draw(st.integers(0, count - 1))
    stops = data.draw(st.lists(st.integers(1, 6), max_size=4))
    journey = begin(count)
    for stop in stops:
        drive = Drive(journey, poisoned_by(poison)).run(most=stop)
        accepted = drive.count(State.ACCEPTED)
        journey = begin(count, bytes(journey.states))
        assert journey.states.count(State.ACCEPTED) == accepted
        assert journey.accepted_any == (accepted > 0)
        check(journey)
    drive = Drive(journey, poisoned_by(poison)).run()
    assert drive.parked is None
    assert drive.count(State.ACCEPTED) == count - 1
    assert journey.states[poison] == State.REFUSED


def test_a_batch_whose_elements_are_all_settled_has_nothing_to_send() -> None:
    journey = begin(2, bytes([State.ACCEPTED, State.DROPPED]))
    assert journey.parts == []


_fates = st.sampled_from([Fate.REFUSED, Fate.AGAIN])


@st.composite
def outcomes(draw: st.DrawFn, size: int) -> Outcome:
    """Any answer to a request of so many elements."""
    plain: list[Outcome] = [
        TAKEN,
        POISONED,
        TOO_LARGE,
        BROKEN,
        Unclear("timeout", lingering=True),
        Conflict("409"),
        NotThere("404"),
        *(outcome for outcome, _, _ in UNMOVED),
    ]
    if draw(st.integers(0, 3)):
        return draw(st.sampled_from(plain))
    places = draw(st.sets(st.integers(0, size - 1), min_size=1))
    return Delivered(tuple(Refusal(place, draw(_fates), 400, "no") for place in sorted(places)), "u")


@given(st.integers(1, 40), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_linkedin_answers_and_whatever_is_overtaken_no_element_is_ever_lost(
    count: int, data: st.DataObject
) -> None:
    journey = begin(count)
    deaths: list[int] = []
    for _ in range(data.draw(st.integers(1, 25))):
        if not journey.parts:
            break
        part = data.draw(st.sampled_from(journey.parts))
        dropped = data.draw(st.sets(st.sampled_from(list(part.indexes)))) if data.draw(st.booleans()) else set[int]()
        going = [index for index in part.indexes if index not in dropped]
        if going:
            around = circumstances(others_succeed=data.draw(st.booleans()), age=data.draw(st.sampled_from([1.0, 1e6])))
            sent = Part(going, part.failures, part.not_before, part.isolating)
            step = decide(journey, sent, data.draw(outcomes(len(going))), around)
        else:
            step = Step(part=part, refusals=journey.refusals)
        step.part, step.dropped = part, sorted(dropped)
        deaths += [dead.index for dead in step.refused]
        journey.apply(step)
        check(journey)
    assert len(deaths) == len(set(deaths))
    assert all(journey.states[index] == State.REFUSED for index in deaths)
    assert journey.parts or not journey.held
    assert all(before != after for before, after in pairwise(sorted(deaths)))
