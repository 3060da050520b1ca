"""An event loop on virtual time, and processes that can be killed, frozen and thawed at any await.

Nothing here waits: when no callback is ready the clock jumps to the next timer. Every callback belongs to the simulated
process in whose context it was scheduled; callbacks of a dead process never run, those of a frozen one wait for the thaw.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final

ALIVE: Final = 0
FROZEN: Final = 1
DEAD: Final = 2
_ROUND: Final = 1e-6
"""Seconds one round of the loop takes: time always moves on, as timers that round down to now would spin."""


class Process:
    """What the kernel knows of a daemon. `fuse` counts callbacks until it is killed; `skew` is how far its wall clock is
    off, in seconds.
    """

    def __init__(self, name: str, died: Callable[[Process], None]) -> None:
        self.name = name
        self.state = ALIVE
        self.fuse: int | None = None
        self.skew = 0.0
        self.tasks: list[Task] = []
        self.connections: list[Any] = []
        self._stopped: list[asyncio.Handle] = []
        self._died = died

    def kill(self) -> None:
        if self.state != DEAD:
            self.state = DEAD
            self._stopped.clear()
            self._died(self)

    def freeze(self) -> None:
        if self.state == ALIVE:
            self.state = FROZEN

    def thaw(self, loop: VirtualLoop) -> None:
        if self.state == FROZEN:
            self.state = ALIVE
            loop.resume(self._stopped)
            self._stopped.clear()

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of this process may run now."""
        if self.state == FROZEN:
            self._stopped.append(handle)
            return False
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                self.kill()
        return self.state == ALIVE

    def left(self) -> list[Task]:
        return [task for task in self.tasks if not task.done()]


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


class _Handle(asyncio.Handle):
    __slots__ = ("owner",)
    owner: Process | None

    def _run(self) -> None:
        if self.owner is None or self.owner.admits(self):
            super()._run()


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ("owner",)
    owner: Process | None

    def _run(self) -> None:
        if self.owner is None or self.owner.admits(self):
            super()._run()


class Task(asyncio.Task[Any]):
    """A task with a number for a hash, so that sets of tasks have one order in every run."""

    _numbers = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        Task._numbers += 1
        self.number = Task._numbers
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Deadlock(Exception):
    """Nothing is ready and no timer is set: the run would wait for ever."""


class _Clock:
    """In the place of a selector: instead of waiting it moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        self.now += timeout + _ROUND
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` starts at 1,000 s; `steps` counts what ran."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Clock()
        self._selector.now = 1_000.0
        self._clock_resolution = 1e-9
        self.steps = 0
        self._home = threading.get_ident()
        self.set_task_factory(_made)  # type: ignore[arg-type]  # the stubs know no context
        Task._numbers = 0

    def time(self) -> float:
        return self._selector.now

    def resume(self, handles: list[asyncio.Handle]) -> None:
        self._ready.extend(handle for handle in handles if not handle.cancelled())  # type: ignore[attr-defined]

    def call_at(  # type: ignore[override]  # arguments are handed on as they are
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]
        timer = _TimerHandle(when, callback, args, self, context)
        timer.owner = PROCESS.get() if context is None else context.get(PROCESS)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        handle.owner = PROCESS.get() if context is None else context.get(PROCESS)
        self._ready.append(handle)  # type: ignore[attr-defined]
        self.steps += 1
        return handle

    def _process_events(self, _events: list[Any]) -> None:
        """There is no input or output."""

    def _write_to_self(self) -> None:
        if threading.get_ident() != self._home:
            raise RuntimeError("a thread reached into the simulation")


def _made(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], context: Context | None = None
) -> asyncio.Task[Any]:
    owner = PROCESS.get() if context is None else context.get(PROCESS)
    task = Task(work, loop=loop, context=context)
    if owner is not None:
        owner.tasks.append(task)
        if len(owner.tasks) > 2_000:
            owner.tasks = owner.left()
    return task


def inside(process: Process) -> Context:
    """A context whose tasks and callbacks belong to a process."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def bury(processes: list[Process]) -> None:
    """Ends the coroutines of the dead after the loop has stopped, so that nothing complains about them."""
    for process in processes:
        for task in process.left():
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            work: Any = task.get_coro()
            try:
                work.close()
            except BaseException:  # noqa: BLE001 - whatever a dead coroutine says
                continue
