"""Times in reports: the database's seconds since 1970 as moments in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float | None) -> datetime | None:
    """The moment, or None where there is none."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
