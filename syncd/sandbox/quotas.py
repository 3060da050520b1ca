"""How often a member may call: a true sliding minute per (application, member, resource), and the two daily limits.

Every arrival counts in its minute, refused ones too, so that `max_in_window` is the proof a client is measured by.
Daily limits count what passed and start anew at 00:00 UTC of the sandbox clock.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from .answers import RefusedError, day_limit, minute_limit
from .options import SandboxOptions

WINDOW = 60.0


class QuotaKey(NamedTuple):
    application: str
    member: str
    resource: str


class SlidingWindow:
    """Arrivals of the last 60 seconds; one exactly 60 seconds old has left."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque()
        self.max_in_window = 0

    def arrive(self, now: float) -> int:
        self._arrivals.append(now)
        count = self.count(now)
        self.max_in_window = max(self.max_in_window, count)
        return count

    def count(self, now: float) -> int:
        while self._arrivals and self._arrivals[0] <= now - WINDOW:
            self._arrivals.popleft()
        return len(self._arrivals)


@dataclass(slots=True)
class Usage:
    window: SlidingWindow = field(default_factory=SlidingWindow)
    arrivals: int = 0
    throttled: int = 0
    day_throttled: int = 0


class Quotas:
    def __init__(self) -> None:
        self._usage: dict[QuotaKey, Usage] = {}
        self._day = ""
        self._passed_today: dict[tuple[str, ...], int] = {}

    def arrive(self, key: QuotaKey, now: float, day: str, options: SandboxOptions) -> RefusedError | None:
        """Count an arrival; the refusal it earns, if any."""
        limit = minute_limit_of(key.resource, options)
        if limit is None:
            return None
        usage = self._usage.setdefault(key, Usage())
        usage.arrivals += 1
        if usage.window.arrive(now) > limit:
            usage.throttled += 1
            return minute_limit()
        refusal = self._spend_day(key, day, options)
        if refusal is not None:
            usage.throttled += 1
            usage.day_throttled += 1
        return refusal

    def _spend_day(self, key: QuotaKey, day: str, options: SandboxOptions) -> RefusedError | None:
        if day != self._day:
            self._day = day
            self._passed_today.clear()
        everyone = (key.application, key.resource)
        if options.application_daily is not None and self._passed_today.get(everyone, 0) >= options.application_daily:
            return day_limit("APPLICATION")
        if options.member_daily is not None and self._passed_today.get(key, 0) >= options.member_daily:
            return day_limit("APPLICATION_AND_MEMBER")
        for scope in (everyone, tuple(key)):
            self._passed_today[scope] = self._passed_today.get(scope, 0) + 1
        return None

    def report(self, now: float, options: SandboxOptions) -> list[dict[str, object]]:
        return [
            {
                **key._asdict(),
                "limit": minute_limit_of(key.resource, options),
                "last_minute": usage.window.count(now),
                "max_in_window": usage.window.max_in_window,
                "arrivals": usage.arrivals,
                "throttled": usage.throttled,
                "day_throttled": usage.day_throttled,
                "passed_today": self._passed_today.get(key, 0),
            }
            for key, usage in self._usage.items()
        ]


def minute_limit_of(resource: str, options: SandboxOptions) -> int | None:
    """Only the two streaming resources have limits (reference 002)."""
    match resource:
        case "users":
            return options.users_per_minute
        case "companies":
            return options.companies_per_minute
        case _:
            return None
