"""Random faults for as long as one likes: two replicas, two members, writers that never rest, a verdict at every calm.

A third replica lives throughout, frozen and cut as the others are but never ended: its memory is sampled all the time and must
not grow (S12). An odd seed keeps to faults after which order can be proved request by request; an even one freezes processes and lets
requests land late as well, and proves the state after each calm.
"""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.acceptance.rig import Process
from tests.faults.answers import MANY, MINUTE, SHORT_MINUTE, status
from tests.faults.memory import Memory, resident
from tests.faults.proxy import Cut
from tests.faults.runner import Watch, grounds
from tests.faults.scenario import Grounds
from tests.faults.stage import Stage
from tests.postgres import PostgresServer

_USERS = {"resource": "users"}
_CALM = 45.0
"""Seconds of faults between two calms."""
_SAMPLE = 0.5
"""Seconds between two looks at the memory of the replica that stays."""


@dataclass
class Soak:
    stage: Stage
    dice: random.Random
    gentle: bool
    replicas: list[Process] = field(default_factory=list)
    steady: list[Process] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    played: int = 0

    @property
    def alive(self) -> list[Process]:
        return [*self.replicas, *self.steady]

    async def begin(self) -> None:
        """Two replicas that come and go, and one that stays."""
        for _ in range(2):
            await self.start()
        self.steady.append(await self.stage.daemon(MANY.format(most=200), proxied="sandbox database"))

    async def sample(self) -> None:
        while True:
            self.memory.samples += [resident(process.pid) for process in self.steady]
            await asyncio.sleep(_SAMPLE)

    async def start(self) -> None:
        road = self.dice.choice(["sandbox", "database", "sandbox database", ""])
        self.replicas.append(await self.stage.daemon(MANY.format(most=200), proxied=road))

    async def kill(self) -> None:
        await self.replicas.pop(0).kill()
        await self.start()

    async def roll(self) -> None:
        await self.replicas.pop(0).stop()
        await self.start()

    async def freeze(self) -> None:
        victim = self.dice.choice(self.alive)
        self.stage.zombies = True
        self.stage.freeze(victim)
        await asyncio.sleep(self.dice.uniform(1.0, 5.0))
        self.stage.thaw(victim)

    async def crash_database(self) -> None:
        server = self.stage.server
        assert server is not None
        if self.dice.random() < 0.5:
            await asyncio.to_thread(server.kill)
        else:
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
        await asyncio.sleep(self.dice.uniform(0.0, 1.0))
        await asyncio.to_thread(server.start)

    async def spoil_database(self) -> None:
        proxy = self.stage.to_database
        proxy.up.cut = Cut(pattern=b"COMMIT", skip=self.dice.randrange(5), lose=self.dice.random() < 0.5)
        await asyncio.sleep(1.0)
        if self.dice.random() < 0.4:
            proxy.blackhole()
            await asyncio.sleep(self.dice.uniform(0.5, 4.0))
            proxy.reset_all()
        proxy.heal()

    async def spoil_network(self) -> None:
        proxy = self.stage.to_sandbox
        proxy.up.cut = Cut(at=self.dice.randrange(3000), pattern=b"BATCH_CREATE")
        proxy.down.cut = Cut(at=self.dice.randrange(600))
        await asyncio.sleep(self.dice.uniform(0.3, 2.0))
        proxy.heal()

    async def spoil_answers(self) -> None:
        effects = [
            *(status(500), status(503), status(502, "<html>"), {"kind": "reset"}, {"kind": "reset", "apply": True}),
            *({"kind": "length", "change": -1}, {"kind": "malformed"}, {"kind": "cut", "at": 20}),
            {"kind": "hang", "apply": "before", "seconds": 2, "then": "close"},
        ]
        if not self.gentle:
            self.stage.zombies = True
            effects += [
                {"kind": "late", "seconds": 1.0},
                {"kind": "hang", "apply": "after", "seconds": 1.3, "then": "close"},
            ]
        ids = await self.stage.fault("", _USERS, self.dice.choice(effects), rate=self.dice.uniform(0.1, 0.6))
        await asyncio.sleep(self.dice.uniform(0.5, 4.0))
        for number in ids:
            await self.stage.rig.control(f"faults/{number}", {}, "DELETE")

    async def throttle(self) -> None:
        await self.stage.fault("429 minute", _USERS, status(429, MINUTE))

    async def run(self, seconds: float) -> None:
        """Faults one after another, sometimes two at once."""
        actions: list[Callable[[], Awaitable[None]]] = [
            *(self.kill, self.roll, self.crash_database, self.spoil_database, self.spoil_network),
            *(self.spoil_answers, self.spoil_answers, self.throttle),
        ]
        if not self.gentle:
            actions.append(self.freeze)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.dice.choice(actions)()
            self.played += 1
            await asyncio.sleep(self.dice.uniform(0.1, 1.5))


