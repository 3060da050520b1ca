"""Databases that die, vanish, refuse and fill up (reliability.md P2–P6)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from tests.faults.history import person
from tests.faults.processes import FAST_PRUNE, changes, workload
from tests.faults.proxy import Cut
from tests.faults.scenario import scenario
from tests.faults.stage import Stage
from tests.postgres import PostgresServer

SMALL_FILES = """
import resource as _resource, signal as _signal
def _limit(size):
    _resource.setrlimit(_resource.RLIMIT_FSIZE, (size, _resource.RLIM_INFINITY))
_signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
_signal.signal(_signal.SIGUSR1, lambda *_: _limit(300_000))
_signal.signal(_signal.SIGUSR2, lambda *_: _limit(_resource.RLIM_INFINITY))
"""
"""Full at SIGUSR1: no file grows beyond what the database is. Space again at SIGUSR2."""

_DOUBTED = """
import asyncio as _asyncio, itertools as _itertools
from syncd.store import closing as _closing
_honest, _turns, _late = _closing.close, _itertools.count(), set()
async def _close(connection, grant, accepted):
    turn = next(_turns)
    if turn % 4 == 1:
        await _honest(connection, grant, accepted)
    if turn % 4 == 2:
        _late.add(_asyncio.ensure_future(_arrive(0.2 * (turn % 11), connection.engine, grant, accepted)))
    if turn % 4:
        raise ConnectionResetError
    return await _honest(connection, grant, accepted)
async def _arrive(seconds, engine, grant, accepted):
    await _asyncio.sleep(seconds)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await _honest(connection, grant, accepted)
