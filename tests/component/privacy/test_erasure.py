"""Erasing somebody: out of everything, and nobody adds them again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, LargeBinary, MetaData, Table, Text, cast, insert, select, update
from sqlalchemy.dialects.postgresql import BYTEA

from syncd.domain.access import By, Door
from syncd.domain.batch import pack_kept
from syncd.domain.erasing import ids_of
from syncd.domain.events import ErasureEnded
from syncd.domain.identity import Invalid
from syncd.domain.resync import Mode, Origin, State
from syncd.errors import BadConfiguration, Rejected
from syncd.operations import changes, erasure, letters, optouts, presence
from syncd.operations.changes import Outcome
from syncd.operations.letters import Which
from syncd.settings import Settings
from syncd.store import plans, resyncs
from syncd.store.engine import Database
from syncd.store.places import IMPERSONAL, PERSONAL
from syncd.store.plans import FilePart, pack_part, unpack_part
from syncd.store.schema import metadata
from syncd.store.tables import outbox
from syncd.store.tables import segments as segment_rows
from tests.component.privacy.stage import DEVICE, Stage, hashes

ANN = By(name="ann", door=Door.CONSOLE, reason="request 7")
CANARY = "cnry.jane@cnry.example"
SHA256, SHA512 = hashes(CANARY)
OTHER = "cousin@example.com"
SUBJECT = "crm-cnry-42"
MARKS = [
    *(text.encode() for text in ("cnry", DEVICE, SHA256, SHA512)),
    bytes.fromhex(SHA256),
    bytes.fromhex(SHA512),
]


async def begin(stage: Stage, person: str = CANARY) -> int:
    begun = await erasure.begin(stage.database, stage.settings, person, by=ANN, confirmation="ERASE")
    return begun.id


async def found(database: Database, tables: MetaData = metadata) -> dict[str, int]:
    """The columns that hold something of the canary, with in how many rows."""
    places: dict[str, int] = {}
    async with database.read() as connection:
        for table in tables.sorted_tables:
            for column in table.columns:
                values = await connection.execute(select(_readable(table, column.name)))
                held = sum(_tells(_bytes(value)) for value in values.scalars())
                if held:
                    places[f"{table.name}.{column.name}"] = held
    return places


def _tells(value: bytes) -> bool:
    return any(mark in value or mark in value.lower() for mark in MARKS)


def _readable(table: Table, name: str) -> ColumnElement[Any]:
    column = table.c[name]
    return column if isinstance(column.type, LargeBinary | BYTEA) else cast(column, Text)


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


async def everywhere(stage: Stage) -> None:
    """The canary in every column that can hold somebody."""
    whole = {"sha256_email": SHA256, "sha512_email": SHA512, "google_aid": DEVICE, "first_name": "Cnryann"}
    await stage.commit("trial", whole, subject=SUBJECT)
    await stage.commit("trial", {"email": OTHER}, subject="someone else")
    await stage.commit("paid", {"sha512_email": SHA512, "google_aid": DEVICE})
    await stage.take()
    await stage.accept(uncertain=True)
    await stage.commit("paid", {"email": f" {CANARY.upper()} ", "first_name": "Cnryann"})
    await stage.take()
    await stage.accept(refused=True)
    await stage.commit("paid", {"email": CANARY, "title": "Cnryboss"}, subject=CANARY)
    await stage.take()
    for segment in ("trial", "paid", "firms", "nobody knows it"):
        await stage.commit(segment, {"email": CANARY.title(), "first_name": "Cnryann"}, subject=SUBJECT)
        await stage.commit(segment, {"sha256_email": CANARY}, action="WHATEVER")
        await stage.commit(segment, {"email": OTHER})
    await planned(stage)


def ids(person: str) -> tuple[bytes, ...]:
    found = ids_of(person)
    assert not isinstance(found, Invalid)
    return tuple(found)


async def planned(stage: Stage) -> int:
    """A resync that was interrupted at the canary, who stands in its plan and its file beside somebody else."""
    sha256, sha512 = ids(CANARY)
    cousin = ids(OTHER)[0]
    first = bytes(len(sha256))
    async with stage.database.begin() as connection:
        segment = stage.lane("trial").segment.id
        number = await resyncs.ask(
            connection, segment, Mode.RECONCILE, Origin.FILE, by="ann", state=State.PLANNED, reason="a test"
        )
        await resyncs.change(connection, number, position=sha256, subject_position=SUBJECT)
        people = {sha256: pack_kept((sha256, sha512), b""), sha512: None, cousin: None, first: None}
        rows = [
            {"resync_id": number, "identity": one, "wanted": True, "anonymous": False, "sent": sent}
            for one, sent in people.items()
        ]
        await connection.execute(insert(plans.items), rows)
        subjects = {SUBJECT: sha256, CANARY: None, "someone": sha512, "a cousin": cousin}
        lines = [{"resync_id": number, "subject": name, "identity": one} for name, one in subjects.items()]
        await connection.execute(insert(plans.lines), lines)
        body = FilePart(True, [(one, sent, None) for one, sent in people.items()] + [(cousin, None, CANARY)])
        await plans.upload(connection, number, 0, pack_part(body))
    return number


async def test_a_plan_goes_on_without_an_erased_person_and_behind_whom_it_had_reached(stage: Stage) -> None:
    number = await planned(stage)
    await begin(stage)
    await stage.erase()
    cousin, first = ids(OTHER)[0], bytes(33)
    async with stage.database.read() as connection:
        found = await resyncs.find(connection, number)
        assert found is not None
        assert found.position == max((one for one in (first, cousin) if one < ids(CANARY)[0]), default=None)
        assert found.subject_position == "a cousin"
        left = [item.identity for item in await plans.next_items(connection, number, b"", 10)]
        assert left == sorted([first, cousin])
        assert await plans.next_lines(connection, number, "", 10) == {"a cousin": cousin}
        body = await plans.part(connection, number, 0)
        assert body is not None
        assert unpack_part(body).rows == [(cousin, None, None), (first, None, None), (cousin, None, None)]


async def test_nothing_of_an_erased_person_is_left_in_any_column(stage: Stage) -> None:
    await everywhere(stage)
    number = await begin(stage)
    assert set(await found(stage.database)) == set(PERSONAL) - {"erasure_places.subjects"}
    await stage.eraser.look()
    assert "erasure_places.subjects" in await found(stage.database)
    await stage.erase()
    assert await found(stage.database) == {}
    done = await erasure.show(stage.database, number)
    assert done.status == "done"
    assert {place.segment: place.outbox_rows for place in done.places} == {
        "(unknown)": 2,
        "firms": 2,
        "paid": 2,
        "trial": 2,
    }
    assert [event for event in stage.events if isinstance(event, ErasureEnded)] == [
        ErasureEnded(erasure=number, kind="erasure")
    ]


async def test_others_stay_as_they_were(stage: Stage) -> None:
    await everywhere(stage)
    await begin(stage)
    await stage.erase()
    cousin = await presence.look(stage.database, stage.settings, OTHER)
    assert cousin.suppressed is None
    assert {place.segment: place.in_ledger for place in cousin.places} == {"trial": True, "paid": True}


async def test_every_column_is_declared_to_hold_persons_or_not(stage: Stage) -> None:
    texts = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary | Text) or "JSON" in type(column.type).__name__
    }
    assert texts == set(PERSONAL) | IMPERSONAL
    assert set(PERSONAL) & IMPERSONAL == set()


async def test_the_evidence_says_when_and_in_which_request_and_names_nobody(stage: Stage) -> None:
    await everywhere(stage)
    number = await begin(stage)
    await stage.erase()
    told = await erasure.evidence(stage.database, number)
    assert (told["status"], told["reason"], told["asked_by"]) == ("done", "request 7", "ann")
    trial = next(one for one in told["segments"] if one["segment"] == "trial")  # type: ignore[attr-defined]  # a list
    assert trial["linkedin_support_id"] == "support-id"
    assert trial["ledger_rows_deleted"] >= 1
    assert trial["accepted_at"]
    assert not any(mark in str(told).lower().encode() for mark in MARKS)


@pytest.mark.parametrize("person", [CANARY.title(), SHA256.upper(), SHA512])
async def test_an_address_and_either_hash_find_the_same_person(stage: Stage, person: str) -> None:
    await stage.commit("trial", {"sha256_email": SHA256, "sha512_email": SHA512, "google_aid": DEVICE})
    await stage.take()
    await stage.accept()
    await begin(stage, person)
    await stage.erase()
    assert await found(stage.database) == {}


async def test_whoever_was_erased_is_not_added_again(stage: Stage) -> None:
    late = await stage.commit("trial", {"email": OTHER})
    async with stage.database.begin() as connection:
        await connection.execute(update(outbox).where(outbox.c.id == late).values(segment_key="held back"))
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE}, subject=SUBJECT)
    await stage.take()
    await stage.accept()
    await begin(stage)
    await stage.erase()
    again = [
        await stage.commit("trial", {"email": CANARY}),
        await stage.commit("paid", {"sha512_email": SHA512}),
        await stage.commit("trial", {"google_aid": DEVICE}),
        await stage.commit("trial", {"email": "new@example.com"}, subject=SUBJECT),
    ]
    async with stage.database.begin() as connection:
        payload = {"email": CANARY} if stage.database.is_postgresql else f'{{"email": "{CANARY}"}}'
        await connection.execute(update(outbox).where(outbox.c.id == late).values(segment_key="trial", payload=payload))
    fine = await stage.commit("paid", {"email": OTHER})
    await stage.take()
    await stage.accept()
    for row in (*again, late):
        fate = await changes.fate_of(stage.database, row)
        assert (fate.outcome, fate.reason) == (Outcome.DEAD, "suppressed")
    assert (await changes.fate_of(stage.database, fine)).outcome is Outcome.APPLIED
    assert await found(stage.database) == {}


async def test_a_departure_of_an_erased_person_brings_nothing_back(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY}, subject=SUBJECT)
    await stage.take()
    await stage.accept()
    await begin(stage)
    await stage.erase()
    rows = [
        await stage.commit("trial", {"email": CANARY}, action="REMOVE"),
        await stage.commit("trial", {}, action="REMOVE", subject=SUBJECT),
        await stage.commit("trial", {"email": CANARY}, action="REMOVE", subject="another"),
    ]
    await stage.take()
    await stage.accept()
    for row in rows:
        assert (await changes.fate_of(stage.database, row)).outcome is Outcome.APPLIED
    assert set(await found(stage.database)) <= {"subjects.subject"}


async def test_whoever_shares_a_device_is_somebody_else(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE})
    await stage.commit("paid", {"email": OTHER, "google_aid": DEVICE})
    await stage.take()
    await stage.accept()
    await begin(stage)
    await stage.erase()
    cousin = await presence.look(stage.database, stage.settings, OTHER)
    assert [(place.segment, place.in_ledger) for place in cousin.places] == [("paid", True)]
    assert (await presence.look(stage.database, stage.settings, CANARY)).places == []


async def test_an_erasure_waits_for_a_segment_that_takes_nothing_and_says_so(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY})
    await stage.take()
    await stage.accept()
    await set_segment(stage, "trial", paused=True)
    number = await begin(stage)
    for _ in range(4):
        await stage.eraser.look()
    place = next(one for one in (await erasure.show(stage.database, number)).places if one.segment == "trial")
    assert (place.stage, place.words) == ("waiting", "the segment is paused: resume it")
    await set_segment(stage, "trial", paused=False)
    await stage.erase()
    assert (await erasure.show(stage.database, number)).status == "done"


async def test_linkedin_is_not_waited_for_where_it_has_purged_everybody(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY})
    await stage.take()
    await stage.accept(uncertain=True)
    await set_segment(stage, "trial", parked="expired", parked_words="LinkedIn expired this segment")
    number = await begin(stage)
    for _ in range(4):
        await stage.eraser.look()
    assert (await erasure.show(stage.database, number)).status == "done"
    assert await found(stage.database) == {}


async def test_a_removal_that_linkedin_refuses_keeps_the_erasure_open(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY})
    await stage.take()
    await stage.accept()
    number = await begin(stage)
    await stage.eraser.look()
    await stage.take()
    await stage.accept(refused=True)
    await stage.eraser.look()
    place = next(one for one in (await erasure.show(stage.database, number)).places if one.segment == "trial")
    assert "did not accept" in place.words
    await letters.retry(stage.database, Which(segment="trial", reason="refused"))
    await stage.erase()
    assert (await erasure.show(stage.database, number)).status == "done"


async def test_a_dead_letter_that_adds_somebody_suppressed_stays_dead_and_is_emptied(stage: Stage) -> None:
    row = await stage.commit("trial", {"email": CANARY})
    await stage.take()
    await stage.accept(refused=True)
    await optouts.add(stage.database, stage.settings, [CANARY], by=ANN)
    await letters.retry(stage.database, Which(segment="trial"))
    await stage.resend("trial")
    await stage.accept()
    assert (await changes.fate_of(stage.database, row)).reason == "suppressed"
    assert "dead_letters.element" not in await found(stage.database)


async def test_opting_out_takes_a_person_out_and_keeps_them_out_until_they_are_removed_from_the_list(
    stage: Stage,
) -> None:
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE}, subject=SUBJECT)
    await stage.take()
    await stage.accept()
    done = await optouts.add(stage.database, stage.settings, [CANARY, "", "nobody", SHA256], by=ANN)
    assert (done.added, done.known, done.refused) == (2, 0, [3])
    await stage.erase()
    assert (await erasure.show(stage.database, done.erasures[0])).status == "done"
    (place,) = (await presence.look(stage.database, stage.settings, CANARY)).places
    assert (place.in_ledger, place.removed, place.support_id) == (False, True, "support-id")
    refused = await stage.commit("paid", {"email": CANARY})
    await stage.take()
    assert (await changes.fate_of(stage.database, refused)).reason == "suppressed"
    state = await optouts.check(stage.database, stage.settings, CANARY)
    assert state is not None
    assert state.kind == "opt_out"
    assert (await optouts.add(stage.database, stage.settings, [CANARY], by=ANN)).known == 1
    assert await optouts.remove(stage.database, stage.settings, CANARY, by=ANN)
    assert not await optouts.remove(stage.database, stage.settings, CANARY, by=ANN)
    allowed = await stage.commit("paid", {"email": CANARY})
    await stage.take()
    await stage.accept()
    assert (await changes.fate_of(stage.database, allowed)).outcome is Outcome.APPLIED


async def test_an_erased_person_can_be_let_back_once_the_erasure_is_done(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE}, subject=SUBJECT)
    await stage.take()
    await stage.accept()
    await begin(stage)
    with pytest.raises(Rejected, match="still runs"):
        await optouts.remove(stage.database, stage.settings, CANARY, by=ANN)
    await stage.erase()
    assert await optouts.remove(stage.database, stage.settings, CANARY, by=ANN)
    assert (await optouts.counted(stage.database)).erased == 0


async def test_presence_says_what_is_known_and_what_is_under_way(stage: Stage) -> None:
    assert (await presence.look(stage.database, stage.settings, CANARY)).places == []
    await stage.commit("trial", {"email": CANARY})
    (pending,) = (await presence.look(stage.database, stage.settings, SHA256)).places
    assert (pending.segment, pending.pending, pending.in_ledger) == ("trial", 1, False)
    await stage.take()
    (going,) = (await presence.look(stage.database, stage.settings, CANARY)).places
    assert (going.pending, going.open_action, going.in_ledger) == (0, "ADD", False)
    await stage.accept()
    (there,) = (await presence.look(stage.database, stage.settings, CANARY)).places
    assert (there.in_ledger, there.open_batch, there.batch) == (True, None, going.open_batch)
    assert there.since is not None
    assert (await presence.look(stage.database, stage.settings, CANARY, accounts=["other"])).places == []


async def test_another_key_than_the_first_is_refused_everywhere(database: Database, settings: Settings) -> None:
    stage = await Stage.built(database, settings)
    await optouts.add(database, settings, [CANARY], by=ANN)
    stranger = await Stage.built_again(stage, key=None)
    await stranger.commit("trial", {"email": OTHER})
    with pytest.raises(BadConfiguration, match="not set"):
        await stranger.take("trial")
    with pytest.raises(BadConfiguration, match="must be set"):
        await optouts.add(database, settings.model_copy(update={"erasure": type(settings.erasure)()}), [OTHER], by=ANN)


@pytest.mark.parametrize(
    "person",
    ["", "no-one", "a@b", "0" * 63, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "\ud800@x.org"],
)
async def test_what_names_nobody_is_refused_without_being_repeated(stage: Stage, person: str) -> None:
    with pytest.raises(Rejected, match="names nobody") as refused:
        await begin(stage, person)
    assert not person or person not in str(refused.value)


@pytest.mark.parametrize(("typed", "reason"), [("erase", "x"), ("ERASE", "  ")])
async def test_an_erasure_is_confirmed_by_a_typed_word_and_has_a_reason(stage: Stage, typed: str, reason: str) -> None:
    with pytest.raises(Rejected):
        await erasure.begin(stage.database, stage.settings, CANARY, by=replace(ANN, reason=reason), confirmation=typed)


async def set_segment(stage: Stage, key: str, **values: object) -> None:
    async with stage.database.begin() as connection:
        await connection.execute(update(segment_rows).where(segment_rows.c.key == key).values(**values))
    from syncd.pipeline import refresh  # noqa: PLC0415 - only here

    await refresh.refresh([stage.member], stage.tools)
