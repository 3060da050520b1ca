"""A batch under any answers, from raw status and body to the states of its elements: LinkedIn plays whatever it likes,
byte by byte, and what a journey believes is held against what LinkedIn really did.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from syncd.domain.batch import BatchId, BatchKind, Element, State
from syncd.domain.outcome import Answer, Delivered, Outcome, Unclear, meaning
from syncd.domain.settlement import Circumstances, Journey, Part, Step, decide
from syncd.linkedin.wire import results

_GARBAGE = ["", "null", "[]", "{}", '{"elements":', "<html>", '{"elements":[[]]}', '{"elements":[{"status":"201"}]}']
_CODES = ["", "VERSION_MISSING", "ACCESS_DENIED", "EXPIRED_ACCESS_TOKEN", "SEGMENT_LIMIT_EXCEEDED", "UNKNOWN"]
_MESSAGES = [
    *("", "Too Many Requests", "no", "The segment is expired", "<html>"),
    "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached",
]
_FINAL = {400, 404, 405, 410, 413, 422}
_STATUSES = [300, 302, 400, 401, 403, 404, 408, 409, 413, 415, 418, 422, 423, 426, 429, 500, 502, 503, 504, 599]


class Answers(RuleBasedStateMachine):
    @initialize(count=st.integers(1, 12))
    def begin(self, count: int) -> None:
        elements = [
            Element(add=True, ids=(b"\x01" + bytes([n]) * 32,), fields=b"", rank=n + 1, row=n + 1) for n in range(count)
        ]
        self.journey = Journey.begin(BatchId(1), 1, BatchKind.LIVE, elements)
        self.now = 0.0
        self.accepted: set[int] = set()
        self.named: set[int] = set()
        """Elements that LinkedIn refused by name, in an answer to all."""
        self.alone: set[int] = set()
        """Those that stood alone in a request that it refused."""

    @property
    def part(self) -> Part:
        return max(self.journey.parts, key=lambda part: len(part.indexes))

    def take(self, outcome: Outcome, *, others: bool, age: float) -> Step:
        around = Circumstances(now=self.now, dice=lambda: 0.5, others_succeed=others, segment_age=age)
        step = decide(self.journey, self.part, outcome, around)
        before = bytes(self.journey.states)
        self.journey.apply(step)
        for index, (was, became) in enumerate(zip(before, self.journey.states, strict=True)):
            assert was in (became, State.OPEN), f"element {index} was settled twice"
        return step

    @precondition(lambda self: self.journey.parts)
    @rule(data=st.data(), others=st.booleans())
    def answers_each(self, data: st.DataObject, *, others: bool) -> None:
        indexes = list(self.part.indexes)
        statuses = data.draw(
            st.lists(
                st.sampled_from([201, 201, 201, 200, 400, 422, 429, 500, 503, 404]),
                min_size=len(indexes),
                max_size=len(indexes),
            )
        )
        body = json.dumps({"elements": [{"status": one, "error": {"message": "x"}} for one in statuses]}).encode()
        outcome = results(body, len(indexes), "")
        assert isinstance(outcome, Delivered)
        self.accepted |= {index for index, one in zip(indexes, statuses, strict=True) if 200 <= one < 300}
        self.named |= {index for index, one in zip(indexes, statuses, strict=True) if one in _FINAL}
        self.take(outcome, others=others, age=1e6)

    @precondition(lambda self: self.journey.parts)
    @rule(change=st.sampled_from([-2, -1, 1, 2]), garbage=st.none() | st.sampled_from(_GARBAGE), others=st.booleans())
    def answers_nonsense(self, change: int, garbage: str | None, *, others: bool) -> None:
        """Success with a body that does not speak of exactly these elements proves nothing about any."""
        count = len(self.part.indexes)
        listed: list[dict[str, Any]] = [{"status": 201}] * max(0, count + change)
        body = garbage if garbage is not None else json.dumps({"elements": listed})
        outcome = results(body.encode(), count, "")
        assert isinstance(outcome, Unclear)
        self.settles_nothing(self.take(outcome, others=others, age=1e6))

    @precondition(lambda self: self.journey.parts)
    @rule(
        status=st.sampled_from(_STATUSES),
        code=st.sampled_from(_CODES),
        message=st.sampled_from(_MESSAGES),
        others=st.booleans(),
        age=st.sampled_from([1.0, 1e6]),
    )
    def answers_whole(self, status: int, code: str, message: str, *, others: bool, age: float) -> None:
        indexes = list(self.part.indexes)
        if len(indexes) == 1 and status in {400, 422}:
            self.alone.add(indexes[0])
        step = self.take(meaning(Answer(status, message, code)), others=others, age=age)
        if status not in {400, 422}:
            self.settles_nothing(step)
        assert not step.accepted

    @precondition(lambda self: self.journey.parts)
    @rule(lingering=st.booleans(), others=st.booleans())
    def answers_nothing(self, *, lingering: bool, others: bool) -> None:
        self.settles_nothing(self.take(Unclear("timeout", lingering=lingering), others=others, age=1e6))

    def settles_nothing(self, step: Step) -> None:
        assert not step.accepted
        assert not step.refused
        assert not step.dropped

    @rule(seconds=st.sampled_from([0.0, 1.0, 60.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def the_owner_dies(self) -> None:
        """What the database holds is what is left."""
        old = self.journey
        if any(state == State.OPEN for state in old.states):
            self.journey = Journey.begin(old.id, old.segment_id, old.kind, old.elements, bytes(old.states))

    @invariant()
    def believes_no_more_than_linkedin_said(self) -> None:
        if not hasattr(self, "journey"):
            return
        for index, state in enumerate(self.journey.states):
            if state == State.ACCEPTED:
                assert index in self.accepted
            if state == State.REFUSED:
                assert index in self.named | self.alone
                assert index in self.named or self.journey.accepted_any, (
                    "an element died although nothing of its batch was ever accepted"
                )

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "journey"):
            return
        placed = [index for part in self.journey.parts for index in part.indexes]
        placed += [dead.index for dead in self.journey.held]
        assert sorted(placed) == [index for index, state in enumerate(self.journey.states) if state == State.OPEN]
        assert all(part.not_before <= self.now + 400.0 for part in self.journey.parts), "a part that waits for ever"


Answers.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnswers = Answers.TestCase
