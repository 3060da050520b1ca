"""Answers over this machine's database: the handlers of the API, called without a server by whoever may do everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

from syncd.admin import problems
from syncd.admin.desk import Desk
from syncd.admin.problems import Refusal
from syncd.admin.routes import Call
from syncd.cli.asking import Ask, error_of
from syncd.domain.access import COMMAND_LINE, Person, Role
from syncd.operations.opening import opened
from syncd.settings import Settings

T = TypeVar("T")

_CALLER: Final = Person(id="shell", name=COMMAND_LINE.name, role=Role.ADMIN, door=COMMAND_LINE.door)


class Direct:
    """Whoever can read the database's password may do everything, so no role is asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk

    async def ask(self, ask: Ask[T]) -> T:
        return cast("T", await self._handled(ask))

    async def lines(self, ask: Ask[bytes]) -> AsyncIterator[bytes]:
        async for part in await self._handled(ask):
            yield part

    async def _handled(self, ask: Ask[Any]) -> Any:
        call = Call(
            desk=self._desk,
            caller=_CALLER,
            parts=ask.parts,
            query=ask.given if ask.is_query else None,
            body=None if ask.is_query else ask.given,
            stream=ask.stream() if ask.file is not None else None,
            media=ask.media if ask.file is not None else "",
        )
        try:
            return await ask.route.handler(call)
        except Refusal as refusal:
            raise error_of(problems.of(refusal)[0]) from None


@asynccontextmanager
async def direct(settings: Settings) -> AsyncIterator[Direct]:
    """Raises Rejected for a database that is not there, and SyncdError for one with another schema."""
    async with opened(settings.database_url.get_secret_value()) as database:
        yield Direct(Desk(database=database, settings=settings))
