"""Migrations: two at once, one that dies, one under live traffic with old and new daemons beside each other (P13)."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.faults import preludes
from tests.faults.history import person
from tests.faults.processes import workload
from tests.faults.scenario import scenario
from tests.faults.stage import Stage

_MIGRATIONS = Path(__file__).parents[2] / "migrations"
_NEXT = """
from pathlib import Path as _Path
from syncd.store import migrate as _migrate
_migrate.NEEDED += 1
_migrate.scripts = lambda: _Path({folder!r})
"""
"""The next version of syncd: its migrations, and the schema it needs."""
_EXPAND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", {head!r}
def upgrade():
    for table in ("outbox", "batches", "ledger", "segments"):
        op.add_column(table, sa.Column("next", sa.Text), schema="syncd")
    op.execute("update syncd.schema_state set version = version + 1")
"""
_MOST = 2.0
"""Seconds that a commit of the CRM's may take while the schema changes under it."""


@scenario("two migrators at once, one killed", "P13")
async def migrators(stage: Stage) -> None:
    await stage.execute("drop schema syncd cascade")
    program = "from syncd.cli import main\nmain()"
    slow = """
import time as _time
from sqlalchemy.sql import ddl as _ddl
from sqlalchemy import event as _event, Engine as _Engine
_event.listen(_Engine, "before_cursor_execute", lambda *given: _time.sleep(0.02))
"""
    env = stage.rig.environment()
    for nap in (0.1, 0.3, 0.5):
        one = await stage.rig.start("migrate", ["-c", f"{slow}\n{program}", "migrate"], env)
        await asyncio.sleep(1.2 + nap)
        await one.kill()
    both = [await stage.rig.start("migrate", ["-c", program, "migrate"], env) for _ in range(2)]
    codes = [await asyncio.wait_for(one.child.wait(), 30) for one in both]
    assert codes == [0, 0], codes
    await stage.execute(preludes.AUDIT.partition("create trigger")[1] + preludes.AUDIT.partition("create trigger")[2])
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.end(daemon)


def _next_version(folder: Path) -> str:
    """Writes the migrations of a version that does not exist yet; its prelude."""
    shutil.copytree(_MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    head = ScriptDirectory.from_config(config).get_current_head()
    (folder / "versions" / "next.py").write_text(_EXPAND.format(head=head))
    return _NEXT.format(folder=str(folder))


@scenario("a migration under live traffic, version N and N+1 beside each other", "P13")
async def rolled_over(stage: Stage) -> None:
    old = await stage.daemon()
    await workload(stage, 0)
    prelude = _next_version(stage.directory / "migrations")
    new = await stage.daemon(prelude, ready=False)
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05, late=0.3).run(100_000, stop=stop))
    probing = asyncio.create_task(_slowest_commit(stage, stop))
    await stage.until(lambda: new.events("waiting"), "the new version waits for its schema", new)
    holding = asyncio.create_task(stage.commit("blue", [("ADD", person(1), None)], hold=4.0))
    migrate = f"{prelude}\nfrom syncd.cli import main\nmain()"
    done = await stage.rig.start("migrate", ["-c", migrate, "migrate"], stage.rig.environment())
    assert await asyncio.wait_for(done.child.wait(), 60) == 0, done.log.read_text()[-500:]
    await holding
    assert await stage.rig.scalar(text("select version from syncd.schema_state")) > 1
    await stage.until(lambda: new.events("ready"), "the new version is ready", new, old)
    before = await _settled(stage)
    await stage.until(lambda: _more(stage, before), "the old one goes on", new, old)
    await stage.judge()
    await old.stop()
    before = await _settled(stage)
    await stage.until(lambda: _more(stage, before), "the new one goes on alone", new)
    stop.set()
    await writing
    slowest = await probing
    stage.figures.append(f"slowest commit of the CRM's meanwhile: {slowest:.2f} s")
    await stage.end(new)
    assert slowest <= _MOST, f"a commit took {slowest:.1f} s"


async def _slowest_commit(stage: Stage, stop: asyncio.Event) -> float:
    """One row after the other, each in a transaction of its own."""
    slowest, number = 0.0, 0
    while not stop.is_set():
        begun = time.monotonic()
        await stage.commit("red", [("ADD", person(f"probe{number}"), None)])
        slowest = max(slowest, time.monotonic() - begun)
        number += 1
        await asyncio.sleep(0.02)
    return slowest


async def _settled(stage: Stage) -> int:
    return sum(not batch.open for batch in (await stage.tables()).batches)


async def _more(stage: Stage, than: int) -> bool:
    return await _settled(stage) > than
