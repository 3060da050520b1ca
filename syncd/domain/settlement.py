"""What one answer of LinkedIn's does to a batch: which elements it settles, what goes again and when, what parks.

A journey is a batch on its way. Its parts go out as requests; `decide` reads the journey and an outcome and returns a
step, a value; the step is written to the database first and applied to the journey afterwards, so that a failed write
changes nothing.

Bisecting (`design.md` §3): a part refused whole is halved, the largest part goes next, one request at a time until
something of the batch was accepted. One poisonous element among n costs at most 2·⌈log2 n⌉+1 requests. A single refused element is
held until another part is accepted, then it is dead; if nothing is accepted within as many refusals, nothing is dead
and the segment parks with LinkedIn's words. Once that has happened, a single element is dead only if it is refused after
something else was accepted: the cause may have gone away between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, log2
from typing import Final, assert_never

from syncd.domain.batch import LOWEST, BatchId, BatchKind, Element, Shape, State, shape
from syncd.domain.outcome import (
    Conflict,
    Delivered,
    Fate,
    Misconfigured,
    NotAllowed,
    NotThere,
    Outcome,
    Refused,
    Sunset,
    Throttled,
    TokenRefused,
    Unclear,
)
from syncd.domain.retry import APART, BATCH, Dice
from syncd.domain.segment import MemberParking, SegmentParking

FAILURES_BEFORE_ISOLATING: Final = 8
NEWBORN: Final = 600.0
"""Seconds during which a 404 means that a new segment is not visible yet (`linkedin-api.md` §1)."""


@dataclass(slots=True, eq=False)
class Part:
    """Elements of a batch that go out in one request. `not_before` is monotonic seconds."""

    indexes: Sequence[int]
    failures: int = 0
    not_before: float = 0.0
    isolating: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether it is the single element that makes LinkedIn fail: it waits and blocks nobody."""
        return self.isolating and len(self.indexes) == 1 and self.failures > 0


@dataclass(frozen=True, slots=True)
class Dead:
    index: int
    status: int
    words: str


@dataclass(slots=True, eq=False)
class Journey:
    """An open batch as its owner holds it in memory."""

    id: BatchId
    segment_id: int
    kind: BatchKind
    elements: list[Element]
    shape: Shape
    states: bytearray
    parts: list[Part]
    attempts: int = 0
    refusals: int = 0
    accepted_any: bool = False
    held: list[Dead] = field(default_factory=list)
    uncertain: set[int] = field(default_factory=set)
    doubted: set[int] = field(default_factory=set)
    """Elements of attempts whose effect nobody knows, though nothing of them can land any more: what is accepted later
    settles it, what is refused later leaves it open.
    """
    failed_since: float | None = None
    given_up: bool = False
    """Whether all of it was refused before: what is refused alone may be refused for what passes."""

    @classmethod
    def begin(
        cls,
        batch: BatchId,
        segment_id: int,
        kind: BatchKind,
        elements: list[Element],
        states: bytes | None = None,
        *,
        alike: Shape | None = None,
    ) -> Journey:
        """The journey of a stored batch; what `states` says is settled does not go again. `alike` is the elements' shape
        where somebody knows it already.
        """
        known = bytearray(states) if states else bytearray(len(elements))
        unsettled: Sequence[int] = range(len(elements))
        if states:
            unsettled = [index for index, state in enumerate(known) if state == State.OPEN]
        accepted = State.ACCEPTED in known
        parts = [Part(unsettled)] if unsettled else []
        return cls(batch, segment_id, kind, elements, alike or shape(elements), known, parts, accepted_any=accepted)

    def unknown(self, step: Step) -> set[int]:
        """The elements of which nobody will know what LinkedIn holds once this step has closed the batch."""
        refused = {dead.index for dead in step.refused}
        doubted = {*self.doubted, *step.doubted}
        left = {index for index in doubted if index in refused or self.states[index] == State.REFUSED}
        return {*self.uncertain, *step.uncertain, *left}

    @property
    def bisecting(self) -> bool:
        """Whether its parts go one at a time, because nothing tells yet an element from the whole."""
        return self.refusals > 0 and not self.accepted_any

    @property
    def refusals_allowed(self) -> int:
        return 2 * ceil(log2(max(len(self.elements), 2))) + 1

    def apply(self, step: Step) -> None:
        """Makes a step that the database holds come true in memory. What is held when nothing else is left goes again:
        nothing of the batch will be accepted any more that could tell it from the whole.
        """
        place = self.parts.index(step.part)
        if len(step.accepted) == len(self.states):
            self.states[:] = bytes((State.ACCEPTED,)) * len(self.states)
        else:
            for index in step.accepted:
                self.states[index] = State.ACCEPTED
        for dead in step.refused:
            self.states[dead.index] = State.REFUSED
        for index in step.dropped:
            self.states[index] = State.DROPPED
        if step.accepted:
            self.accepted_any = True
        if step.held is not None:
            self.held = step.held
        self.given_up = self.given_up or step.gives_up
        self.uncertain.update(step.uncertain)
        self.doubted.update(step.doubted)
        self.refusals = step.refusals
        self.attempts += 1
        self.parts[place : place + 1] = step.again
        if not self.parts and self.held:
            self.parts = [Part(sorted(dead.index for dead in self.held))]
            self.held, self.refusals = [], 0


