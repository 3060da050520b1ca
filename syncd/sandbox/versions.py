"""When a version of the API may be asked for: from the middle of its month to the middle of that month a year later.

The middle is the 15th, or the Monday after it when that is a weekend; this gives every end that is known
(linkedin-api.md §1: 202511 ended on 2026-11-16, 202601 ends on 2027-01-15).
"""

import re
from datetime import UTC, date, datetime, timedelta

SHAPE = re.compile(r"20\d\d(0[1-9]|1[0-2])", re.ASCII)
SATURDAY = 5


def middle(year: int, month: int) -> date:
    day = date(year, month, 15)
    return day if day.weekday() < SATURDAY else day + timedelta(days=7 - day.weekday())


def lifetime(version: str) -> tuple[date, date] | None:
    """The day it begins and the day it has ended; None for what is no version."""
    if not SHAPE.fullmatch(version):
        return None
    year, month = int(version[:4]), int(version[4:])
    return middle(year, month), middle(year + 1, month)


def is_active(version: str, now: float, pinned: tuple[str, ...]) -> bool:
    """`pinned` versions, if there are any, are the active ones, whatever the day."""
    if pinned:
        return version in pinned
    life = lifetime(version)
    return life is not None and life[0] <= datetime.fromtimestamp(now, UTC).date() < life[1]


def newest_active(now: float, pinned: tuple[str, ...]) -> str:
    """One that a client may send today."""
    if pinned:
        return max(pinned)
    today = datetime.fromtimestamp(now, UTC).date()
    begun = today if today >= middle(today.year, today.month) else today.replace(day=1) - timedelta(days=1)
    return f"{begun:%Y%m}"
