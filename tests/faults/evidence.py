"""Everything the checker looks at, read without syncd: tables by plain SQL, the sandbox's record, logs, the history."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import msgspec

from tests.faults.history import History
from tests.faults.normaliser import metadata

SPOILED = {"malformed", "length", "null_element", "cut", "gzip_bomb", "endless", "status", "redirect", "reset", "late"}
"""Faults after which an answer proves nothing about any element."""
_TAGS = {1: "SHA256_EMAIL", 2: "SHA512_EMAIL", 3: "GOOGLE_AID"}
_ID_BITS = (1 << 46) - 1


@dataclass
class Batch:
    id: int
    segment: str
    kind: str
    open: bool
    taken: int
    applied: int
    superseded: int
    dead: int
    fates: dict[int, int]


@dataclass
class Confirmed:
    """A line of the ledger. `keys` are what LinkedIn is said to hold, or to hold no more."""

    segment: str
    keys: tuple[str, ...]
    present: bool
    row: int
    batch: int


@dataclass
class Write:
    """A write of syncd's with the fencing token it was made under, and the one that was valid; None where it had none."""

    table: str
    token: int | None
    valid: int
    at: float


@dataclass(frozen=True)
class Move:
    """A transition as the tracker wrote it down."""

    segment: str
    before: str
    after: str
    documented: bool


@dataclass
class Tables:
    segments: dict[int, str] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    parked_members: dict[str, str] = field(default_factory=dict)
    pending: set[tuple[int, str]] = field(default_factory=set)
    batches: list[Batch] = field(default_factory=list)
    ledger: list[Confirmed] = field(default_factory=list)
    letters: list[tuple[int, str]] = field(default_factory=list)
    owed: int = 0
    transitions: list[Move] = field(default_factory=list)
    audiences: dict[str, int | None] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    connections: int = 0


@dataclass(frozen=True)
class Taking:
    """A replica took a member, by its own log: wall seconds, and the tag its requests carry."""

    at: float
    member: str
    tag: str


@dataclass
class Element:
    """One element of one request. `order` is None when it never took effect."""

    n: int
    segment: str
    action: str
    keys: tuple[str, ...]
    status: int
    arrived: float
    order: int | None
    at: float
    late: bool


