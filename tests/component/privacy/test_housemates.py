"""Whoever shares a device with somebody who was erased is somebody else, on every road; what the CRM calls an erased person
goes from segments of companies too.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from syncd.domain.batch import Element
from syncd.domain.change import Rank
from syncd.domain.resync import Mode, Origin, State
from syncd.operations import changes, erasure, letters, presence
from syncd.operations.changes import Outcome
from syncd.operations.letters import Which
from syncd.operations.listsuppression import without_suppressed
from syncd.store import resyncs
from syncd.store.tables import ledger, subjects
from tests.component.privacy.stage import DEVICE, Stage, hashes
from tests.component.privacy.test_erasure import CANARY, OTHER, begin, found, ids
from tests.component.privacy.test_lists import a_list

THIRD = "aunt@example.com"
SHARED = {"email": OTHER, "google_aid": DEVICE}


async def erased(stage: Stage) -> int:
    """The canary, who is known with the device that others have too."""
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE})
    await stage.take()
    await stage.accept()
    number = await begin(stage)
    await stage.eraser.look()
    await stage.commit("paid", {"email": THIRD, "google_aid": DEVICE})
    await stage.erase()
    return number


async def is_in(stage: Stage, person: str, segment: str) -> bool:
    places = (await presence.look(stage.database, stage.settings, person)).places
    return any(place.segment == segment and place.in_ledger for place in places)


async def test_a_shared_device_bars_no_other_address_from_joining(stage: Stage) -> None:
    await erased(stage)
    rows = [await stage.commit("paid", SHARED), await stage.commit("trial", SHARED)]
    barred = await stage.commit("trial", {"google_aid": DEVICE})
    await stage.take()
    await stage.accept()
    assert [(await changes.fate_of(stage.database, row)).outcome for row in rows] == [Outcome.APPLIED] * 2
    assert (await changes.fate_of(stage.database, barred)).reason == "suppressed"
    assert await is_in(stage, THIRD, "paid"), "its row waited in the outbox while the device was learned"


async def test_a_row_of_somebody_else_that_waits_is_not_taken_out_of_the_outbox(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY, "google_aid": DEVICE})
    await stage.take()
    await stage.accept()
    row = await stage.commit("nobody knows it", SHARED)
    theirs = await stage.commit("nobody knows it", {"google_aid": DEVICE})
    await begin(stage)
    await stage.erase()
    assert (await changes.fate_of(stage.database, row)).outcome is Outcome.PENDING
    assert (await changes.fate_of(stage.database, theirs)).outcome is not Outcome.PENDING


async def test_a_shared_device_bars_no_other_address_from_going_again(stage: Stage) -> None:
    row = await stage.commit("paid", SHARED)
    await stage.take()
    await stage.accept(refused=True)
    await erased(stage)
    await letters.retry(stage.database, Which(segment="paid"))
    await stage.resend("paid")
    await stage.accept()
    assert (await changes.fate_of(stage.database, row)).outcome is Outcome.APPLIED
    assert await is_in(stage, OTHER, "paid")


async def test_a_shared_device_bars_no_other_address_from_a_replay(stage: Stage) -> None:
    await stage.commit("paid", SHARED)
    await stage.take()
    await stage.accept()
    await erased(stage)
    async with stage.database.begin() as connection:
        await resyncs.refill(connection, stage.lane("paid").segment.id, by="ann", reason="a test")
        number = (await resyncs.open_of(connection, [stage.lane("paid").segment.id]))[0].id
        await resyncs.change(connection, number, state="running")
    await stage.resend("paid")
    async with stage.database.read() as connection:
        going = await resyncs.find(connection, number)
    assert going is not None
    assert (going.added, going.skipped) == (2, 0)


async def test_a_shared_device_bars_no_other_address_from_a_list(stage: Stage) -> None:
    await erased(stage)
    given = a_list(300)
    address, hashed = hashes(OTHER)[0], hashes(CANARY)[0]
    rows = f"email,googleaid\n{address},{DEVICE}\n,{DEVICE}\n{hashed},\n".encode()
    rows += b"".join(line.split(b",")[0] + b",\n" for line in given.body.splitlines()[1:])
    taken = await without_suppressed(stage.database, stage.settings, replace(given, body=rows, rows=303))
    assert (taken.rows, taken.skipped) == (301, {"suppressed": 2})
    assert address.encode() in taken.body


async def test_of_two_who_have_one_suppressed_id_both_are_barred(stage: Stage) -> None:
    await erased(stage)
    both, one = ids(CANARY), ids(CANARY)[1:]
    elements = [Element(add=True, ids=each, fields=b"", rank=Rank(1), row=0) for each in (both, one)]
    async with stage.database.read() as connection:
        assert await stage.tools.suppression.barred(connection, elements) == {both[0], one[0]}


async def test_what_the_crm_calls_an_erased_person_goes_from_companies_too_with_what_only_it_held(stage: Stage) -> None:
    alone, shared = {"website_domain": "alone.example"}, {"website_domain": "shared.example"}
    await stage.commit("firms", alone, subject=CANARY)
    await stage.commit("firms", shared, subject=hashes(CANARY)[0])
    await stage.commit("firms", shared, subject="a colleague")
    await stage.take()
    await stage.accept()
    number = await begin(stage)
    again = await stage.commit("firms", alone, subject=CANARY)
    await stage.erase()
    assert (await erasure.show(stage.database, number)).status == "done"
    assert await found(stage.database) == {}
    late = await stage.commit("firms", alone, subject=CANARY)
    await stage.take()
    await stage.accept()
    for row in (again, late):
        assert (await changes.fate_of(stage.database, row)).reason == "suppressed"
    async with stage.database.read() as connection:
        assert list((await connection.execute(select(subjects.c.subject))).scalars()) == ["a colleague"]
        held = select(ledger.c.identity).where(ledger.c.present)
        assert [one[1:] for one in (await connection.execute(held)).scalars()] == [b"shared.example"]


async def test_a_subject_that_is_called_by_the_address_goes_whatever_it_holds(stage: Stage) -> None:
    await stage.commit("trial", {"email": "new@example.com"}, subject=CANARY)
    await stage.take()
    await stage.accept()
    await begin(stage)
    await stage.erase()
    assert await found(stage.database) == {}
    assert not await is_in(stage, "new@example.com", "trial")


async def test_a_plan_that_is_being_made_may_name_them_so_the_erasure_outlasts_it(stage: Stage) -> None:
    await stage.commit("trial", {"email": CANARY})
    await stage.take()
    await stage.accept()
    async with stage.database.begin() as connection:
        segment = stage.lane("trial").segment.id
        plan = await resyncs.ask(
            connection, segment, Mode.RECONCILE, Origin.QUERY, by="ann", state=State.PLANNING, reason="a test"
        )
    number = await begin(stage)
    await stage.erase()
    place = next(one for one in (await erasure.show(stage.database, number)).places if one.segment == "trial")
    assert place.stage == "waiting"
    assert place.words.startswith("a resync reads a source")
    async with stage.database.begin() as connection:
        await resyncs.change(connection, plan, state=State.PLANNED)
    await stage.erase(1)
    assert (await erasure.show(stage.database, number)).status == "done"
