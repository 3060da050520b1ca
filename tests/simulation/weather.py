"""What befalls requests: how long they travel, what LinkedIn answers, whether it applies them, and when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds: `there` until it arrives, `apply_after` from arrival to effect, `back` from arrival to answer (None: no
    answer comes).
    """

    kind: str
    there: float
    back: float | None
    apply_after: float = 0.0
    arrives: bool = True


CALM: Final = {"fine": 1.0}
REGIMES: Final[dict[str, dict[str, float]]] = {
    "calm": CALM,
    "shaky": {"fine": 6, "failed": 1, "failed_applied": 1, "busy": 0.3, "conflict": 0.3, "no_connection": 0.5},
    "gateways": {"fine": 4, "gateway": 1, "gateway_applied": 1.5, "late_gateway": 0.5},
    "silent": {"fine": 5, "lost_there": 1, "lost_back": 2, "late": 1, "late_arrival": 1},
    "odd": {"fine": 4, "wrong_length": 1, "malformed": 1, "shuffled": 1, "mixed": 2},
    "throttled": {"fine": 12, "minute": 1, "member_day": 0.3, "application_day": 0.3, "unknown_throttle": 0.3},
    "unwelcome": {"fine": 15, "unauthorized": 2, "forbidden": 0.5, "not_found": 1, "misconfigured": 0.3, "sunset": 0.2},
    "picky": {"fine": 8, "mixed": 3, "refused": 0.3, "unprocessable": 0.2, "too_large": 0.5},
    "out": {"failed": 5, "lost_back": 1, "no_connection": 2},
}
_NEEDS_MORE: Final = ("gateway", "gateway_applied")


class Weather:
    """`most` elements in a request before it is too large; poisons refuse the whole request, thorns only themselves,
    bombs make LinkedIn fail.
    """

    def __init__(self, dice: random.Random, timeout: float) -> None:
        self.dice = dice
        self.timeout = timeout
        self.regime: dict[str, float] = CALM
        self.most: int | None = None
        self.token_outage = False
        self.salt = str(dice.random())
        self.poisons = self.thorns = self.bombs = 0.0

    def plan(self, *, stream: bool) -> Plan:
        dice = self.dice
        kinds = self.regime
        kind = dice.choices(list(kinds), list(kinds.values()))[0]
        there, back = dice.uniform(0.01, 0.1), dice.expovariate(3.0)
        timeout = self.timeout
        match kind:
            case "lost_there":
                return Plan(kind, there, None, arrives=False)
            case "lost_back":
                return Plan(kind, there, None)
            case "late" if stream:
                return Plan(kind, there, None, apply_after=dice.uniform(1.0, 2.5) * timeout)
            case "late_gateway" if stream:
                return Plan("gateway_applied", there, back, apply_after=dice.uniform(0.1, 2.0) * timeout)
            case "late_arrival":
                return Plan(kind, dice.uniform(1.0, 1.9) * timeout, None)
            case "late" | "late_gateway":
                return Plan("lost_back", there, None)
        return Plan(kind, there, back)

    def statuses(self, plan: Plan, elements: Sequence[tuple[str, tuple[str, ...]]]) -> list[int]:
        statuses = [400 if self._is(keys, "thorn", self.thorns) else 201 for _, keys in elements]
        if plan.kind == "mixed":
            chosen = self.dice.choices([201, 400, 429, 500, 503, 409], [20, 0.4, 1, 1, 1, 1], k=len(statuses))
            statuses = [one if status == 201 else status for status, one in zip(statuses, chosen, strict=True)]
        return statuses

    def is_poison(self, keys: Sequence[str]) -> bool:
        return self._is(keys, "poison", self.poisons)

    def is_bomb(self, keys: Sequence[str]) -> bool:
        return self._is(keys, "bomb", self.bombs)

    def _is(self, keys: Sequence[str], what: str, share: float) -> bool:
        """Whether an identity is one of those; always the same in a run."""
        if not share or not keys:
            return False
        digest = sha256(f"{self.salt}{what}{keys[0]}".encode()).digest()
        return digest[0] < 256 * share
