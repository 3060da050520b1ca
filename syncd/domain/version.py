"""Versions of LinkedIn's API: monthly, served for about a year (`linkedin-api.md` §1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

DAY: Final = 86_400.0
WARNED: Final = 60.0
"""Days before its end from which a version is warned of."""
_ENDS_ON: Final = {"202511": 16}
"""Versions whose announced end is not the 15th."""


def sunset(version: str) -> float:
    """When LinkedIn ends an API version YYYYMM: the middle of the month twelve months later, seconds since 1970."""
    return datetime(int(version[:4]) + 1, int(version[4:]), _ENDS_ON.get(version, 15), tzinfo=UTC).timestamp()


def days_served(version: str, now: float) -> float:
    """Until LinkedIn ends it; negative once it has."""
    return (sunset(version) - now) / DAY
