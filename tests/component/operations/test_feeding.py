"""Outbox rows by hand."""

from __future__ import annotations

import json

import pytest

from syncd.errors import Rejected
from syncd.operations import feeding
from syncd.settings import Settings
from syncd.store import outbox
from syncd.store.engine import Database


async def put(
    database: Database,
    settings: Settings,
    *given: str,
    segment: str = "trial",
    subject: str | None = None,
    allow_unknown: bool = False,
) -> feeding.Enqueued:
    return await feeding.enqueue(
        database, settings, segment, "ADD", list(given), subject=subject, allow_unknown=allow_unknown
    )


async def test_payloads_reach_the_outbox_in_their_order(database: Database, settings: Settings) -> None:
    given = [json.dumps({"email": f"p{number}@example.com"}) for number in range(12)]
    assert await put(database, settings, *given) == feeding.Enqueued(rows=12, id=None)
    async with database.begin() as connection:
        taken = await outbox.take(connection, "trial", 20)
    assert list(map(json.loads, taken.payloads)) == [json.loads(one) for one in given]
    assert set(taken.subjects) == {None}


async def test_more_than_a_chunk_is_still_one_transaction(database: Database, settings: Settings) -> None:
    assert (await put(database, settings, *["{}"] * 6_000)).rows == 6_000
    async with database.read() as connection:
        assert [(key, count) for key, count, _ in await outbox.pending(connection)] == [("trial", 6_000)]


async def test_a_single_row_is_known_by_its_id(database: Database, settings: Settings) -> None:
    first = await put(database, settings, '{"name":"Ärzte 🩺"}', segment="firms", subject="c-1")
    async with database.begin() as connection:
        taken = await outbox.take(connection, "firms", 5)
    assert (list(taken.rows), list(taken.subjects)) == ([first.id], ["c-1"])
    assert [json.loads(payload) for payload in taken.payloads] == [{"name": "Ärzte 🩺"}]


async def test_an_unknown_segment_is_refused_unless_it_is_wanted(database: Database, settings: Settings) -> None:
    with pytest.raises(Rejected, match="there is no segment later: known are firms, trial"):
        await put(database, settings, "{}", segment="later")
    assert (await put(database, settings, "{}", segment="later", allow_unknown=True)).rows == 1


async def test_one_subject_is_one_payload(database: Database, settings: Settings) -> None:
    with pytest.raises(Rejected, match="one subject cannot be 2 people"):
        await put(database, settings, "{}", "{}", subject="c-1")


def test_one_object_may_stand_on_many_lines() -> None:
    assert feeding.payloads(b'{\n "email": "a@example.com"\n}\n') == ['{"email":"a@example.com"}']


def test_many_objects_stand_one_a_line() -> None:
    assert feeding.payloads(b'{"a":1}\r\n\n{"b":"\xc3\xa9"}') == ['{"a":1}', '{"b":"é"}']


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "nothing to enqueue"),
        (b"\n \n", "nothing to enqueue"),
        (b"[1]", "line 1 is not a JSON object"),
        (b'{"a":1}\n7\n{"a":1}\nx', "line 2 is not a JSON object; line 4 is"),
        (b'{"email":"\xff"}', "line 1 is not a JSON object"),
        (b'{"email":["\\u0000"]}', "line 1 holds a NUL"),
        (b"[" * 100_000, "line 1 is not"),
        (b"x\n" * 9, "and 4 more"),
    ],
)
def test_what_is_no_payload_is_named_by_its_line_and_never_shown(text: bytes, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        feeding.payloads(text)
