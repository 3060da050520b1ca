"""Where a reconcile reads: queries on databases of several kinds, and files with the time they speak of."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from syncd.domain.change import Kind
from syncd.domain.resync import Mode, State
from syncd.errors import Rejected
from syncd.operations import resyncs, snapshots
from syncd.operations.snapshots import Snapshot
from syncd.reconcile import sources
from syncd.reconcile.sources import Form
from syncd.settings import Source
from syncd.store import business, source, unplanned
from syncd.store import schedules as due
from syncd.store.business import Business
from syncd.store.resyncs import age_of
from syncd.store.schedules import schedules
from tests.component.reconcile.by_hand import WHY, Crm, Hand, address, holding, identity
from tests.component.reconcile.test_resync import TEN, crm, hand, settled, with_source
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

__all__ = ["crm", "hand"]
PEOPLE = Form(kind=Kind.USER, allow_names_only=False)


async def read(source: Source) -> tuple[dict[bytes, str | None], dict[str, int]]:
    found: dict[bytes, str | None] = {}
    rejected: dict[str, int] = {}
    async with sources.queried(source, PEOPLE) as opened:
        async for chunk in opened.chunks:
            found |= {identity: subject for identity, _, subject in chunk.rows}
            rejected |= chunk.rejected
    return found, rejected


@pytest.fixture
def postgresql(postgres_server: PostgresServer) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        yield url


async def test_a_postgresql_source_is_streamed_in_a_transaction_that_only_reads(postgresql: str) -> None:
    query = (
        "select 'p' || n || '@example.com' as email, n::bigint as subject_id, ':x' as title"
        " from generate_series(1, 5000) n where 'a:b' like '%:%'"
    )
    found, _ = await read(Source(database_url=SecretStr(postgresql), query=query))
    assert len(found) == 5000
    assert found[identity(17)] == "17"
    with pytest.raises(Rejected, match="SQLSTATE 25006"):
        await read(Source(database_url=SecretStr(postgresql), query="create table mine as select 1 as email"))
    slow = "select 'x' as email from pg_sleep(5)"
    with pytest.raises(Rejected, match="SQLSTATE 57014"):
        await read(Source(database_url=SecretStr(postgresql), query=slow, timeout=0.1))


async def test_the_url_may_stand_in_a_file_that_changes(tmp_path: Path, crm: Crm) -> None:
    crm.holds(TEN)
    file = tmp_path / "url"
    file.write_text(crm.url + "\n")
    source = Source(database_url_file=file, query="select email from people")
    assert set((await read(source))[0]) == {identity(n) for n in TEN}
    file.write_text("nonsense with a password")
    with pytest.raises(Rejected, match="holds no URL") as told:
        await read(source)
    assert "nonsense" not in str(told.value)


async def test_a_database_that_is_away_is_told_without_its_url() -> None:
    login = "reader:secret"
    url = f"postgresql+asyncpg://{login}@127.0.0.1:1/crm"
    with pytest.raises(Rejected, match="the source") as told:
        await read(Source(database_url=SecretStr(url), query="select 'a' as email"))
    assert "secret" not in str(told.value)


class NoMariadb(Exception):
    """There is no MariaDB server here."""


def _mariadb(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if server is None or install is None:
        raise NoMariadb("install mariadb-server to test reconciles with MySQL")
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "mysql")
        for parent in folder.parents:
            if parent.owner() == "root" and parent.stat().st_mode & 0o005 != 0o005 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o005)
    data = folder / "data"
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *user],
        check=True,
        capture_output=True,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1"]
    arguments += [f"--socket={folder / 'socket'}", "--skip-grant-tables", "--skip-networking=0", *user]
    child = subprocess.Popen([server, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return child, f"mysql+aiomysql://root@127.0.0.1:{port}/mysql"


@pytest.fixture
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running MariaDB. Where there is none, the test fails in CI and is skipped elsewhere."""
    folder = tmp_path_factory.mktemp("mariadb")
    try:
        child, url = _mariadb(folder)
    except NoMariadb as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    deadline = time.monotonic() + 30
    port = int(url.split(":")[-1].partition("/")[0])
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    yield url
    child.terminate()
    child.wait(30)


