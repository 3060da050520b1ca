"""What the database holds at the end of a run, as the checker's plain values. Here syncd's own formats are read."""

from __future__ import annotations

import json
import sqlite3

from syncd.domain.batch import unpack_element, unpack_rows, unpack_sent
from syncd.domain.change import Rank, outbox_id
from tests.simulation.records import Batch, Evidence, LedgerRow, Letter

_NAMES = {
    0x01: "SHA256_EMAIL",
    0x02: "SHA512_EMAIL",
    0x03: "GOOGLE_AID",
    0x11: "organization_urn",
    0x12: "website_domain",
    0x13: "email_domain",
    0x14: "page_url",
    0x15: "name",
}
_WAITING = "select count(*) from outbox where segment_key in (select key from segments)"


def is_quiet(database: sqlite3.Connection) -> bool:
    return not any(_counts(database).values())


def why_not_quiet(database: sqlite3.Connection) -> str:
    parked = database.execute(
        "select key, parked, parked_words, dmp_id from segments where parked is not null"
    ).fetchall()
    unbound = database.execute("select key from segments where dmp_id is null").fetchall()
    people = database.execute("select key, parked, parked_words from members").fetchall()
    leases = database.execute("select member, owner, token from leases").fetchall()
    batches = database.execute(
        "select id, segment_id, kind, attempts, words, elements from batches where open"
    ).fetchall()
    return (
        f"{_counts(database)} parked {parked} unbound {unbound} members {people} leases {leases} batches {batches[:5]}"
    )


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    asked = {
        "rows": _WAITING,
        "batches": "select count(*) from batches where open",
        "reassertions": "select count(*) from reassertions",
        "unbound": "select count(*) from segments where dmp_id is null",
    }
    return {name: int(database.execute(statement).fetchone()[0]) for name, statement in asked.items()}


def fill(evidence: Evidence, database: sqlite3.Connection) -> None:
    keys: dict[int, str] = dict(database.execute("select id, key from segments").fetchall())
    for segment, identity, present, at, packed in database.execute(
        "select segment_id, identity, present, rank, sent from ledger order by segment_id, identity"
    ):
        sent = unpack_sent(packed)
        evidence.ledger.append(
            LedgerRow(
                segment=keys[segment],
                identity=_key(identity),
                present=bool(present),
                keys=tuple(_key(one) for one in (identity, *sent.ids)),
                row=outbox_id(Rank(at)),
                metadata=_metadata(sent.fields),
            )
        )
    for row, segment, reason, status, packed in database.execute(
        "select outbox_id, segment_id, reason, status, element from dead_letters order by id"
    ):
        element = unpack_element(packed) if packed else None
        evidence.letters.append(
            Letter(
                row=row,
                segment=keys[segment],
                reason=reason,
                status=status,
                add=element.add if element else None,
                keys=(*map(_key, element.ids), _metadata(element.fields)) if element else (),
            )
        )
    for number, segment, kind, is_open, taken, applied, superseded, dead, fates in database.execute(
        "select id, segment_id, kind, open, rows_taken, rows_applied, rows_superseded, rows_dead, row_fates"
        " from batches order by id"
    ):
        named = {row: fate.name.lower() for row, fate in unpack_rows(fates).items()} if fates else {}
        evidence.batches.append(
            Batch(number, keys[segment], kind, bool(is_open), taken, applied, superseded, dead, named)
        )
    evidence.waiting = [row for (row,) in database.execute("select id from outbox order by id")]


def _key(identity: bytes) -> str:
    tag, value = identity[0], identity[1:]
    return f"{_NAMES[tag]}:{value.hex() if tag in {0x01, 0x02} else value.decode()}"


def _metadata(fields: bytes) -> str:
    return json.dumps(json.loads(b"{" + fields[1:] + b"}"), sort_keys=True)
