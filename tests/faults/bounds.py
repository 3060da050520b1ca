"""Judges that nothing grows without end (S12): memory, descriptors and connections of a replica, batches that wait."""

from __future__ import annotations

import re
from collections import Counter

from tests.faults.case import Case, Finding, rule

_MEMORY = 256 * 1024 * 1024
"""Bytes."""
_DESCRIPTORS = 100
_CONNECTIONS = 16
"""Of one replica to its database: its pool, twice over."""
_OPEN = 32
"""Batches of one member: four ahead and two resent, those in flight, those that wait for another attempt."""
_GAUGE = re.compile(r"^(process_open_fds|process_resident_memory_bytes) (\S+)$", re.MULTILINE)
_MOST = {"process_open_fds": _DESCRIPTORS, "process_resident_memory_bytes": _MEMORY}


@rule("S12")
def _processes(case: Case, looked: Counter[str]) -> Finding:
    for place, text in case.evidence.surfaces.items():
        for name, value in _GAUGE.findall(text):
            looked["S12 processes"] += 1
            if float(value) > _MOST[name]:
                yield f"{name} above {_MOST[name]:,}", f"{float(value):,.0f} in {place}"


@rule("S12")
def _queues(case: Case, looked: Counter[str]) -> Finding:
    tables = case.evidence.tables
    open_ = Counter(case.evidence.members_of.get(batch.segment, "?") for batch in tables.batches if batch.open)
    for member, count in open_.items():
        looked["S12 queues"] += count
        if count > _OPEN:
            yield "more open batches than may be ahead", f"{member}: {count}"


@rule("S12", healed=True)
def _connections(case: Case, looked: Counter[str]) -> Finding:
    replicas = sum(1 for name in case.evidence.surfaces if name.startswith("metrics of "))
    looked["S12 connections"] += case.evidence.tables.connections
    if case.evidence.tables.connections > _CONNECTIONS * replicas:
        yield "more connections than the pools hold", f"{case.evidence.tables.connections} of {replicas} replicas"
