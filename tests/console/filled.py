"""A database in which something has happened: segments in every state, people's rows on the road, members that work and
one that is parked, and texts of the CRM that are written to break a page.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Element, pack_element
from syncd.domain.change import rank
from syncd.store.engine import Database
from syncd.store.plans import items, resyncs
from syncd.store.tables import (
    batches,
    dead_letters,
    leases,
    ledger,
    looks,
    members,
    outbox,
    segments,
    throttles,
    transitions,
)

OURS = "urn:li:sponsoredAccount:123456"
THEIRS = "urn:li:sponsoredAccount:654321"
HOSTILE = (
    "<script>document.body.dataset.broken='yes'</script><img src=x onerror=\"document.body.dataset.broken='yes'\">"
)
DAY = 86_400.0

_SEGMENTS: tuple[dict[str, Any], ...] = (
    {"key": "trial-signups", "name": "Trial sign-ups", "status": "READY", "dmp_id": 9_821_001,
     "input_count": 31_400, "matched_count": 22_294, "audience_size": 182_000},
    {"key": "customers", "name": "Customers", "status": "UPDATING", "dmp_id": 9_821_002,
     "input_count": 18_120, "matched_count": 14_010, "audience_size": 96_000},
    {"key": "newsletter", "name": "Newsletter", "status": "ARCHIVED", "dmp_id": 9_821_003,
     "input_count": 4_100, "matched_count": 1_105, "audience_size": 11_200},
    {"key": "churned", "name": "Churned last year", "status": "EXPIRED", "dmp_id": 9_821_004, "parked": "expired",
     "parked_words": "This segment is expired and cannot take members", "audience_size": 0},
    {"key": "target-accounts", "name": "Target accounts", "kind": "company", "status": "BUILDING", "dmp_id": 9_821_005},
    {"key": "events", "name": "Event visitors", "status": "READY", "paused": True, "dmp_id": 9_821_006,
     "input_count": 900, "matched_count": 610, "audience_size": 240},
    {"key": "partners", "name": "Partners", "account": THEIRS, "status": "READY", "dmp_id": 9_821_007,
     "input_count": 5_000, "matched_count": 3_900, "audience_size": 41_000},
)  # fmt: skip


async def fill(database: Database, *, hostile: bool = False) -> None:
    """Everything at once. With `hostile`, names and words hold markup."""
    async with database.begin() as connection:
        now = time.time()
        await _members(connection, now)
        rows = [*_SEGMENTS]
        if hostile:
            rows.append(
                {"key": "hostile", "name": HOSTILE, "status": "ERROR", "parked": "refused", "parked_words": HOSTILE}
            )
        for number, given in enumerate(rows, 1):
            await _segment(connection, number, given, now)
        await _resyncs(connection, now)
        await _letters(connection, now, HOSTILE if hostile else "the country is no ISO 3166-1 code")
        await connection.execute(
            insert(outbox),
            [
                {"segment_key": key, "action": "ADD", "payload": _json(connection, {"email": f"{number}@example.com"})}
                for key, count in (("customers", 1_240), ("newsletter", 12), ("misspelt-segment", 3))
                for number in range(count)
            ],
        )


def _json(connection: AsyncConnection, payload: dict[str, str]) -> object:
    return payload if connection.dialect.name == "postgresql" else "{}"


async def _members(connection: AsyncConnection, now: float) -> None:
    await connection.execute(
        insert(members),
        [
            {"key": "ads-bot", "application": "86x4example", "parked": None, "parked_words": "", "parked_at": None},
            {
                "key": "agency",
                "application": "86x4example",
                "parked": "token",
                "parked_words": "The token used in the request has expired",
                "parked_at": now - 2_400,
            },
        ],
    )
    await connection.execute(
        insert(leases).values(member="ads-bot", owner="syncd-0-4821-a1b2c3", token=1, free_at=now + 9_000, clean=True)
    )
    await connection.execute(
        insert(throttles).values(
            application="86x4example", member="ads-bot", resource="companies", scope="minute", in_a_row=1,
            not_before=now + 3_000,
        )
    )  # fmt: skip


async def _segment(connection: AsyncConnection, number: int, given: dict[str, Any], now: float) -> None:
    since = now - DAY * (39.2 if given["status"] == "READY" else 1 + number)
    values = {
        "kind": "user",
        "account": OURS,
        "member": "agency" if given.get("account") == THEIRS else "ads-bot",
        "status_since": since,
        "status_seen_at": now - 40,
        "bound_at": now - 100 * DAY,
        "ad_segment": f"urn:li:adSegment:{8_596_000 + number}" if "dmp_id" in given else None,
        "parked_at": now - 3 * 3_600 if "parked" in given else None,
        **given,
    }
    await connection.execute(insert(segments).values(id=number, **values))
    await _course(connection, number, given, now, since)
    size = given.get("audience_size") or 0
    people = min(600, size // 300)
    await connection.execute(insert(ledger), [*_people(number, max(people, 1), now)])
    await connection.execute(insert(batches), [*_batches(number, now, kept=14)])


async def _course(connection: AsyncConnection, number: int, given: dict[str, Any], now: float, since: float) -> None:
    steps = [
        ("", "BUILDING", 98.0),
        ("BUILDING", "READY", 96.5),
        ("READY", "UPDATING", 40.0),
        ("UPDATING", "READY", 39.2),
    ]
    last = ("READY", given["status"], (now - since) / DAY)
    for before, after, days in [*steps, last]:
        if before != after:
            await connection.execute(
                insert(transitions).values(
                    segment_id=number,
                    from_status=before,
                    to_status=after,
                    documented=after != "ERROR",
                    at=now - days * DAY,
                )
            )
    size = given.get("audience_size")
    if size is None:
        return
    seen = [
        {
            "segment_id": number,
            "at": now - DAY * (34 - step * 0.7),
            "status": "READY",
            "input_count": int((given.get("input_count") or 0) * (0.5 + step / 96)),
            "matched_count": int((given.get("matched_count") or 0) * (0.45 + step / 90)),
            "audience_size": int(size * (0.6 + 0.4 * step / 48 + 0.04 * math.sin(step / 3 + number))),
        }
        for step in range(48)
    ]
    await connection.execute(insert(looks), seen)


def _people(number: int, count: int, now: float) -> Iterable[dict[str, Any]]:
    for one in range(count):
        digest = hashlib.sha256(f"{number}:{one}@example.com".encode()).digest()
        yield {
            "segment_id": number, "identity": b"\x01" + digest, "rank": rank(1, one + 1), "batch_id": 1, "at": now - DAY,
            "present": True, "anonymous": 0,
        }  # fmt: skip


def _batches(number: int, now: float, kept: int) -> Iterable[dict[str, Any]]:
    for one in range(kept):
        at = now - (kept - one) * 4.0
        elements = 4_800 - 37 * one
        refused = 3 if one == 5 else 0
        yield {
            "segment_id": number, "kind": "resync" if one == 2 else "live", "open": False, "elements": elements,
            "first_id": one * 5_000 + 1, "last_id": one * 5_000 + 5_000, "rows_taken": 5_000,
            "rows_applied": 5_000 - 60 - refused, "rows_superseded": 40, "rows_dead": 20 + refused,
            "accepted": elements - refused, "refused": refused, "attempts": 1 + (one == 7),
            "words": "the country is no ISO 3166-1 code" if refused else "",
            "uuid": f"AAX{number}{one:02}kq7BgWJ0{one:02}fZ8A==", "created_at": at - 0.8, "closed_at": at,
        }  # fmt: skip


async def _resyncs(connection: AsyncConnection, now: float) -> None:
    """One that waits to be started and would blow the fuse, and two that have ended."""
    rejected = '{"invalid_email": 14, "no_identifier": 2}'
    common = {"asked_by": "ada.lovelace", "created_at": now - 900, "planned_at": now - 880}
    ended = {"started_at": now - 870, "ended_at": now - 300, "reason": "matches are 80 days old"}
    rows: list[dict[str, Any]] = [
        {"segment_id": 2, "mode": "reconcile", "state": "planned", "origin": "query", "held": 320, "adds": 41,
         "removes": 118, "changes": 3, "unchanged": 199, "newer": 6, "elements": 165, "rejected": rejected,
         "boundary": rank(1, 10_000), **common},
        {"segment_id": 1, "mode": "replay", "state": "done", "origin": "ledger", "held": 600, "adds": 600,
         "elements": 600, "looked_at": 600, "added": 600, "sent": 600, "accepted": 600, **common, **ended},
        {"segment_id": 3, "mode": "replay", "state": "cancelled", "origin": "ledger", "held": 37, "adds": 37,
         "elements": 37, "words": "cancelled by ada.lovelace: wrong segment", **common, **ended},
    ]  # fmt: skip
    for row in rows:
        await connection.execute(insert(resyncs).values(**row))
    leaving = [one["identity"] for one in _people(2, 118, now)]
    await connection.execute(
        insert(items),
        [{"resync_id": 1, "identity": one, "wanted": False, "anonymous": True} for one in leaving],
    )


async def _letters(connection: AsyncConnection, now: float, words: str) -> None:
    identity = b"\x01" + hashlib.sha256(b"dead").digest()
    element = pack_element(Element(add=True, ids=(identity,), fields=b"", rank=rank(1, 9), row=9))
    rows: list[dict[str, Any]] = [
        {"segment_id": 1, "outbox_id": 40 + one, "batch_id": 6, "reason": "refused", "detail": words, "status": 400,
         "element": element, "created_at": now - 7_200 * one - 60}
        for one in range(3)
    ]  # fmt: skip
    rows += [
        {"segment_id": 2, "outbox_id": 90 + one, "batch_id": None, "reason": "invalid_email",
         "detail": "no domain with a dot", "status": None, "element": None, "created_at": now - 900 * one - 600}
        for one in range(20)
    ]  # fmt: skip
    await connection.execute(insert(dead_letters), rows)
    await connection.execute(update(segments).where(segments.c.id == 1).values(high_water=70_000))
