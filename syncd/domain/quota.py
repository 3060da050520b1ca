"""How a per-minute limit is spent so that no window of 60 seconds, measured at the server, ever holds more.

A leaky bucket lets `burst + 60·rate` through in any minute; requests that a stalled network held back can arrive
together, so what may be in flight counts on top: `burst + 60·rate + in_flight ≤ limit` (`design.md` §3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 60.0
_MOST_IN_FLIGHT: Final = 10


@dataclass(frozen=True, slots=True)
class Quota:
    """`burst` requests at once, `per_minute` sustained, at most `in_flight` unanswered."""

    limit: int
    burst: int
    per_minute: int
    in_flight: int


def quota(limit: int) -> Quota:
    """Splits a limit in requests per minute. 500 → 2 + 488 + 10, 200 → 1 + 195 + 4 (reference 002: users, companies)."""
    if limit < 3:
        raise ValueError("a limit below 3 requests a minute leaves nothing to send with")
    in_flight = max(1, min(_MOST_IN_FLIGHT, limit // 50))
    burst = max(1, min(4, limit // 200))
    return Quota(limit=limit, burst=burst, per_minute=limit - burst - in_flight, in_flight=in_flight)
