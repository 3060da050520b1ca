"""Calls on behalf of one member, outside the stream: each waits for its pacer, has a token that works, and stops when
the member is not ours any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from syncd.domain.outcome import Failure, Throttled, TokenRefused, Unclear
from syncd.domain.retry import Dice, throttle_wait
from syncd.linkedin.auth import Access, Again, TokenSource
from syncd.linkedin.pacing import Pacer
from syncd.linkedin.transport import Transport

T = TypeVar("T")

_TRIES: Final = 8


class Caller:
    """One member's voice. `may_call` says whether the lease still holds."""

    def __init__(
        self,
        transport: Transport,
        tokens: TokenSource,
        pacer: Pacer,
        *,
        may_call: Callable[[], bool],
        sleep: Callable[[float], Awaitable[object]],
        dice: Dice,
    ) -> None:
        self.transport: Final = transport
        self.tokens: Final = tokens
        self._pacer = pacer
        self._may_call = may_call
        self._sleep = sleep
        self._dice = dice
        self._throttled_in_a_row = 0

    async def ask(self, request: Callable[[Transport, str], Awaitable[T | Failure]]) -> T | Failure:
        """Makes one call; a refused token is replaced and the call made again, as long as that can help."""
        words = "the member's lease is not held"
        for _ in range(_TRIES):
            access = await self.tokens.access()
            if not isinstance(access, Access):
                if not isinstance(access, Again):
                    return TokenRefused(access.words)
                words = access.words
                await self._sleep(access.wait)
                continue
            answer = await self._paced(request, access.token)
            if not isinstance(answer, TokenRefused):
                return answer
            words = answer.words
            verdict = await self.tokens.refused(access, answer.words)
            if not isinstance(verdict, Again):
                return TokenRefused(verdict.words, answer.uuid)
            await self._sleep(verdict.wait)
        return Unclear(words, lingering=False)

    async def gather(self, listing: Callable[[Transport, str], AsyncIterator[list[T] | Failure]]) -> list[T] | Failure:
        """Everything a finder lists, a paced request a page; a page that fails ends it, a refused token begins it anew."""
        found: list[T] = []
        pages: AsyncIterator[list[T] | Failure] | None = None

        async def page(transport: Transport, token: str) -> list[T] | Failure | None:
            nonlocal pages
            if pages is None:
                found.clear()
                pages = listing(transport, token)
            got = await anext(pages, None)
            if got is not None and not isinstance(got, list):
                pages = None
            return got

        while True:
            answer = await self.ask(page)
            if answer is None:
                return found
            if not isinstance(answer, list):
                return answer
            found += answer

    async def _paced(self, request: Callable[[Transport, str], Awaitable[T | Failure]], token: str) -> T | Failure:
        await self._pacer.admit()
        answered = True
        try:
            if not self._may_call():
                return Unclear("the member's lease is not held", lingering=False)
            answered = False
            answer = await request(self.transport, token)
            answered = not (isinstance(answer, Unclear) and answer.lingering)
        finally:
            self._pacer.done(answered=answered)
        if isinstance(answer, Throttled):
            self._throttled_in_a_row += 1
            wait = throttle_wait(answer.scope, self._throttled_in_a_row, answer.retry_after, self._dice)
            self._pacer.shut(wait, probe=True)
        else:
            self._throttled_in_a_row = 0
            self._pacer.open()
        return answer
