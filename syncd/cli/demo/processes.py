"""The demo's processes: sandbox and daemon, started as anyone would start them, each in a group of its own so that a
Ctrl-C in the terminal reaches the demo alone, which then stops them in order.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncd.errors import SyncdError

_PATIENCE: Final = 20.0
_TAIL: Final = 15


class Died(SyncdError):
    """A process of the demo ended by itself, or never began to work."""


class Process:
    """One `syncd` command, running; what it says is in its log file."""

    def __init__(self, name: str, log: Path, process: asyncio.subprocess.Process) -> None:
        self.name: Final = name
        self.log: Final = log
        self._process = process

    @classmethod
    async def start(cls, name: str, arguments: Sequence[str], directory: Path) -> Process:
        """The environment's own SYNCD_ settings stay outside: the demo brings its configuration along."""
        log = directory / f"{name}.log"
        outside = {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")}
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "syncd", *arguments),
                cwd=directory,
                env={**outside, "PYTHONPATH": _import_path(), "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, log, process)

    def check(self) -> None:
        """Raises Died, with the last log lines, if it does not run any more."""
        if self._process.returncode is not None:
            raise Died(f"the {self.name} ended by itself with code {self._process.returncode} (log: {self.log})")

    async def said(self, words: str) -> str:
        """Waits for a line of the log that holds these words."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    for line in self._lines():
                        if words in line:
                            return line
                    self.check()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Died(f"the {self.name} did not begin to work within {_PATIENCE:.0f} s (log: {self.log})") from None

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and after so many seconds SIGKILL."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def last_lines(self) -> list[str]:
        return self._lines()[-_TAIL:]

    def _lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()


def _import_path() -> str:
    """The process runs in another directory, and must find the syncd that runs here."""
    here = str(Path(__file__).parents[3])
    return os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
