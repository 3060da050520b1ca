"""A resync's words: what it goes by, where it stands, and how much of it is done."""

from __future__ import annotations

from enum import StrEnum
from math import ceil
from typing import Final

from syncd.domain.batch import MOST_ELEMENTS
from syncd.domain.change import Kind
from syncd.domain.quota import quota


class Mode(StrEnum):
    REPLAY = "replay"
    """All that the ledger holds goes out again; needs no CRM."""
    RECONCILE = "reconcile"
    """The difference between a source and the ledger goes out."""


class Origin(StrEnum):
    """Where what a resync wants comes from."""

    LEDGER = "ledger"
    QUERY = "query"
    FILE = "file"


class State(StrEnum):
    UPLOADING = "uploading"
    """A file is being read."""
    PLANNING = "planning"
    """The member's owner compares the source with the ledger."""
    PLANNED = "planned"
    WAITING = "waiting"
    """Started; the member's owner has not taken it up yet."""
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    BLOWN = "blown"
    """A scheduled one that would remove more than the fuse lets pass: it stopped by itself."""


FINAL: Final = frozenset({State.DONE, State.CANCELLED, State.FAILED, State.BLOWN})
SHELF_LIFE: Final = 86_400.0
"""Seconds for which a plan can be started and a file may speak of the past: as long as tombstones stay at least."""


def requests_for(elements: int) -> int:
    return ceil(elements / MOST_ELEMENTS)


def minutes_for(requests: int, kind: Kind, users_per_minute: int, companies_per_minute: int) -> float:
    """Minutes that so many requests take at LinkedIn's limit if nothing else is sent."""
    limit = users_per_minute if kind is Kind.USER else companies_per_minute
    return requests / quota(limit).per_minute