async def soak(minutes: float, seed: int, say: Callable[[str], None]) -> int:
    watch = Watch()
    async with grounds() as ground:
        code = await _soak(ground, minutes * 60.0, seed, say, watch)
        if code == 0:
            shutil.rmtree(ground.directory)
        else:
            say(f"what broke is in {ground.directory}")
    return code


async def _soak(ground: Grounds, seconds: float, seed: int, say: Callable[[str], None], watch: Watch) -> int:
    server = PostgresServer(durable=True)
    await asyncio.to_thread(server.start)
    try:
        url = await ground.migrated(server)
        kinds = {"red": "user", "blue": "user", "green": "user"}
        members = {"ads": "canary-token-a", "bids": "canary-token-b"}
        stage = Stage(
            ground.folder("soak"), url, seed, kinds, server, members=members, minute=3.0, prelude=SHORT_MINUTE
        )
        async with stage:
            return await _cycles(Soak(stage, stage.dice, seed % 2 == 1), seconds, say, watch)
    finally:
        await asyncio.to_thread(server.close)


async def _cycles(soak: Soak, seconds: float, say: Callable[[str], None], watch: Watch) -> int:
    stage = soak.stage
    await soak.begin()
    say("      time     rows  faults  requests  lost  reordered  over limit  other  recovery  RSS of the replicas, MiB")
    sampling = asyncio.create_task(soak.sample())
    code = 0
    while watch.seconds < seconds and not code:
        stop = asyncio.Event()
        writing = asyncio.create_task(stage.writer(people=400, pause=0.3, late=0.15).run(1 << 40, stop=stop))
        await soak.run(min(_CALM, max(5.0, seconds - watch.seconds)))
        stop.set()
        await writing
        code = await _calm(soak, say, watch)
    sampling.cancel()
    say(f"         {soak.memory}")
    await asyncio.gather(*(replica.stop() for replica in soak.alive))
    return int(code or not soak.memory.is_flat)


async def _calm(soak: Soak, say: Callable[[str], None], watch: Watch) -> int:
    """Heals, waits for quiet, judges all that has been, and tells it in a line."""
    stage = soak.stage
    stage.to_sandbox.heal()
    stage.to_database.heal()
    await stage.clear_faults()
    try:
        recovery = await stage.quiet(*soak.alive, seconds=120)
    except AssertionError as error:
        say(str(error))
        recovery = float("nan")
    verdict = await stage.judge(healed=True)
    lost = sum(one.cases for one in verdict.broken if one.invariant in {"S2", "V1"})
    reordered = sum(one.cases for one in verdict.broken if one.invariant == "S4")
    over = sum(one.cases for one in verdict.broken if one.invariant in {"S7", "S7b", "S7c"})
    other = sum(one.cases for one in verdict.broken) - lost - reordered - over
    say(
        f"{watch.seconds:8.0f} s {stage.crm.history.acked:8,} {soak.played:7} {len(await stage.rig.requests()):9,} {lost:5}"
        f" {reordered:10} {over:11} {other:6} {recovery:7.1f} s  {' '.join(f'{resident(one.pid):.0f}' for one in soak.alive)}"
    )
    for broken in verdict.broken:
        say(f"         {broken}")
    return int(bool(verdict.broken) or math.isnan(recovery))