async def test_a_mysql_source_is_streamed_in_a_transaction_that_only_reads(mariadb: str) -> None:
    query = "select concat('p', seq, '@example.com') as email, seq as subject_id from seq_1_to_5000"
    found, _ = await read(Source(database_url=SecretStr(mariadb), query=query))
    assert len(found) == 5000
    assert found[identity(17)] == "17"
    with pytest.raises(Rejected, match="the source refused"):
        await read(Source(database_url=SecretStr(mariadb), query="create table test.mine (email int)"))
    slow = "select concat('p', a.seq) as email from seq_1_to_100000 a join seq_1_to_100000 b order by rand()"
    with pytest.raises(Rejected, match="the source refused"):
        await read(Source(database_url=SecretStr(mariadb), query=slow, timeout=0.2))


def csv_of(names: Any) -> io.BufferedReader:
    text = "email\n" + "".join(f"{address(name)}\n" for name in names)
    return io.BufferedReader(io.BytesIO(text.encode()))


async def moment(hand: Hand) -> float:
    async with hand.database.read() as connection:
        return await age_of(connection, 0.0)


async def uploaded(hand: Hand, names: Any, as_of: float) -> int:
    snapshot = Snapshot(name=Path("people.csv"), as_of=as_of)
    found = await snapshots.preview(hand.database, hand.settings, "trial", snapshot, csv_of(names), by=WHY)
    await hand.round()
    return found.id


async def test_a_file_is_right_about_its_time_and_not_about_what_came_after(hand: Hand) -> None:
    await settled(hand)
    as_of = await moment(hand)
    await hand.commit(("REMOVE", 1), ("ADD", 20))
    await hand.take()
    await hand.deliver()
    number = await uploaded(hand, [1, 2, 3, 4, 5, 6, 7, 8, 30, "@"], as_of)
    found = await hand.shown(number)
    assert (found.state, found.words) == (State.PLANNED, "")
    assert found.numbers is not None
    assert found.numbers.rejected == {"invalid_email": 1}
    assert (found.numbers.adds, found.numbers.removes) == (1, 2)
    await resyncs.start(hand.database, hand.settings, number, by=WHY, confirm="trial")
    await hand.round()
    await hand.finish(number)
    await hand.equal([2, 3, 4, 5, 6, 7, 8, 20, 30])


async def test_a_file_knows_nothing_of_what_is_on_its_way(hand: Hand) -> None:
    await settled(hand)
    as_of = await moment(hand)
    await hand.commit(("REMOVE", 1))
    await hand.take()
    number = await uploaded(hand, TEN, as_of)
    await hand.deliver()
    await resyncs.start(hand.database, hand.settings, number, by=WHY)
    await hand.round()
    await hand.finish(number)
    await hand.equal([n for n in TEN if n != 1])


@pytest.mark.parametrize("off", [-90_000.0, 60.0])
async def test_a_file_of_yesterday_or_tomorrow_is_refused(hand: Hand, off: float) -> None:
    with pytest.raises(Rejected, match="within the last 24 hours"):
        await uploaded(hand, TEN, await moment(hand) + off)


async def test_a_file_that_cannot_be_read_leaves_nothing_to_start(hand: Hand) -> None:
    broken = io.BufferedReader(io.BytesIO(b'email\n"p1@example.com\n'))
    snapshot = Snapshot(name=Path("people.csv"), as_of=await moment(hand))
    with pytest.raises(Rejected, match="line 2 is not CSV"):
        await snapshots.preview(hand.database, hand.settings, "trial", snapshot, broken, by=WHY)
    (found,) = await resyncs.listed(hand.database, hand.settings)
    assert found.state is State.FAILED


