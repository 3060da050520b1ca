"""What happens to resyncs, as events (`domain.events`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncPlanned:
    """A source was compared with the ledger; nothing is sent yet."""

    segment: str
    resync: int
    adds: int
    removes: int
    changes: int
    unchanged: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncStarted:
    segment: str
    resync: int
    mode: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncMoved:
    """How far a running resync is, from 0 to 1."""

    segment: str
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncEnded:
    """`how` is done, cancelled, failed or blown: a scheduled one that would have removed more than the fuse lets pass."""

    segment: str
    resync: int
    mode: str
    how: str
    sent: int
    words: str