@dataclass(slots=True, kw_only=True)
class Step:
    """What one answer changes. Indexes are those of the batch; `held` replaces the journey's when it is not None."""

    part: Part
    refusals: int
    accepted: Sequence[int] = ()
    refused: list[Dead] = field(default_factory=list)
    dropped: Sequence[int] = ()
    again: list[Part] = field(default_factory=list)
    held: list[Dead] | None = None
    uncertain: Sequence[int] = ()
    doubted: Sequence[int] = ()
    words: str = ""
    uuid: str = ""
    gives_up: bool = False
    park_segment: SegmentParking | None = None
    park_member: MemberParking | None = None
    token_refused: bool = False
    failed: bool = False

    @property
    def settles(self) -> bool:
        """Whether it must be written before anything else happens to the batch."""
        return bool(self.accepted or self.refused or self.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision depends on beside the answer: monotonic seconds, the dice, whether other batches of the member
    succeed, and how many seconds ago the segment was created at LinkedIn.
    """

    now: float
    dice: Dice
    others_succeed: bool
    segment_age: float


def decide(journey: Journey, part: Part, outcome: Outcome, circumstances: Circumstances) -> Step:
    """The step that an outcome of a part asks for (`linkedin-api.md` §1, second table). Whatever the answer was, its
    `x-li-uuid` stays with the batch: it is what LinkedIn's support asks for, most of all where something failed.
    """
    step = Step(part=part, refusals=journey.refusals, uuid=outcome.uuid)
    match outcome:
        case Delivered():
            _delivered(journey, part, outcome, circumstances, step)
        case Refused():
            _refused(journey, part, outcome, circumstances, step)
        case Unclear():
            _unclear(part, outcome, circumstances, step)
        case Conflict(words=words):
            step.words = words
            step.again = [_later(part, circumstances)]
        case NotThere(words=words):
            step.words = words
            step.again = [_later(part, circumstances)]
            if circumstances.segment_age > NEWBORN:
                step.again = [part]
                step.park_segment = SegmentParking.LOST
        case Throttled(words=words):
            step.words, step.again = words, [part]
        case TokenRefused(words=words):
            step.words, step.token_refused, step.again = words, True, [part]
        case NotAllowed(words=words):
            step.words, step.park_segment, step.again = words, SegmentParking.NOT_ALLOWED, [part]
        case Misconfigured(words=words):
            step.words, step.park_segment, step.again = words, SegmentParking.MISCONFIGURED, [part]
        case Sunset(words=words):
            step.words, step.park_member, step.again = words, MemberParking.VERSION, [part]
        case _:
            assert_never(outcome)
    return step


def _delivered(journey: Journey, part: Part, outcome: Delivered, circumstances: Circumstances, step: Step) -> None:
    if not outcome.exceptions:
        step.accepted = part.indexes
    else:
        fates = {refusal.position: refusal for refusal in outcome.exceptions}
        step.accepted = [index for place, index in enumerate(part.indexes) if place not in fates]
        again = []
        for place, refusal in fates.items():
            index = part.indexes[place]
            if refusal.fate is Fate.REFUSED:
                step.refused.append(Dead(index, refusal.status, refusal.words))
            else:
                again.append(index)
                step.words = refusal.words
        step.doubted = again
        if again:
            alone = len(again) == 1 and part.failures + 1 >= FAILURES_BEFORE_ISOLATING
            left = Part(again, failures=part.failures, isolating=part.isolating or alone)
            step.again = [_later(left, circumstances)]
    if step.accepted and journey.held:
        if journey.given_up:
            step.again += [Part([dead.index]) for dead in journey.held]
        else:
            step.refused.extend(journey.held)
        step.held = []


def _refused(journey: Journey, part: Part, outcome: Refused, circumstances: Circumstances, step: Step) -> None:
    step.words = outcome.words
    if outcome.too_large and len(part.indexes) == 1:  # 413 only splits (`linkedin-api.md` §1): it condemns no element
        step.again = [_later(part, circumstances)]
        return
    if all(journey.elements[index].rank == LOWEST for index in part.indexes):  # nobody asked for it: once is enough
        step.refused = [Dead(index, outcome.status, outcome.words) for index in part.indexes]
        return
    step.refusals += 1
    if len(part.indexes) > 1:
        middle = (len(part.indexes) + 1) // 2
        step.again = [Part(part.indexes[:middle]), Part(part.indexes[middle:])]
    elif journey.accepted_any:
        step.refused = [Dead(part.indexes[0], outcome.status, outcome.words)]
        return
    else:
        step.held = [*journey.held, Dead(part.indexes[0], outcome.status, outcome.words)]
    nothing_left = len(journey.parts) == 1 and not step.again
    if not journey.accepted_any and (nothing_left or step.refusals >= journey.refusals_allowed):
        _give_up(journey, step)


def _give_up(journey: Journey, step: Step) -> None:
    """Everything was refused: what was halved is whole again and waits, and the segment parks."""
    held = [dead.index for dead in (step.held if step.held is not None else journey.held)]
    mine = [index for half in step.again for index in half.indexes]
    step.again = [Part(sorted({*held, *mine}))]
    step.held = []
    step.refusals = 0
    step.gives_up = True
    step.park_segment = SegmentParking.REFUSED


def _unclear(part: Part, outcome: Unclear, circumstances: Circumstances, step: Step) -> None:
    step.words = outcome.words
    step.failed = True
    if outcome.lingering:
        step.uncertain = part.indexes
    else:
        step.doubted = part.indexes
    tired = part.isolating or part.failures + 1 >= FAILURES_BEFORE_ISOLATING
    if tired and circumstances.others_succeed and len(part.indexes) > 1:
        middle = (len(part.indexes) + 1) // 2
        halves = (part.indexes[:middle], part.indexes[middle:])
        step.again = [Part(half, isolating=True, not_before=circumstances.now) for half in halves]
    else:
        isolating = part.isolating or (tired and circumstances.others_succeed)
        step.again = [_later(Part(part.indexes, failures=part.failures, isolating=isolating), circumstances)]


def _later(part: Part, circumstances: Circumstances) -> Part:
    failures = part.failures + 1
    backoff = APART if part.isolating and len(part.indexes) == 1 else BATCH
    wait = backoff.wait(failures, circumstances.dice)
    return Part(part.indexes, failures=failures, not_before=circumstances.now + wait, isolating=part.isolating)
