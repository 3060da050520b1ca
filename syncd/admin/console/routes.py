"""All pages of the console, one line a module."""

from __future__ import annotations

from typing import Final

from syncd.admin.console import (
    access,
    doors,
    erasure,
    letters,
    members,
    overview,
    password,
    planning,
    presence,
    resyncs,
    segment,
)
from syncd.admin.routes import Route

PAGES: Final[tuple[Route, ...]] = (
    *doors.ROUTES,
    *overview.ROUTES,
    *segment.ROUTES,
    *presence.ROUTES,
    *resyncs.ROUTES,
    *letters.ROUTES,
    *members.ROUTES,
    *planning.ROUTES,
    *erasure.ROUTES,
    *access.ROUTES,
    *password.ROUTES,
)  # fmt: skip
