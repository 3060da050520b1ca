"""What goes wrong around the daemons: deaths, stops, freezes, database trouble, weather at LinkedIn."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.simulation.loop import ALIVE, FROZEN, VirtualLoop
from tests.simulation.replica import Replica
from tests.simulation.sqlite import Disk
from tests.simulation.weather import CALM, REGIMES, Weather


class Nemesis:
    """Rages until a time, then heals everything. What a run may suffer is drawn once, so that seeds differ in kind."""

    def __init__(
        self,
        loop: VirtualLoop,
        dice: random.Random,
        replicas: list[Replica],
        disk: Disk,
        weather: Weather,
        told: Callable[[str, object], None],
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.replicas = replicas
        self.disk = disk
        self.weather = weather
        self.told = told
        settings = replicas[0].settings
        self.hold = settings.leases.ttl + settings.linkedin.request_timeout
        self.idle_timeout = settings.leases.ttl * 2 / 3
        self.database_faults = False
        self.regimes = dice.sample(sorted(REGIMES), dice.choice([1, 2, 3]))
        self.means: list[Callable[[], None]] = [self._weather, self._weather]
        if dice.random() < 0.6:
            self.means += [self._kill, self._fuse]
        if dice.random() < 0.5:
            self.means.append(self._freeze)
        if dice.random() < 0.5:
            self.means.append(self._stop)
        if dice.random() < 0.4:
            self.means.append(self._database)
        if dice.random() < 0.2:
            self.means.append(self._tokens)
        if dice.random() < 0.3:
            self.means.append(self._clock)
        if dice.random() < 0.3:
            disk.slow = dice.choice([0.01, 0.05])
        if dice.random() < 0.2:
            weather.poisons = dice.choice([0.01, 0.05])
        if dice.random() < 0.2:
            weather.thorns = 0.05
        if dice.random() < 0.15:
            weather.bombs = 0.02
        if dice.random() < 0.1:
            weather.most = dice.choice([1, 3, 10])
        self._tasks: set[asyncio.Task[None]] = set()

    async def rage(self, until: float, most_steps: int) -> None:
        while self.loop.time() < until and self.loop.steps < most_steps:
            await asyncio.sleep(self.dice.expovariate(1 / 8.0))
            self.dice.choice(self.means)()

    async def heal(self) -> None:
        """From here on nothing goes wrong; who is dead comes back."""
        self.weather.regime = CALM
        self.weather.token_outage = False
        self.weather.bombs = self.weather.poisons = 0.0
        self.disk.trouble = 0.0
        if self._tasks:
            await asyncio.wait(self._tasks)
        for replica in self.replicas:
            replica.process.fuse = None
            replica.process.skew = 0.0
            if not replica.is_running:
                replica.start()
        self.told("nemesis", "healed")

    def _spawn(self, work: Callable[[], object], wait: float) -> None:
        async def later() -> None:
            await asyncio.sleep(wait)
            work()

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _some(self) -> Replica | None:
        alive = [one for one in self.replicas if one.is_running and one.process.state == ALIVE]
        return self.dice.choice(alive) if alive else None

    def _again(self, replica: Replica) -> None:
        def start() -> None:
            if not replica.is_running:
                replica.start()

        self._spawn(start, self.dice.choice([0.1, 1.0, self.hold, 2 * self.hold]))

    def _kill(self) -> None:
        if replica := self._some():
            replica.process.kill()
            self._again(replica)

    def _fuse(self) -> None:
        """Dies at some await."""
        if replica := self._some():
            replica.process.fuse = self.dice.randrange(1, 400)
            self._spawn(lambda: self._again(replica), 5.0)

    def _freeze(self) -> None:
        replica = self._some()
        if replica is None:
            return
        process = replica.process
        process.freeze()
        self.disk.froze(process, self.idle_timeout)
        self.told(process.name, "frozen")
        wait = self.hold * self.dice.choice([0.3, 1.2, 2.5])

        def thaw() -> None:
            if process.state == FROZEN:
                self.told(process.name, "thawed")
                process.thaw(self.loop)

        self._spawn(thaw, wait)

    def _stop(self) -> None:
        replica = self._some()
        if replica is None:
            return

        async def stop() -> None:
            await replica.stop(600.0)
            await asyncio.sleep(self.dice.choice([0.1, 5.0, 20.0]))
            if not replica.is_running:
                replica.start()

        task = asyncio.create_task(stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _database(self) -> None:
        self.database_faults = True
        self.disk.trouble = self.dice.choice([0.02, 0.1, 0.5])
        self.told("nemesis", "database_trouble")
        self._spawn(lambda: setattr(self.disk, "trouble", 0.0), self.dice.choice([1.0, 10.0, 30.0]))

    def _clock(self) -> None:
        """The wall clock of one replica jumps; its monotonic clock and the database's do not."""
        if replica := self._some():
            replica.process.skew = self.dice.choice([-86_400.0, -3_600.0, 0.0, 3_600.0, 86_400.0])
            self.told("nemesis", "clock_jump")

    def _weather(self) -> None:
        name = self.dice.choice([*self.regimes, "calm"])
        self.weather.regime = REGIMES[name]
        self.told("nemesis", f"weather {name}")

    def _tokens(self) -> None:
        self.weather.token_outage = True
        self.told("nemesis", "token_outage")
        self._spawn(lambda: setattr(self.weather, "token_outage", False), self.dice.choice([2.0, 20.0, 60.0]))