_closing.close = _close
"""
"""The connection breaks after the settlement in one statement, or before it arrives, or it arrives all the same, later."""


async def _under_load(
    stage: Stage, hurt: Callable[[int], object], times: int, *, proxied: str = "", away: bool = False
) -> None:
    """Hurts the database again and again while the CRM writes and syncd works; `away`: it is gone then, until it is started
    here, which is not before the replica has said that it is alive and not ready.
    """
    daemon = await stage.daemon(proxied=proxied)
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.04).run(100_000, stop=stop))
    async with stage.probing(daemon) as probes:
        for turn in range(times):
            before = len(await stage.rig.requests())
            await stage.until(lambda count=before: _asks(stage, count), "it sends", daemon)
            await asyncio.sleep(stage.dice.uniform(0.0, 0.4))
            made = hurt(turn)
            if asyncio.iscoroutine(made):
                await made
            if away:
                await stage.until(probes.now(503), "it is not ready without its database", daemon, seconds=10)
                await asyncio.to_thread(_server(stage).start)
            await stage.until(stage.rig.database_is_up, "the database is back", daemon)
            await stage.until(probes.now(200), "it is ready again", daemon)
            await stage.judge()
        if away:
            probes.judge()
    stop.set()
    await writing
    await stage.end(daemon)


async def _asks(stage: Stage, count: int) -> bool:
    return any(one["resource"] == "users" for one in (await stage.rig.requests())[count:])


def _server(stage: Stage) -> PostgresServer:
    assert stage.server is not None
    return stage.server


@scenario("PostgreSQL: kill -9 of everything", "P2", server=(), expects=["database failed"])
async def killed(stage: Stage) -> None:
    async def kill() -> None:
        await asyncio.to_thread(_server(stage).kill)
        await asyncio.sleep(stage.dice.uniform(0.0, 0.5))

    await _under_load(stage, lambda _: kill(), 3, away=True)


@scenario("PostgreSQL: kill -9 of the postmaster alone", "P2", server=(), expects=["database failed"])
async def postmaster_killed(stage: Stage) -> None:
    async def kill() -> None:
        await asyncio.to_thread(lambda: _server(stage).kill(only_postmaster=True))
        await asyncio.to_thread(_server(stage).start)

    await _under_load(stage, lambda _: kill(), 3)


@scenario("PostgreSQL: immediate shutdown", "P2", server=(), expects=["database failed"])
async def immediate(stage: Stage) -> None:
    async def stop() -> None:
        await asyncio.to_thread(_server(stage).stop, signal.SIGQUIT)
        await asyncio.sleep(stage.dice.uniform(0.0, 2.0))

    await _under_load(stage, lambda _: stop(), 3, away=True)


@scenario("the connection breaks between COMMIT and its answer", "P2", quick=True, expects=["database failed"])
async def commit_unanswered(stage: Stage) -> None:
    def cut(turn: int) -> None:
        stage.to_database.up.cut = Cut(pattern=b"COMMIT", skip=turn % 4, how=("rst", "fin")[turn % 2])

    await _under_load(stage, cut, 8, proxied="database")


@scenario("the connection breaks before COMMIT arrives", "P2", expects=["database failed"])
async def commit_lost(stage: Stage) -> None:
    def cut(turn: int) -> None:
        stage.to_database.up.cut = Cut(pattern=b"COMMIT", skip=turn % 4, lose=True)

    await _under_load(stage, cut, 8, proxied="database")


@scenario("a settlement in one statement: unanswered, late, lost", "P2", quick=True, expects=["database failed"])
async def settlement_doubted(stage: Stage) -> None:
    daemon = await stage.daemon(_DOUBTED)
    await stage.writer(pause=0.03).run(300)
    await stage.end(daemon)


@scenario("the database is behind a slow and broken network", "P2", expects=["database failed"])
async def bad_network(stage: Stage) -> None:
    async def spoil(turn: int) -> None:
        proxy = stage.to_database
        if turn == 0:
            proxy.up.latency = proxy.down.latency = 0.05
        elif turn == 1:
            proxy.blackhole()
        elif turn == 2:
            proxy.reset_all()
        elif turn == 3:
            proxy.down.cut = Cut(at=3000, how="half")
        else:
            proxy.down.rate = 60_000
        await asyncio.sleep(1.0)
        if turn == 1:
            proxy.reset_all()
        proxy.heal()

    await _under_load(stage, spoil, 5, proxied="database")


@scenario("the primary becomes read-only for a while", "P4", quick=True, expects=["database failed"])
async def read_only(stage: Stage) -> None:
    name = stage.plain.rpartition("/")[2]

    async def administer(*statements: str) -> None:
        connection = await asyncpg.connect(_server(stage).plain_url())
        try:
            for statement in statements:
                await connection.execute(statement)
            await connection.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        finally:
            await connection.close()

    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.until(lambda: stage.settled(1), "it sends", daemon)
    await workload(stage, 1)
    async with stage.probing(daemon) as probes:
        await administer(f'alter database "{name}" set default_transaction_read_only = on')
        await asyncio.sleep(1.5)
        noise = len(daemon.log.read_text().splitlines())
        at = len(probes.heard)
        await asyncio.sleep(0.4)
        busy = len(daemon.log.read_text().splitlines()) - noise
        assert busy < 200, f"{busy} lines in 0.4 s: a busy loop"
        assert {one.ready for one in probes.heard[at:]} == {503}, "ready, although it can write nothing"
        await administer(f'alter database "{name}" reset default_transaction_read_only')
        await stage.until(probes.now(200), "it is ready again", daemon)
        probes.judge()
    await workload(stage, 2)
    await stage.end(daemon)


@scenario("no connection is left", "P4", server=("max_connections=14", "superuser_reserved_connections=0"))
async def crowded(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    hogs: list[asyncpg.Connection] = []
    async with stage.probing(daemon) as probes:
        try:
            await _crowd(stage, hogs)
            await hogs[0].execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'syncd'"
            )
            await _crowd(stage, hogs)
            await stage.until(lambda: daemon.events("database_failed"), "it notices", daemon)
            await stage.until(probes.now(503), "it is not ready", daemon)
            await asyncio.sleep(0.4)
        finally:
            for hog in hogs:
                hog.terminate()
        await stage.until(probes.now(200), "it is ready again", daemon)
        probes.judge()
    await workload(stage, 1)
    await stage.end(daemon)


async def _crowd(stage: Stage, hogs: list[asyncpg.Connection]) -> None:
    """Takes every connection that is left."""
    for _ in range(14):
        try:
            hogs.append(await asyncpg.connect(stage.plain, timeout=2))
        except (asyncpg.PostgresError, OSError):
            break


@scenario(
    "an old transaction is open: intake goes on, tombstones stay",
    "P5",
    "D6",
    quick=True,
    expects=["late-commit row superseded", "tombstones pruned"],
    prelude=FAST_PRUNE,
)
async def old_transaction(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("red", changes(range(10, 30)))
    await stage.commit("red", changes(range(20, 30), "REMOVE"))
    await stage.quiet(daemon)
    late = asyncio.create_task(stage.commit("red", changes(range(10)), hold=2.5))
    await stage.until(lambda: any(row.commit == "open" for row in stage.crm.history.rows), "the old one has its ids")
    await stage.commit("red", changes(range(5), "REMOVE"))
    await stage.until(lambda: _tombstones(stage, 5), "the younger one is settled", daemon)
    await asyncio.sleep(0.4)
    assert await _tombstones(stage, 5), "a tombstone went while an older transaction was open"
    stage.seen["purge with held horizon"] += 1
    await late
    await stage.until(lambda: _gone(stage), "tombstones go once it has ended", daemon)
    await stage.end(daemon)


async def _tombstones(stage: Stage, count: int) -> bool:
    keys = {stage.key(number) for number in range(count)}
    gone = {line.keys[0] for line in (await stage.tables()).ledger if not line.present}
    return keys <= gone


async def _gone(stage: Stage) -> bool:
    return all(line.present for line in (await stage.tables()).ledger)


@scenario("a long transaction and a prepared one stand by", "P5", server=("max_prepared_transactions=4",))
async def bystanders(stage: Stage) -> None:
    daemon = await stage.daemon()
    holder = await asyncpg.connect(stage.plain)
    try:
        await holder.execute("begin isolation level repeatable read; select count(*) from syncd.outbox")
        other = await asyncpg.connect(stage.plain)
        await other.execute(
            "create table public.aside (id int); begin; insert into public.aside values (1); prepare transaction 'aside'"
        )
        await other.close()
        await stage.writer(pause=0.03).run(800)
        await stage.quiet(daemon)
        await stage.judge(healed=True)
        await holder.execute("rollback")
        await holder.execute("rollback prepared 'aside'")
    finally:
        await holder.close()
    await stage.end(daemon)


@scenario("the disk is full (SQLite)", "P6", quick=True, sqlite=True, expects=["database failed"])
async def disk_full(stage: Stage) -> None:
    daemon = await stage.daemon(SMALL_FILES)
    await workload(stage, 0)
    await stage.quiet(daemon)
    daemon.signal(signal.SIGUSR1)
    await workload(stage, 1)
    await stage.commit("red", [("ADD", person(f"x{number}"), None) for number in range(4000)])
    await stage.until(lambda: daemon.events("database_failed"), "it notices", daemon)
    asked = len(await stage.rig.requests())
    await asyncio.sleep(0.4)
    sent = [one for one in (await stage.rig.requests())[asked:] if one["resource"] == "users"]
    assert not sent, f"{len(sent)} requests whose end cannot be written down"
    await stage.judge()
    daemon.signal(signal.SIGUSR2)
    await stage.end(daemon)


@scenario(
    "the disk is full (PostgreSQL)",
    "P6",
    server=("max_wal_size=48MB", "min_wal_size=32MB"),
    room=160,
    expects=["database failed"],
)
async def server_disk_full(stage: Stage) -> None:
    """A full disk ends PostgreSQL's transactions, sometimes PostgreSQL itself, which somebody starts again. What still fits
    into pages and log that are there already may be stored, and so sent; what cannot be written down is not sent again and
    again.
    """
    server = _server(stage)
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    ballast = server.log_file.with_name("ballast")
    writing = asyncio.create_task(stage.writer(pause=0.02).run(2_000))
    await asyncio.to_thread(_fill, ballast)
    await stage.until(lambda: daemon.events("database_failed"), "it notices", daemon)
    await asyncio.sleep(0.5)
    asked = len(await stage.rig.requests())
    await asyncio.sleep(0.5)
    sent = [one for one in (await stage.rig.requests())[asked:] if one["resource"] == "users"]
    ballast.unlink()
    assert len(sent) <= 6, f"{len(sent)} requests in half a second of a full disk"
    if not server.running:
        await asyncio.to_thread(server.start)
    await stage.until(stage.rig.database_is_up, "the database is back", daemon)
    await writing
    await workload(stage, 1)
    await stage.end(daemon)


def _fill(ballast: Path) -> None:
    """Takes every byte that is left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            return