@dataclass
class Evidence:
    """`timeout` is the daemons' request timeout, `limits` requests a minute by resource, `settle_in` seconds that a
    new segment takes no data; `members_of` whose each segment is, `parked` what was parked while the rest was read: `segment` or `member`, key, reason;
    `refused` keys that the script refuses for good, `killers` rows that end the process.
    """

    history: History
    tables: Tables
    elements: list[Element] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: Mapping[int, str] = field(default_factory=dict)
    dmp: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=dict)
    violations: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    surfaces: dict[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    tokens: Sequence[str] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    timeout: float = 1.0
    settle_in: float = 0.0
    minute: float = 60.0
    members_of: Mapping[str, str] = field(default_factory=dict)
    parked: set[tuple[str, str, str]] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    killers: set[int] = field(default_factory=set)
    zombies: bool = False
    owners: list[Taking] = field(default_factory=list)

    def honest(self, request: Mapping[str, Any]) -> bool:
        """Whether the client can have read a whole and true answer."""
        struck = {self.faults.get(number, "") for number in request.get("faults", ())}
        if request["status"] != 200 or request["finished"] is None or struck & SPOILED:
            return False
        return bool(request["finished"] - request["arrived"] < self.timeout)


_QUERIES = {
    "segments": "select id, key, parked, audience_size from {s}segments",
    "members": "select key, parked from {s}members where parked is not null",
    "transitions": "select segment_id, from_status, to_status, documented from {s}transitions order by id",
    "pending": "select id, segment_key from {s}outbox",
    "batches": "select id, segment_id, kind, open, rows_taken, rows_applied, rows_superseded, rows_dead, row_fates"
    " from {s}batches order by id",
    "ledger": "select segment_id, identity, present, rank, batch_id, sent from {s}ledger",
    "letters": "select outbox_id, reason from {s}dead_letters",
    "owed": "select count(*) from {s}reassertions",
    "texts": "select words from {s}batches union all select detail from {s}dead_letters"
    " union all select parked_words from {s}segments union all select parked_words from {s}members",
}
_CONNECTIONS = """
    select count(*) from pg_stat_activity where application_name = 'syncd' and datname = current_database()
"""


async def read_tables(url: str) -> Tables:
    """One snapshot; `url` as asyncpg takes it, or the path of an SQLite file."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                found = {name: await connection.fetch(sql.format(s="syncd.")) for name, sql in _QUERIES.items()}
                audited = await connection.fetchval("select to_regclass('public.syncd_writes') is not null")
                writes = await connection.fetch("select * from public.syncd_writes order by number") if audited else []
                connections = await connection.fetchval(_CONNECTIONS)
        finally:
            await connection.close()
        tables = _tables({name: [tuple(row) for row in rows] for name, rows in found.items()})
        tables.connections = connections
        tables.writes = [Write(row["name"], row["token"], row["valid"], row["at"]) for row in writes]
        return tables
    with closing(sqlite3.connect(url, timeout=30, isolation_level=None)) as file:
        file.execute("BEGIN")
        return _tables({name: file.execute(sql.format(s="")).fetchall() for name, sql in _QUERIES.items()})


def _tables(found: Mapping[str, Sequence[tuple[Any, ...]]]) -> Tables:
    keys = {number: key for number, key, _, _ in found["segments"]}
    return Tables(
        segments=keys,
        parked={key: parked for _, key, parked, _ in found["segments"] if parked},
        parked_members=dict(found["members"]),
        audiences={key: size for _, key, _, size in found["segments"]},
        transitions=[
            Move(keys.get(number, "?"), before, after, bool(known))
            for number, before, after, known in found["transitions"]
        ],
        pending=set(found["pending"]),
        batches=[_batch(keys, *row) for row in found["batches"]],
        ledger=[_confirmed(keys, *row) for row in found["ledger"]],
        letters=[(row, reason) for row, reason in found["letters"]],
        owed=int(found["owed"][0][0]),
        texts=[text for (text,) in found["texts"] if text],
    )


def parkings(tables: Tables) -> set[tuple[str, str, str]]:
    """`segment` or `member`, its key, the reason."""
    return {("segment", *one) for one in tables.parked.items()} | {
        ("member", *one) for one in tables.parked_members.items()
    }


def _fates(packed: bytes | None) -> dict[int, int]:
    if not packed:
        return {}
    steps, fates = msgspec.msgpack.decode(zlib.decompress(packed))
    return dict(zip(accumulate(steps), fates, strict=True))


def _batch(keys: Mapping[int, str], *row: Any) -> Batch:
    number, segment, kind, is_open, taken, applied, superseded, dead, packed = row
    return Batch(number, keys.get(segment, "?"), kind, bool(is_open), taken, applied, superseded, dead, _fates(packed))


def _confirmed(segments: Mapping[int, str], *row: Any) -> Confirmed:
    segment, identity, present, rank, batch, sent = row
    others, fields = msgspec.msgpack.decode(sent) if sent else ((), b"")
    if identity[0] >= 0x11:
        told = json.loads(b"{" + fields[1:] + b"}") if fields else {}
        keys: tuple[str, ...] = (metadata(told),) if told else ()
    else:
        keys = tuple(_key(one) for one in (identity, *others))
    return Confirmed(segments.get(segment, "?"), keys, bool(present), (rank >> 2) & _ID_BITS, batch)


def _key(packed: bytes) -> str:
    tag, value = packed[0], packed[1:]
    return f"{_TAGS[tag]}:{value.hex() if tag in {1, 2} else value.decode()}"


def read_record(path: Path, requests: Iterable[Mapping[str, Any]]) -> list[Element]:
    """The elements of the sandbox's record, those that took effect in their order."""
    names: dict[int, str] = {}
    found: list[Element] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        one = json.loads(line)
        if one["event"] == "applied":
            names[one["n"]] = str(one.get("sourceSegmentId") or "").partition(":")[2]
        elif "elements" not in one:
            continue
        statuses = one.get("statuses") or [0] * len(one["elements"])
        for element, status in zip(one["elements"], statuses, strict=True):
            found.append(
                Element(
                    n=one["n"],
                    segment=names.get(one["n"], ""),
                    action=element["action"],
                    keys=tuple(element["ids"]),
                    status=status,
                    arrived=one["arrived"],
                    order=one.get("order") if one["event"] == "applied" and one.get("landed", True) else None,
                    at=one.get("applied_at") or 0.0,
                    late=bool(one.get("late")),
                )
            )
    by_dmp = {str(one["segment"]): names[one["n"]] for one in requests if one["n"] in names}
    segment_of = {one["n"]: by_dmp.get(str(one["segment"]), "") for one in requests}
    for each in found:
        each.segment = each.segment or segment_of.get(each.n, "")
    return found