async def test_a_file_that_does_not_begin_like_one_takes_no_other_plans_place(hand: Hand) -> None:
    waiting = await uploaded(hand, ["p1"], await moment(hand))
    foreign = io.BufferedReader(io.BytesIO(b"shoe size\n44\n"))
    snapshot = Snapshot(name=Path("people.csv"), as_of=await moment(hand))
    with pytest.raises(Rejected, match="names no column that says who is meant"):
        await snapshots.preview(hand.database, hand.settings, "trial", snapshot, foreign, by=WHY)
    (found,) = await resyncs.listed(hand.database, hand.settings)
    assert (found.id, found.state) == (waiting, State.PLANNED)


async def test_schedules_reconcile_and_replay_by_themselves_and_stop_at_a_blown_fuse(
    store_url: str, tmp_path: Path, crm: Crm
) -> None:
    settings = with_source(store_url, tmp_path, crm, reconcile="* * * * *", replay="0 0 1 1 *")
    async with holding(settings) as hand:
        await settled(hand)
        crm.holds([*TEN, 11])
        await hand.round()
        assert await resyncs.listed(hand.database, settings) == [], "its time is to come"
        await _make_due(hand)
        for _ in range(3):
            await hand.round()
        (found,) = await resyncs.listed(hand.database, settings)
        assert (found.scheduled, found.asked_by, found.state) == (True, "schedule", State.RUNNING)
        await hand.finish(found.id)
        await hand.equal([*TEN, 11])
        crm.holds([1])
        await _make_due(hand)
        for _ in range(2):
            await hand.round()
        blown = (await resyncs.listed(hand.database, settings))[0]
        assert (blown.state, blown.needs_confirmation) == (State.BLOWN, True)
        await hand.equal([*TEN, 11])


async def test_a_schedule_that_was_taken_out_of_the_configuration_is_forgotten(
    store_url: str, tmp_path: Path, crm: Crm
) -> None:
    settings = with_source(store_url, tmp_path, crm, reconcile="0 0 1 1 *")
    async with holding(settings) as hand:
        await settled(hand)
        segment = hand.lane.segment.id
        async with hand.database.begin() as connection:
            await due.write(connection, segment, Mode.REPLAY, "@daily", 1.0)
            assert await business.of(connection, ["demo"]) == {"demo": {Business.RESYNC}}
        await hand.round()
        async with hand.database.read() as connection:
            assert set(await due.of(connection, [segment])) == {(segment, Mode.RECONCILE)}
            assert await business.of(connection, ["demo"]) == {}
        assert await resyncs.listed(hand.database, settings) == []


async def _make_due(hand: Hand) -> None:
    async with hand.database.begin() as connection:
        await connection.execute(update(schedules).where(schedules.c.mode == "reconcile").values(next_at=1.0))


async def test_who_is_forgotten_leaves_plans_and_files(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    snapshot = Snapshot(name=Path("people.csv"), as_of=await moment(hand))
    found = await snapshots.preview(hand.database, hand.settings, "trial", snapshot, csv_of([*TEN, 20, 21]), by=WHY)
    gone = {identity(20)}
    async with hand.database.begin() as connection:
        await unplanned.forget_identities(connection, [hand.lane.segment.id], gone)
    await hand.round()
    numbers = (await hand.shown(found.id)).numbers
    assert numbers is not None
    assert numbers.adds == 1
    async with hand.database.begin() as connection:
        await unplanned.forget_identities(connection, [hand.lane.segment.id], {identity(21)})
    await resyncs.start(hand.database, hand.settings, found.id, by=WHY)
    await hand.round()
    assert (await hand.finish(found.id)).progress.sent == 0


async def test_a_plan_of_an_ended_source_epoch_is_not_kept(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(TEN)
    await hand.commit(("ADD", 30))
    found = await hand.planned()
    async with hand.database.begin() as connection:
        await source.start_epoch(connection, await source.origin(connection))
    await hand.take()
    await hand.round()
    ended = await hand.shown(found.id)
    assert (ended.state, ended.words) == (State.FAILED, "a new source epoch began meanwhile: make a new plan")
