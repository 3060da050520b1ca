"""Every table there is: whoever asks for the metadata here sees all of them, whatever else was imported."""

from __future__ import annotations

from syncd.store import alerts, audit, erasures, people, plans, sessions, suppressions
from syncd.store.tables import SCHEMA, metadata

__all__ = ["SCHEMA", "alerts", "audit", "erasures", "metadata", "people", "plans", "sessions", "suppressions"]
