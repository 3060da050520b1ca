"""The API as commands see it: they ask, one thing after the other, and print what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self, TypeVar

import msgspec

from syncd.admin.api.wire import Paged
from syncd.cli.asking import Ask, Face, asked
from syncd.operations.paging import MOST, Page

T = TypeVar("T")


class Paging(Protocol):
    """A part of a list."""

    @property
    def items(self) -> Sequence[object]: ...

    @property
    def next_cursor(self) -> str | None: ...


P = TypeVar("P", bound=Paging)


class Api:
    """Asks whoever answers, who is met at the first question. Everything raises SyncdError."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Face]]) -> None:
        self._opening: Final = opening
        self._runner: Final = asyncio.Runner()
        self._stack: Final = AsyncExitStack()
        self._face: Face | None = None

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.__exit__(kind, error, at)

    def ask(
        self,
        route: str,
        answer: type[T],
        given: msgspec.Struct | None = None,
        *,
        file: BinaryIO | None = None,
        **parts: object,
    ) -> T:
        """The answer to one request, by the name of its route: `POST /segments/{segment}/pause`."""
        ask = asked(route, answer, given, parts, file)
        return self._runner.run(self._asked(ask))

    async def _asked(self, ask: Ask[T]) -> T:
        return await (await self._met()).ask(ask)

    async def _met(self) -> Face:
        if self._face is None:
            self._face = await self._stack.enter_async_context(self._opening())
        return self._face

    def lines(self, route: str, given: msgspec.Struct | None = None, **parts: object) -> Iterator[bytes]:
        """An answer that is no JSON, part by part."""
        ask = asked(route, bytes, given, parts)
        parts_of = self._runner.run(self._met()).lines(ask)

        async def following() -> bytes | None:
            return await anext(parts_of, None)

        while (part := self._runner.run(following())) is not None:
            yield part

    def pages(self, route: str, answer: type[P], query: Paged, most: int | None = None) -> Iterator[P]:
        """A list page by page, until it ends or `most` of it are there."""
        left, cursor = most, None
        while left is None or left > 0:
            limit = MOST if left is None else min(MOST, left)
            page = self.ask(route, answer, msgspec.structs.replace(query, cursor=cursor, limit=limit))
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
            left = None if left is None else left - len(page.items)

    def every(self, route: str, answer: type[Page[T]], query: Paged, most: int | None = None) -> list[T]:
        """The beginning of a list, or all of it."""
        return [one for page in self.pages(route, answer, query, most) for one in page.items]
