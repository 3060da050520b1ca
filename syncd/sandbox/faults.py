"""What can go wrong, as data: which requests a fault strikes, how often, and what then happens.

A fault is armed through the control API or from Python and chosen here; `effects` plays it on the wire.
Random faults draw from their own seeded generator, so that a run can be repeated.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

FOREVER = -1


class Effect(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """What happens to a request that a fault strikes."""


class Status(Effect, frozen=True, tag="status"):
    """Answer with this status; `apply` says whether the request takes effect all the same."""

    status: int
    body: Any = None
    headers: dict[str, str] = {}
    content_type: str = "application/json"
    apply: bool = False


class Reset(Effect, frozen=True, tag="reset"):
    """No answer: the connection is reset (`rst`) or closed (`fin`), before or after the request took effect."""

    apply: bool = False
    mode: Literal["rst", "fin"] = "rst"


class Hang(Effect, frozen=True, tag="hang"):
    """Silence for `seconds`, or until released; the request takes effect before it, after it or never."""

    seconds: float | None = None
    apply: Literal["before", "after", "never"] = "before"
    then: Literal["answer", "close"] = "answer"


class Late(Effect, frozen=True, tag="late"):
    """The client gets no answer (after `hang` seconds of silence); the request takes effect `seconds` later."""

    seconds: float | None = 1.0
    hang: float | None = 0.0


class Cut(Effect, frozen=True, tag="cut"):
    """The true answer, announced whole, cut at a byte."""

    at: int = 10


class Length(Effect, frozen=True, tag="length"):
    """Results dropped (below 0) or added (above 0)."""

    change: int = -1


class Malformed(Effect, frozen=True, tag="malformed"):
    body: str = '{"elements":[{"status":201},'


class NullElement(Effect, frozen=True, tag="null_element"):
    index: int = 0


class ExtraFields(Effect, frozen=True, tag="extra_fields"):
    """The true answer with fields nobody knows."""


class GzipBomb(Effect, frozen=True, tag="gzip_bomb"):
    bytes: int = 64 * 1024 * 1024


class Drip(Effect, frozen=True, tag="drip"):
    """The true answer, `size` bytes every `interval` seconds."""

    interval: float = 0.05
    size: int = 1


class Endless(Effect, frozen=True, tag="endless"):
    """A body that does not end before `bytes`."""

    bytes: int = 1 << 40


class Latency(Effect, frozen=True, tag="latency"):
    seconds: float


class Redirect(Effect, frozen=True, tag="redirect"):
    to: str
    status: Literal[301, 302, 303, 307, 308] = 302


class RefuseElements(Effect, frozen=True, tag="refuse_elements"):
    """These elements get this status: those holding the values of `match.contains`, else those at `indexes`, else all."""

    status: int = 400
    message: str = "Invalid element"
    indexes: list[int] | None = None


class Poison(Effect, frozen=True, tag="poison"):
    """The whole request is refused for what it contains."""

    status: Literal[400, 413, 422] = 400
    message: str = "Invalid element in the batch"
    code: str | None = None


AnyEffect = (
    Status | Reset | Hang | Late | Cut | Length | Malformed | NullElement | ExtraFields | GzipBomb | Drip | Endless
    | Latency | Redirect | RefuseElements | Poison
)  # fmt: skip


# fmt: off
Resource = Literal[
    "any", "users", "companies", "segments", "accounts", "ad_segments", "oauth",
    "targeting", "uploads", "insights", "templates", "planning",
]
# fmt: on


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests; what is not said matches all. `after` skips so many matches, `nth` takes only that one (from 1)."""

    resource: Resource = "any"
    member: str | None = None
    segment: str | int | None = None
    method: str | None = None
    contains: str | list[str] | None = None
    after: int = 0
    nth: int | None = None

    @property
    def values(self) -> list[str]:
        match self.contains:
            case None:
                return []
            case str():
                return [self.contains]
            case list():
                return self.contains


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`times` defaults to once; to forever for poison and for faults with a `rate`."""

    effect: AnyEffect
    match: Match = Match()
    times: int | None = None
    rate: float = 1.0

    @property
    def most(self) -> int:
        if self.times is not None:
            return self.times
        return FOREVER if isinstance(self.effect, Poison) or self.rate < 1 else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a match can see of a request."""

    resource: str
    member: str
    segment: str
    method: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class ArmedFault:
    id: int
    fault: Fault
    dice: random.Random
    seen: int = 0
    played: int = 0

    def strikes(self, facts: Facts) -> bool:
        match = self.fault.match
        if self.played == self.fault.most or not _matches(match, facts):
            return False
        self.seen += 1
        if self.seen <= match.after or (match.nth is not None and self.seen != match.nth):
            return False
        if self.fault.rate < 1 and self.dice.random() >= self.fault.rate:
            return False
        self.played += 1
        return True


@dataclass(slots=True)
class Plan:
    """What strikes one request: delays and refused elements add up, of all else the first fault wins."""

    effect: Effect | None = None
    latency: float = 0.0
    refusals: list[tuple[RefuseElements, list[str]]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


class FaultBook:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._next_id = 1
        self.armed: dict[int, ArmedFault] = {}

    def add(self, fault: Fault) -> ArmedFault:
        number = self._next_id
        self._next_id += 1
        armed = ArmedFault(id=number, fault=fault, dice=random.Random(f"{self._seed}:{number}"))
        self.armed[number] = armed
        return armed

    def remove(self, number: int) -> bool:
        return self.armed.pop(number, None) is not None

    def clear(self) -> None:
        self.armed.clear()

    def choose(self, facts: Facts) -> Plan:
        plan = Plan()
        for armed in self.armed.values():
            effect = armed.fault.effect
            adds_up = isinstance(effect, Latency | RefuseElements)
            if (plan.effect is not None and not adds_up) or not armed.strikes(facts):
                continue
            plan.ids.append(armed.id)
            match effect:
                case Latency():
                    plan.latency += effect.seconds
                case RefuseElements():
                    plan.refusals.append((effect, armed.fault.match.values))
                case _:
                    plan.effect = effect
        return plan


def holds_value(body: bytes, value: str) -> bool:
    """Whether a JSON body holds that string, however its writer escapes what is not ASCII."""
    return msgspec.json.encode(value) in body or json.dumps(value).encode() in body


def _matches(match: Match, facts: Facts) -> bool:
    return (
        match.resource in {"any", facts.resource}
        and match.member in {None, facts.member}
        and (match.segment is None or str(match.segment) == facts.segment)
        and match.method in {None, facts.method}
        and (match.contains is None or any(holds_value(facts.body, value) for value in match.values))
    )