@scenario("kill -9 at random under load (SQLite)", "P1", quick=True, sqlite=True, expects=["takeover"])
async def killed_on_sqlite(stage: Stage) -> None:
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.1, late=0.0).run(100_000, stop=stop))
    for _ in range(3):
        daemon = await stage.daemon()
        before = len(await stage.rig.requests())
        await stage.until(lambda count=before: _asks(stage, count), "it sends", daemon)
        await asyncio.sleep(stage.dice.uniform(0.0, 0.4))
        await daemon.kill()
        await stage.judge()
    stop.set()
    await writing
    await stage.end(await stage.daemon())


@scenario("ids fall back: a standby that lagged becomes the primary", "P3", server=(), expects=["source parked"])
async def lagging_standby(stage: Stage) -> None:
    """The same folder as it was some commits ago, as a failover would leave it."""
    server = _server(stage)
    folder = server.log_file.with_name("data")
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await asyncio.to_thread(server.stop)
    await _copy(folder, folder.with_name("older"))
    await asyncio.to_thread(server.start)
    await stage.until(stage.rig.database_is_up, "the database is back")
    await workload(stage, 1)
    await stage.quiet(daemon)
    await stage.judge(healed=True)
    await asyncio.to_thread(server.kill)
    folder.rename(folder.with_name("lost"))
    folder.with_name("older").rename(folder)
    await asyncio.to_thread(server.start)
    known = len(stage.crm.history.rows)
    asked = len(await stage.rig.requests())
    await stage.commit("red", changes(range(3), "REMOVE"))
    await stage.until(lambda: daemon.events("source_parked"), "intake parks", daemon)
    await asyncio.sleep(0.5)
    sent = [one for one in (await stage.rig.requests())[asked:] if one["resource"] == "users"]
    assert not sent, "it sends although ids fell back"
    assert len((await stage.tables()).pending) == len(stage.crm.history.rows) - known
    stage.seen["source parked"] += len(daemon.events("source_parked"))
    told = await stage.command("epoch", "start", "--reason", "the standby took over")
    assert "syncd resync red --mode replay" in told, f"no resync is proposed: {told}"
    await stage.quiet(daemon)
    gone = {stage.key(number) for number in range(3)}
    assert gone.isdisjoint(await stage.rig.members_of("red")), "rows of the new epoch do not count"
    for segment in ("red", "blue"):
        await stage.command("resync", segment, "--mode", "replay", "--reason", "the standby lagged")
    await stage.until(lambda: len(daemon.events("resync_ended")) >= 2, "both went out again", daemon)
    await stage.quiet(daemon)
    held = {
        key for line in (await stage.tables()).ledger if line.present and line.segment == "red" for key in line.keys
    }
    assert held <= await stage.rig.members_of("red"), "the ledger is not at LinkedIn after a replay"
    await daemon.stop()


