"""A member's OAuth tokens as syncd holds them in memory; no representation shows them, and they cannot be pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NoReturn


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Times are seconds since 1970. `source` is a digest of the file content these tokens descend from: a changed file
    wins over what the database holds.
    """

    access: str = field(repr=False)
    access_ends: float | None = None
    refresh: str | None = field(default=None, repr=False)
    refresh_ends: float | None = None
    source: str = field(default="", repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are not pickled: store them sealed")


MILESTONES: Final = (7, 14, 30, 60)
"""Days before a token's end at which it is warned of."""


def milestone(ends: float, now: float) -> int | None:
    """The last milestone that was passed, 0 for a token that has ended; None while its end is far."""
    left = (ends - now) / 86_400.0
    return 0 if left <= 0 else next((days for days in MILESTONES if left <= days), None)
