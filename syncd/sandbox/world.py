"""Everything the sandbox knows, in one place that handlers are given: the state, and no rules."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from .answers import Answer, created
from .clock import SandboxClock
from .faults import FaultBook
from .journal import Journal
from .matching import Rates
from .options import SandboxOptions
from .people import Directory
from .quotas import Quotas
from .record import Record
from .segments import Segments
from .shelf import Shelf

if TYPE_CHECKING:
    from .templates import Template


class Holds:
    """Hung requests wait here for their time or for a release."""

    def __init__(self) -> None:
        self._released = asyncio.Event()
        self.waiting = 0

    async def wait(self, seconds: float | None) -> None:
        self.waiting += 1
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._released.wait(), seconds)
        finally:
            self.waiting -= 1

    def release(self) -> int:
        """Let everyone who waits now go on; how many did."""
        released, self._released = self._released, asyncio.Event()
        released.set()
        return self.waiting


@dataclass(slots=True)
class World:
    options: SandboxOptions
    clock: SandboxClock
    directory: Directory
    segments: Segments
    quotas: Quotas
    faults: FaultBook
    journal: Journal
    holds: Holds
    shelf: Shelf
    record: Record | None
    templates: "dict[str, Template]" = field(default_factory=dict)
    templates_made: int = 0
    codes: dict[str, str] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def rates(self) -> Rates:
        """For segments made from now on: a segment keeps its own."""
        return Rates(match=self.options.match_rate, opt_out=self.options.opt_out_rate)

    def configure(self, changes: dict[str, Any]) -> None:
        """Replace options while running; msgspec.ValidationError for an unknown or wrong one."""
        unknown = changes.keys() - SandboxOptions.__dataclass_fields__.keys()
        if unknown:
            raise msgspec.ValidationError(f"unknown options: {', '.join(sorted(unknown))}")
        options = msgspec.convert(asdict(self.options) | changes, SandboxOptions)
        if options.clock_factor != self.options.clock_factor:
            self.clock.run_at(options.clock_factor)
        self.options = options

    def created(self, entity_id: str, documented: str = "x-restli-id") -> Answer:
        """Newer pages say x-restli-id, older ones x-linkedin-id; `documented` is what this resource's page says."""
        match self.options.id_header:
            case "documented":
                return created(entity_id, documented)
            case "both":
                return created(entity_id, "x-restli-id", "x-linkedin-id")
            case header:
                return created(entity_id, header)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that outlives its request."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Let hung requests go and drop what would still land late."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.holds.release()
        if self.record is not None:
            self.record.close()


WORLD = web.AppKey("world", World)


def create_world(options: SandboxOptions, clock: SandboxClock | None = None) -> World:
    clock = clock or SandboxClock(options.clock_factor)
    return World(
        options=options,
        clock=clock,
        directory=Directory(options, clock),
        segments=Segments(clock),
        quotas=Quotas(),
        faults=FaultBook(options.seed),
        journal=Journal(clock, options.seed),
        holds=Holds(),
        shelf=Shelf(options.seed),
        record=Record(options.record) if options.record else None,
    )
