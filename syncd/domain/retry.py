"""When something that failed goes again: waits in seconds, decided from counts; the dice are handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from syncd.domain.outcome import Scope

Dice = Callable[[], float]
"""A random number in [0, 1)."""

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits from `first` to `most` seconds, each stretched by up to a quarter."""

    first: float
    most: float

    def wait(self, failures: int, dice: Dice) -> float:
        """Seconds to wait after the given number of failures in a row (at least one)."""
        doubled = self.first * 2.0 ** min(max(failures, 1) - 1, 32)
        return min(doubled, self.most) * (1.0 + 0.25 * dice())


DAILY: Final = Backoff(5.0, 300.0)
"""After a daily limit (`linkedin-api.md` §1)."""
BATCH: Final = Backoff(0.5, 60.0)
"""Between attempts of one batch whose answer was unclear."""
OUTAGE: Final = Backoff(1.0, 60.0)
"""Of a whole resource while nothing of it succeeds."""
PARKED: Final = Backoff(30.0, 300.0)
"""Between looks at a parked member or segment."""
DATABASE: Final = Backoff(0.1, 5.0)
"""While the database cannot be reached."""
APART: Final = Backoff(60.0, 300.0)
"""Of an element that alone makes LinkedIn fail."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a 429 asks for: no request before `until`, a moment by the monotonic clock of the process that holds it (the
    database keeps it as a moment of its own clock); `in_a_row` counts the 429s that led here. It holds for one resource
    of a member, or of all of an application's where `member` is empty.
    """

    application: str
    member: str
    resource: str
    scope: Scope
    in_a_row: int
    until: float

    @property
    def place(self) -> tuple[str, str]:
        """For whom it holds, and for which resource."""
        return self.member, self.resource

    def or_longer(self, other: Wait | None) -> Wait:
        """The one of two that ends later."""
        return self if other is None or other.until <= self.until else other


def throttle_wait(scope: Scope, in_a_row: int, retry_after: float | None, dice: Dice) -> float:
    """Seconds a resource pauses after the n-th 429 in a row.

    The minute limit pauses 60 s, or `Retry-After` when that is longer; a daily limit backs off 5 s doubling to 300 s;
    unknown text counts as the minute limit once and as the daily one when it repeats (reference 002, reliability A1–A3).
    """
    asked = retry_after or 0.0
    if scope is Scope.MINUTE or (scope is Scope.UNKNOWN and in_a_row <= 1):
        return max(MINUTE, asked)
    return max(DAILY.wait(in_a_row, dice), asked)