@scenario("the database knows less of a segment than was committed", "P3", expects=["source parked"])
async def forgetful(stage: Stage) -> None:
    """Its ids went on past what was lost, and no connection broke: only the segment's own row tells."""
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.execute("update syncd.segments set high_water = high_water - 3 where key = 'red'")
    asked = len(await stage.rig.requests())
    await stage.commit("red", changes(range(3), "REMOVE"))
    await stage.until(lambda: daemon.events("source_parked"), "intake parks", daemon)
    await stage.judge()
    assert not [one for one in (await stage.rig.requests())[asked:] if one["resource"] == "users"]
    await stage.command("epoch", "start", "--reason", "commits were lost")
    await stage.end(daemon)
    assert len(daemon.events("source_parked")) == 1


async def _copy(source: object, target: object) -> None:
    child = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    assert await child.wait() == 0


@scenario(
    "a late commit waits in a paused segment while tombstones are pruned",
    "P5",
    "D6",
    expects=["late-commit row superseded"],
    prelude=FAST_PRUNE,
)
async def late_in_a_pause(stage: Stage) -> None:
    daemon = await stage.daemon()
    late = asyncio.create_task(stage.commit("red", changes(range(10)), hold=3.5))
    await stage.until(lambda: any(row.commit == "open" for row in stage.crm.history.rows), "the old one has its ids")
    await stage.commit("red", changes(range(5), "REMOVE"))
    await stage.until(lambda: _tombstones(stage, 5), "the younger one is settled", daemon)
    await stage.execute("update syncd.segments set paused = true where key = 'red'")
    await asyncio.sleep(0.4)  # four times as long as memory takes to follow the database
    await late
    await asyncio.sleep(0.4)
    assert await _tombstones(stage, 5), "a tombstone went although a late commit waits for it"
    await stage.execute("update syncd.segments set paused = false where key = 'red'")
    await stage.end(daemon)
