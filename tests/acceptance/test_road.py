"""The road with real processes: what the CRM commits is what LinkedIn holds."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from syncd.store import migrate, source
from syncd.store.tables import leases, segments
from tests.acceptance.rig import Rig, digest
from tests.acceptance.scenarios import overlap_and_kill, some_settled
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

_IMPATIENT = """
from syncd.domain import retry
from syncd.pipeline import react
react.PARKED = retry.Backoff(1.0, 2.0)
"""
_KILLER = """
import os
from syncd.pipeline import intake
whole = intake.prepare_users
def prepare_users(payloads, **options):
    if any("p13@" in payload for payload in payloads):
        os._exit(9)
    return whole(payloads, **options)
intake.prepare_users = prepare_users
"""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as url:
        yield url


def emails(*numbers: int) -> set[str]:
    return {digest(f"p{n}@example.com") for n in numbers}


async def test_a_committed_row_reaches_linkedin_and_the_ledger(store_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, store_url) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f" P{n}@Example.com"}, None) for n in range(100)])
        await rig.commit("people", [("REMOVE", {"email": "p7@example.com"}, None), ("ADD", {"email": "no"}, None)])
        await rig.wait_until(rig.is_drained, "everything is settled", daemon)
        assert await rig.members_of("people") == emails(*(n for n in range(100) if n != 7))
        totals = await rig.totals()
        assert totals["rows_taken"] == 102
        assert totals["rows_applied"] + totals["rows_superseded"] + totals["rows_dead"] == 102
        assert await rig.dead() == 1
        assert await daemon.stop() == 0


async def test_overlapping_writers_and_a_kill_in_the_middle_end_in_equality(postgres_url: str, tmp_path: Path) -> None:
    keys = ["red", "green", "blue"]
    async with Rig(tmp_path, postgres_url, segments=[(key, "user", "ads") for key in keys]) as rig:
        accounted = await overlap_and_kill(rig, keys, rows=20_000, people=3_000, sample=200)
        assert accounted.superseded
        assert accounted.applied


async def test_a_poisonous_element_costs_at_most_27_requests_and_one_dead_letter(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        poison = random.Random(5).randrange(5000)
        value = digest(f"p{poison}@example.com").partition(":")[2]
        fault = {"match": {"contains": value}, "effect": {"kind": "poison", "status": 400, "message": "bad input"}}
        await rig.control("faults", fault)
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(5000)])
        daemon = await rig.daemon()
        await rig.wait_until(rig.is_drained, "everything is settled", daemon)
        assert len(await rig.members_of("people")) == 4999
        assert await rig.dead() == 1
        assert len([one for one in await rig.requests() if one["resource"] == "users"]) <= 27


async def test_a_batch_refused_whole_parks_its_segment_and_loses_nothing(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url, segments=[("bad", "user", "ads"), ("good", "user", "ads")]) as rig:
        daemon = await rig.daemon()
        await rig.wait_until(lambda: _bound(rig, 2), "segments are bound", daemon)
        number = (await rig.dmp_segments())["bad"]["id"]
        refuse = {"kind": "status", "status": 400, "body": '{"status":400,"message":"we do not like this"}'}
        (fault,) = (await rig.control("faults", {"match": {"segment": number}, "times": -1, "effect": refuse}))["ids"]
        for key in ("bad", "good"):
            await rig.commit(key, [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(200)])
        parked = select(segments.c.parked_words).where(segments.c.parked == "refused")
        words = await rig.wait_until(lambda: rig.scalar(parked), "the segment is parked", daemon)
        assert "we do not like this" in words
        assert await rig.dead() == 0
        await rig.wait_until(lambda: _holds(rig, "good", 200), "the other one goes on", daemon)
        asked = len([one for one in await rig.requests() if str(one["segment"]) == str(number)])
        assert asked <= 27
        await rig.control(f"faults/{fault}", {}, "DELETE")
        async with rig.database.begin() as connection:
            await connection.execute(update(segments).values(parked=None))
        await rig.wait_until(lambda: _holds(rig, "bad", 200), "it resumes", daemon)
        assert await rig.dead() == 0


async def _bound(rig: Rig, count: int) -> bool:
    return len(await rig.dmp_segments()) == count


async def _holds(rig: Rig, segment: str, count: int) -> bool:
    return bool((await rig.dmp_segments())[segment]["size"] == count)


async def test_a_late_commit_is_neither_lost_nor_put_over_a_newer_change(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        async with rig.database.begin() as late:
            await late.exec_driver_sql(
                "insert into syncd.outbox (segment_key, action, payload) values"
                " ('people', 'REMOVE', '{\"email\": \"p1@example.com\"}'), ('people', 'ADD', '{\"email\": \"p2@example.com\"}')"
            )
            await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
            await rig.wait_until(lambda: _settled_rows(rig, 1), "the younger transaction is settled", daemon)
        await rig.wait_until(lambda: _settled_rows(rig, 3), "the late one too", daemon)
        assert await rig.members_of("people") == emails(1, 2)
        assert (await rig.totals())["rows_superseded"] == 1


async def _settled_rows(rig: Rig, count: int) -> bool:
    return await rig.is_drained() and (await rig.totals())["rows_taken"] == count


async def test_subjects_and_companies_follow_what_changes_in_the_crm(store_url: str, tmp_path: Path) -> None:
    kinds = [("people", "user", "ads"), ("firms", "company", "ads")]
    async with Rig(tmp_path, store_url, segments=kinds) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, f"c{n}") for n in (1, 2)])
        await rig.commit("people", [("ADD", {"email": "p2@example.com"}, "c3")])
        await rig.commit("firms", [("ADD", {"name": "Acme", "website_domain": "acme.com"}, None)])
        await rig.wait_until(rig.is_drained, "the first state", daemon)
        await rig.commit("people", [("ADD", {"email": "p9@example.com"}, "c1"), ("REMOVE", {}, "c2")])
        await rig.commit("firms", [("ADD", {"name": "Acme Inc", "website_domain": "acme.com"}, None)])
        await rig.wait_until(rig.is_drained, "the second state", daemon)
        assert await rig.members_of("people") == emails(2, 9)
        assert await rig.members_of("firms") == {'{"companyName":"Acme Inc","companyWebsiteDomain":"acme.com"}'}
        await rig.commit("people", [("REMOVE", {}, "c3")])
        await rig.commit("firms", [("REMOVE", {"website_domain": "acme.com"}, None)])
        await rig.wait_until(rig.is_drained, "the third state", daemon)
        assert await rig.members_of("people") == emails(9)
        assert await rig.members_of("firms") == set()


async def test_rows_of_an_unknown_segment_wait_until_it_exists(store_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, store_url) as rig:
        daemon = await rig.daemon()
        await rig.commit("later", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(lambda: daemon.events("unknown_segments"), "it is said", daemon)
        assert await daemon.stop() == 0
        rig.segments = [*rig.segments, ("later", "user", "ads")]
        daemon = await rig.daemon()
        await rig.wait_until(rig.is_drained, "it is sent", daemon)
        assert await rig.members_of("later") == emails(1)


async def test_sigterm_drains_what_is_in_flight_and_the_next_owner_takes_over_at_once(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, postgres_url, sandbox_options=["--latency", "0.5"]) as rig:
        daemon = await rig.daemon()
        await rig.wait_until(lambda: _bound(rig, 1), "the segment is bound", daemon)
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(20_000)])
        await rig.wait_until(lambda: some_settled(rig), "it sends", daemon)
        assert await daemon.stop() == 0
        assert await rig.scalar(select(leases.c.clean)) is True
        assert not [one for one in await rig.requests() if one["status"] is None]
        daemon = await rig.daemon()
        await rig.wait_until(rig.is_drained, "the rest", daemon)
        assert len(await rig.members_of("people")) == 20_000


async def test_a_foreign_segment_is_never_taken_over_silently(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        foreign = {
            "account": "urn:li:sponsoredAccount:123456",
            "type": "USER",
            "sourcePlatform": "FAKE",
            "sourceSegmentId": "syncd:people",
        }
        made = await rig.control("segments", foreign)
        daemon = await rig.daemon()
        parked = select(segments.c.parked).where(segments.c.parked == "foreign")
        await rig.wait_until(lambda: rig.scalar(parked), "it is parked", daemon)
        assert len(await rig.look("segments")) == 1
        async with rig.database.begin() as connection:
            await connection.execute(update(segments).values(order_given="adopt"))
        bound = select(segments.c.dmp_id)
        await rig.wait_until(lambda: rig.scalar(bound), "it is adopted", daemon)
        assert str(await rig.scalar(bound)) == str(made["id"])


async def test_a_create_whose_answer_is_lost_makes_one_segment(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        match = {"resource": "segments", "method": "CREATE"}
        await rig.control("faults", {"match": match, "effect": {"kind": "reset", "apply": True}})
        daemon = await rig.daemon()
        bound = select(segments.c.dmp_id)
        await rig.wait_until(lambda: rig.scalar(bound), "it is bound", daemon)
        assert len(await rig.look("segments")) == 1


async def test_a_request_applied_late_is_repaired_by_reassertion(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        await rig.wait_until(lambda: _bound(rig, 1), "the segment is bound", daemon)
        match = {"resource": "users"}
        # The first request is not answered, and its effect lands after the second one's and the REMOVE's.
        await rig.control("faults", {"match": match, "effect": {"kind": "late", "seconds": 3.5, "hang": None}})
        await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(rig.is_drained, "the retry is settled", daemon)
        await rig.commit("people", [("REMOVE", {"email": "p1@example.com"}, None)])
        await rig.wait_until(rig.is_quiet, "re-asserted", daemon)
        assert daemon.events("reasserted")
        assert [one for one in await rig.requests() if one["late"]]
        assert await rig.members_of("people") == set()


async def test_a_killed_daemon_is_taken_over_only_when_nothing_of_it_can_be_on_its_way(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        first = await rig.daemon()
        second = await rig.daemon()
        await rig.wait_until(lambda: first.events("lease_taken"), "the first owns the member", first, second)
        await first.kill()
        await rig.wait_until(lambda: second.events("lease_taken"), "the second takes over", second)
        await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(rig.is_drained, "it works on", second)
        assert await rig.members_of("people") == emails(1)
        assert await second.stop() == 0


async def test_a_row_that_ends_the_process_again_and_again_is_put_aside(store_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, store_url, settings={"SYNCD_LINKEDIN__REQUEST_TIMEOUT": "0.5"}) as rig:
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(30)])
        for _ in range(4):
            daemon = await rig.daemon(_KILLER)
            assert await asyncio.wait_for(daemon.child.wait(), 30) == 9
        daemon = await rig.daemon(_KILLER)
        await rig.wait_until(rig.is_drained, "the others are sent", daemon)
        assert await rig.members_of("people") == emails(*(n for n in range(30) if n != 13))
        assert (await rig.totals())["rows_dead"] == 1


async def test_ids_that_fall_back_park_intake_until_a_new_epoch_begins(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(30)])
        await rig.wait_until(rig.is_drained, "the first state", daemon)
        await daemon.stop()
        async with rig.database.begin() as connection:
            await connection.exec_driver_sql("alter table syncd.outbox alter column id restart with 1")
        await rig.commit("people", [("REMOVE", {"email": "p3@example.com"}, None)])
        daemon = await rig.daemon()
        await rig.wait_until(lambda: daemon.events("source_parked"), "it is parked", daemon)
        assert not await rig.is_drained()
        async with rig.database.begin() as connection:
            await source.start_epoch(connection, await source.origin(connection))
        await rig.wait_until(rig.is_drained, "it goes on", daemon)
        assert await rig.members_of("people") == emails(*(n for n in range(30) if n != 3))


async def test_a_daily_limit_is_probed_with_one_request_at_a_time(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        await rig.wait_until(lambda: _bound(rig, 1), "the segment is bound", daemon)
        words = "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached"
        body = f'{{"serviceErrorCode":101,"message":"{words}","status":429}}'
        fault = {"match": {"resource": "users"}, "times": 2, "effect": {"kind": "status", "status": 429, "body": body}}
        await rig.control("faults", fault)
        await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(rig.is_drained, "it gets through", daemon)
        times = [one["arrived"] for one in await rig.requests() if one["resource"] == "users"]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert len(times) == 3
        assert gaps[0] >= 5.0
        assert gaps[1] >= 10.0
        assert await rig.dead() == 0


async def test_an_expired_token_parks_the_member_and_a_new_file_resumes_it(postgres_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon(_IMPATIENT)
        await rig.wait_until(lambda: _bound(rig, 1), "the segment is bound", daemon)
        await rig.control("tokens", {"do": "expire", "member": "ads"})
        await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(lambda: daemon.events("member_parked"), "the member is parked", daemon)
        issued = await rig.control("tokens", {"do": "issue", "member": "ads"})
        (tmp_path / "ads.token").write_text(issued["access_token"])
        await rig.wait_until(rig.is_drained, "it goes on", daemon)
        assert await rig.members_of("people") == emails(1)
        await rig.wait_until(lambda: daemon.events("member_resumed"), "it is said", daemon)


async def test_a_notification_ends_the_pause_between_two_polls(postgres_url: str, tmp_path: Path) -> None:
    notices = {"SYNCD_OUTBOX__NOTIFY": "true", "SYNCD_OUTBOX__POLL_INTERVAL": "20"}
    async with Rig(tmp_path, postgres_url, settings=notices) as rig:
        async with rig.database.begin() as connection:
            for statement in (migrate.scripts() / "sql" / "notify.sql").read_text().split(";\n\n"):
                await connection.exec_driver_sql(statement)
        daemon = await rig.daemon()
        await rig.wait_until(lambda: _bound(rig, 1), "the segment is bound", daemon)
        await rig.wait_until(lambda: daemon.events("listening"), "it listens", daemon)
        await rig.commit("people", [("ADD", {"email": "p1@example.com"}, None)])
        await rig.wait_until(rig.is_drained, "long before the next poll", daemon, seconds=10)
        assert await rig.members_of("people") == emails(1)


async def test_a_segment_that_linkedin_emptied_is_filled_again_from_the_ledger(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(12_000)])
        await rig.wait_until(rig.is_drained, "the first state", daemon)
        number = (await rig.dmp_segments())["people"]["id"]
        await rig.control(f"segments/{number}", {"status": "EXPIRED"}, "PATCH")
        await rig.wait_until(lambda: daemon.events("segment_parked"), "the tracker notices", daemon)
        await rig.control(f"segments/{number}", {"clear": True}, "PATCH")
        await rig.commit("people", [("REMOVE", {"email": "p3@example.com"}, None)])
        command = ["-m", "syncd", "resync", "people", "--mode", "replay", "--reason", "it expired"]
        process = await rig.start("resync", command, rig.environment())
        assert await process.child.wait() == 0
        told = dict(line.split(maxsplit=1) for line in process.log.read_text().splitlines())
        assert (told["adds"], told["requests"], told["state"]) == ("12,000", "3", "waiting")
        await rig.wait_until(lambda: _holds(rig, "people", 11_999), "it is full again", daemon)
        assert emails(3) & await rig.members_of("people") == set()


async def test_a_segment_that_is_recreated_is_filled_again_whatever_audience_the_old_one_had(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, postgres_url) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(600)])
        await rig.wait_until(rig.is_drained, "the first state", daemon)
        old = (await rig.dmp_segments())["people"]["id"]
        await rig.control(f"segments/{old}", {"status": "READY"}, "PATCH")
        await rig.wait_until(
            lambda: any((seen["audience_size"] or 0) >= 300 for seen in daemon.events("status_seen")),
            "the tracker sees an audience",
            daemon,
        )
        process = await rig.start("recreate", ["-m", "syncd", "segments", "recreate", "people"], rig.environment())
        assert await process.child.wait() == 0
        await rig.wait_until(lambda: len(daemon.events("segment_provisioned")) == 2, "there is a new one", daemon)
        await rig.wait_until(lambda: _holds(rig, "people", 600), "it is full again", daemon)
        assert (await rig.dmp_segments())["people"]["id"] != old
        assert daemon.events("segment_parked") == []
