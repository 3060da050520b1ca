"""What SQLAlchemy's adapter for aiosqlite does, inline: an await only where something must wait or may fail."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Final, Self

from sqlalchemy.util.concurrency import await_

from tests.simulation.sqlite import Connection


class _Done:
    """An await that does not wait: SQLAlchemy wants at least one."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


_DONE: Final = _Done()


class Cursor:
    """What SQLAlchemy sees as a cursor: inline, and awaited only where something must wait or may fail."""

    def __init__(self, adapted: Any) -> None:
        self._connection: Connection = adapted._connection
        self._raw = self._connection._conn.cursor()
        self._rows: list[Any] = []
        self.arraysize = 1

    def execute(self, operation: str, parameters: Any = None) -> Self:
        return self._do(operation, parameters, many=False)

    def executemany(self, operation: str, parameters: Iterable[Any]) -> Self:
        return self._do(operation, parameters, many=True)

    def _do(self, operation: str, parameters: Any, *, many: bool) -> Self:
        connection = self._connection
        await_(connection.wait(operation) if connection.must_wait(operation) else _DONE)
        connection.run(self._raw, operation, parameters, many=many)
        if self._raw.description:
            self._rows = self._raw.fetchall()[::-1]
        return self

    def fetchone(self) -> Any:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [self._rows.pop() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows[::-1], []
        return rows

    def setinputsizes(self, *_: object) -> None:
        return

    def close(self) -> None:
        self._rows = []
        self._raw.close()

    async def _async_soft_close(self) -> None:
        return

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return int(self._raw.rowcount)

    @property
    def lastrowid(self) -> Any:
        return self._raw.lastrowid


def commit(adapted: Any) -> None:
    """In the place of the adapter's own."""
    connection: Connection = adapted._connection
    if connection.commits_inline:
        connection.finish()
    else:
        await_(connection.commit())


def rollback(adapted: Any) -> None:
    connection: Connection = adapted._connection
    connection.rollback()


def set_isolation_level(_dialect: Any, adapted: Any, level: str) -> None:
    """Without the two statements that mean nothing here."""
    adapted._connection._conn.isolation_level = None if level == "AUTOCOMMIT" else ""
