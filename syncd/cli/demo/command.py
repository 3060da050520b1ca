"""`syncd demo`, from the first file to the last comparison."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from syncd.cli.demo import proof, view
from syncd.cli.demo.crm import NEWSLETTER, Crm
from syncd.cli.demo.proof import Comparison
from syncd.cli.demo.stage import PASSWORD, PERSON, Stage, staged
from syncd.cli.demo.view import Sight
from syncd.cli.shell import Shell
from syncd.domain.access import By, Door
from syncd.domain.resync import Mode
from syncd.errors import Rejected, SyncdError
from syncd.operations import letters, resyncs
from syncd.operations.letters import Which
from syncd.operations.opening import opened
from syncd.settings import load
from syncd.store.engine import Database

_ROUNDS: Final = 5
_CHANGES: Final = 400
_PAUSE: Final = 1.0
_TRICKLE: Final = 40
_LONGEST: Final = 300.0
_LOOK: Final = 0.5
_LINE: Final = 2.0


@click.command()
@click.option("--once", is_flag=True, help="Commit everything and a few rounds of changes, compare, end.")
@click.option("--contacts", type=click.IntRange(1, 2_000_000), default=30_000, show_default=True, help="In the CRM.")
@click.option("--companies", type=click.IntRange(1, 500_000), default=2_000, show_default=True, help="In the CRM.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where database, configuration and logs go and stay; default: a temporary one.",
)
@click.pass_obj
def demo(shell: Shell, *, once: bool, contacts: int, companies: int, directory: Path | None) -> None:
    """Run sandbox, daemon and an example CRM on this machine; nothing is needed.

    With --once, exit code 0 means that everybody in the CRM is where they belong at LinkedIn, and nobody else.
    """
    shell.at_home()
    show = Show(once=once, contacts=contacts, companies=companies)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Rejected(f"--directory: {directory} is not empty")
        asyncio.run(show.run(directory.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as temporary:
        asyncio.run(show.run(Path(temporary)))


class Show:
    """One demo: the CRM works in a thread, the daemon in its process, and both are watched."""

    def __init__(self, *, once: bool, contacts: int, companies: int) -> None:
        self._once = once
        self._contacts = contacts
        self._companies = companies
        self._began = time.monotonic()
        self._stop = asyncio.Event()

    async def run(self, directory: Path) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        async with staged(directory) as stage:
            try:
                await self._run(stage)
            except SyncdError:
                _last_words(stage)
                raise
            if self._stop.is_set():
                click.echo("stopping: the daemon drains")
        if self._once and self._stop.is_set():
            raise SyncdError("interrupted before the comparison")

    async def _run(self, stage: Stage) -> None:
        await stage.daemon.said("ready")
        crm = Crm(stage.database)
        try:
            async with opened(stage.database_url) as database:
                self._began = time.monotonic()
                work = self._rounds if self._once else self._days
                async with _shown(lambda: self._look(stage, database, crm), stage):
                    await self._until_done(stage, asyncio.create_task(work(stage, database, crm)))
                if self._once and not self._stop.is_set():
                    await self._prove(stage, database, crm)
        finally:
            crm.close()

    async def _look(self, stage: Stage, database: Database, crm: Crm) -> Sight:
        return await view.look(stage, database, time.monotonic() - self._began, crm.rows)

    async def _until_done(self, stage: Stage, work: asyncio.Task[None]) -> None:
        """Waits for the work, for Ctrl-C, or for a process that dies."""
        stopped = asyncio.create_task(self._stop.wait())
        try:
            while not work.done() and not stopped.done():
                await asyncio.wait((work, stopped), timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
                stage.check()
            if work.done():
                work.result()
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)

    async def _rounds(self, stage: Stage, database: Database, crm: Crm) -> None:
        """Everything at once, a few rounds of changes, and the wait until all of it has arrived."""
        await asyncio.to_thread(crm.fill, self._contacts, self._companies)
        for _ in range(_ROUNDS):
            await asyncio.to_thread(crm.change, _CHANGES)
            await asyncio.sleep(_PAUSE)
        while not (sight := await self._look(stage, database, crm)).settled:
            if sight.seconds > _LONGEST:
                raise SyncdError(f"not everything has arrived after {_LONGEST:.0f} s")
            await asyncio.sleep(0.2)

    async def _days(self, stage: Stage, database: Database, crm: Crm) -> None:
        """Everything at once, and then working days without end."""
        await asyncio.to_thread(crm.fill, self._contacts, self._companies)
        used: set[int] = set()
        replayed = False
        while True:
            await asyncio.to_thread(crm.change, _TRICKLE)
            sight = await self._look(stage, database, crm)
            if not replayed and sight.settled:
                replayed = True
                await _replay(stage, database)
            for one in sight.linkedin.values():
                if one["id"] not in used:
                    await stage.sandbox.use_in_campaign(one["id"])
                    used.add(one["id"])
            await asyncio.sleep(_PAUSE)

    async def _prove(self, stage: Stage, database: Database, crm: Crm) -> None:
        """Compares member by member, and says how it went. Raises SyncdError for the least difference."""
        sight = await self._look(stage, database, crm)
        wanted = await asyncio.to_thread(proof.expected, crm)
        compared = [
            proof.compare(key, people, await stage.sandbox.members(sight.linkedin[key]["id"]))
            for key, people in wanted.items()
        ]
        dead = await letters.listed(database, Which(), 0)
        reasons: dict[str, int] = {}
        for count in dead.counts:
            reasons[count.reason] = reasons.get(count.reason, 0) + count.letters
        _summary(sight, compared, reasons)
        if not all(one.equal for one in compared):
            raise SyncdError("LinkedIn is not what the CRM says")
        if sight.applied + sight.superseded + sight.dead != sight.committed:
            raise SyncdError("not every row ended applied, superseded or dead")


async def _replay(stage: Stage, database: Database) -> None:
    """One resync, for the console to show."""
    settings = load({}, config=stage.config)
    by = By(name="demo", door=Door.SHELL, reason="to show a resync")
    plan = await resyncs.preview(database, settings, NEWSLETTER, Mode.REPLAY, by=by)
    await resyncs.start(database, settings, plan.id, by=by, confirm=NEWSLETTER)


def _summary(sight: Sight, compared: list[Comparison], reasons: dict[str, int]) -> None:
    sent = sum(one.accepted_elements for one in sight.segments)
    dead = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items())) or "none"
    click.echo(
        f"{sight.committed:,} rows in {sight.seconds:.1f} s: {sight.applied:,} applied, {sight.superseded:,} superseded, "
        f"{sight.dead:,} dead ({dead})"
    )
    throttled = sum(one["throttled"] for one in sight.limits)
    rate = sent / sight.seconds
    click.echo(
        f"{sight.requests:,} requests, {throttled} throttled; {sent:,} people and companies sent, {rate:,.0f} a second"
    )
    for one in compared:
        verdict = "equal" if one.equal else f"{one.missing:,} missing, {one.surplus:,} too many"
        click.echo(f"{one.segment}: {one.expected:,} in the CRM, at LinkedIn: {verdict}")


def _last_words(stage: Stage) -> None:
    for process in (stage.server, stage.daemon):
        click.echo(f"last lines of the {process.name}:", err=True)
        for line in process.last_lines():
            click.echo(f"  {line}", err=True)


@asynccontextmanager
async def _shown(look: Callable[[], Awaitable[Sight]], stage: Stage) -> AsyncIterator[None]:
    """Shows what happens for as long as the block runs."""
    if not sys.stdout.isatty():
        click.echo(f"console: {stage.console_url} (sign in as {PERSON}, password {PASSWORD})")
    task = asyncio.create_task(_live(look, stage) if sys.stdout.isatty() else _lines(look))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _live(look: Callable[[], Awaitable[Sight]], stage: Stage) -> None:
    with Live(console=Console(), auto_refresh=False) as live:
        while True:
            live.update(view.picture(await look(), stage), refresh=True)
            await asyncio.sleep(_LOOK)


async def _lines(look: Callable[[], Awaitable[Sight]]) -> None:
    while True:
        click.echo(view.line(await look()))
        await asyncio.sleep(_LINE)
