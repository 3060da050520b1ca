"""The access token of one member: taken from its files or from the vault, refreshed ahead of its end, replaced after a
401, by one refresh at a time in this process (a lock) and over all replicas (the vault's claim).

A token is stored before it is used. While an access token still works, nothing waits for its replacement. What failed
is remembered until it is worth another try, so that a hundred callers with the same 401 ask LinkedIn once.
Wall-clock times are seconds since 1970, as tokens end by the calendar.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from syncd.domain.retry import DATABASE, OUTAGE
from syncd.domain.token import Tokens
from syncd.errors import BadConfiguration, Transient
from syncd.linkedin.oauth import Again, Dead, Verdict, granted, redeeming, refreshing, token_url
from syncd.linkedin.tokenfiles import TokenFiles, read_secret
from syncd.linkedin.transport import Transport

__all__ = ["Access", "Again", "Dead", "TokenSource", "Vault", "Verdict"]

FRESH: Final = 30.0
"""Seconds during which a new token may be refused because LinkedIn has not spread it yet."""
PATIENCE: Final = 5
_PAUSE: Final = 2.0
_DAY: Final = 86_400.0
_POLL: Final = 0.5
_LOOK_AGAIN: Final = 30.0


class Vault(Protocol):
    """Where a member's tokens live for all replicas. `save` survives the cancellation of its caller. Any may raise
    Transient, which is an `Again` to whoever wants a token; `read` BadConfiguration when no key opens what is stored,
    which is `Dead`: to refresh all the same would destroy what the right key still opens.
    """

    async def read(self) -> Tokens | None: ...

    async def claim(self, seconds: float) -> bool:
        """The right to refresh, across replicas, for so long."""

    async def save(self, tokens: Tokens) -> None:
        """Committed before use; ends the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A token to call with. `generation` tells this token from earlier ones; `ends` and `fresh_until` are wall times."""

    token: str = field(repr=False)
    generation: int
    ends: float | None
    fresh_until: float


@dataclass(frozen=True, slots=True)
class _Held:
    """The tokens in use, since when, and from when on they should be replaced."""

    tokens: Tokens
    generation: int
    fresh_until: float
    due: float | None

    def ended(self, now: float) -> bool:
        ends = self.tokens.access_ends
        return not self.tokens.access or (ends is not None and now >= ends)


class TokenSource:
    """One member's. Without a refresh token and an application it only follows its file, and needs no vault."""

    def __init__(  # noqa: PLR0913 - one call, in the composition root
        self,
        *,
        access_token_file: Path | None,
        refresh_token_file: Path | None,
        client_id: str | None,
        client_secret_file: Path | None,
        vault: Vault | None,
        transport: Transport,
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._files = TokenFiles(access_token_file, refresh_token_file)
        self._client_id = client_id
        self._client_secret_file = client_secret_file
        self._vault = vault
        self._transport = transport
        self._wall = wall
        self._sleep = sleep
        self._dice = dice
        self._lock = asyncio.Lock()
        self._held: _Held | None = None
        self._failures = 0
        self._failed: tuple[float, Verdict] | None = None
        self._refusals = 0
        self._patient_until = 0.0

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """When the access token and the refresh token end, as far as known."""
        held = self._held
        return (None, None) if held is None else (held.tokens.access_ends, held.tokens.refresh_ends)

    async def access(self) -> Access | Verdict:
        """A token to call with; `Again` or `Dead` when there is none that could work."""
        if (quick := self._at_hand(replacing=self._lock.locked())) is not None:
            return quick
        try:
            return await self._obtained()
        except (Transient, BadConfiguration) as error:
            held = self._held  # the vault is away for now, or closed: what still works serves
            return _stopped(error) if held is None or held.ended(self._wall()) else _access(held)

    async def _obtained(self) -> Access | Verdict:
        async with self._lock:
            if (quick := self._at_hand(replacing=False)) is not None:
                return quick
            await self._look()
            held, verdict = self._held, None
            if held is not None and self._due(held):
                verdict = await self._renew(held)
                held = self._held
            if held is not None and not held.ended(self._wall()):
                return _access(held)
            if verdict is None and held is not None and held.tokens.access:
                return _access(held)  # it cannot be refreshed: LinkedIn has the last word
            return verdict or Dead("no token file can be read, and no token is stored")

    async def refused(self, access: Access, words: str) -> Verdict:
        """What to do after a 401 for `access`: call again with what `access()` gives then, or give up."""
        try:
            return await self._judged(access, words)
        except (Transient, BadConfiguration) as error:
            return _stopped(error)

    async def _judged(self, access: Access, words: str) -> Verdict:
        async with self._lock:
            held = self._held
            if held is None or held.generation != access.generation:
                return Again(0.0, words)
            if await self._look(thoroughly=True):
                return Again(0.0, words)
            now = self._wall()
            if 0 <= held.fresh_until - now <= FRESH:
                return self._patiently(now, words)
            if not self._can_refresh(held.tokens):
                return Dead(words)
            return await self._renew(held) or Again(0.0, words)

    async def redeem(self, code: str, redirect_uri: str) -> Verdict | None:
        """Trades the code of a consent for tokens and stores them; None once they are. They take the place of those in the
        files, until a file changes.
        """
        secret = read_secret(self._client_secret_file)
        if secret is None or self._client_id is None:
            return Dead("the file of the client secret cannot be read")
        in_files = self._files.read()
        old = Tokens(access="", source=in_files.source if in_files is not None else "")
        form = redeeming(code, redirect_uri, self._client_id, secret)
        answer = await self._transport.form(token_url(self._transport.endpoint.oauth_url), form)
        found = granted(answer, old, self._wall())
        if not isinstance(found, Tokens):
            return found
        await self._kept(found)
        self._adopt(found, new=True)
        return None

    def _at_hand(self, *, replacing: bool) -> Access | None:
        """The token in use, unless there is a reason to look for another one first. One that is due still serves while
        somebody is `replacing` it, and after a failure until the next try.
        """
        held, now = self._held, self._wall()
        if held is None or held.ended(now):
            return None
        serves = replacing or not self._due(held) or (self._failed is not None and now < self._failed[0])
        return _access(held) if serves and not self._files.changed() else None

    def _due(self, held: _Held) -> bool:
        if not self._can_refresh(held.tokens):
            return False
        return not held.tokens.access or (held.due is not None and self._wall() >= held.due)

    def _can_refresh(self, tokens: Tokens) -> bool:
        return bool(tokens.refresh and self._client_id and self._client_secret_file)

    async def _look(self, *, thoroughly: bool = False) -> bool:
        """Takes what files or vault hold; says whether that is another access token than the one in use. Files win
        over a stored token that does not descend from them.
        """
        in_files = self._files.read() if thoroughly or self._files.changed() else self._files.content
        stored = None if self._vault is None else await self._vault.read()
        found = stored if stored and (in_files is None or stored.source == in_files.source) else in_files
        if found is None or (self._held and found is in_files and found.source == self._held.tokens.source):
            return False  # nothing, or the origin of what is in use
        return self._adopt(found)

    def _adopt(self, tokens: Tokens, *, new: bool = False) -> bool:
        held, now = self._held, self._wall()
        if held is not None and held.tokens == tokens:
            return False
        another = held is None or held.tokens.access != tokens.access
        spreading = new or held is not None or not self._can_refresh(tokens)
        ends = tokens.access_ends
        self._held = _Held(
            tokens=tokens,
            generation=(held.generation if held else 0) + another,
            fresh_until=(now + FRESH if spreading else now - 1) if another or held is None else held.fresh_until,
            due=None if ends is None else ends - min(0.1 * max(ends - now, 0.0), _DAY),
        )
        self._failed, self._failures = None, 0
        if another:
            self._refusals, self._patient_until = 0, 0.0
        return another

    def _patiently(self, now: float, words: str) -> Verdict:
        """A fresh token was refused: a few pauses for all callers together, then it is believed."""
        if 0 < self._patient_until - now <= _PAUSE:
            return Again(self._patient_until - now, words)
        if self._refusals >= PATIENCE:
            return Dead(words)
        self._refusals += 1
        self._patient_until = now + _PAUSE
        return Again(_PAUSE, words)

    async def _renew(self, held: _Held) -> Verdict | None:
        """A new token by our refresh or by another replica's; None when there is one."""
        if self._failed is not None and 0 < (left := self._failed[0] - self._wall()) <= 2 * _DAY:
            verdict = self._failed[1]
            return Again(left, verdict.words) if isinstance(verdict, Again) else verdict
        if self._vault is None:
            return await self._refresh(held.tokens)
        lasting = self._transport.endpoint.request_timeout + 10.0
        for _ in range(int(lasting / _POLL) + 1):
            if await self._vault.claim(lasting):
                return await self._refresh_claimed(held)
            await self._sleep(_POLL)
            if await self._look():
                return None
        return Again(_POLL, "another replica refreshes the token")

    async def _refresh_claimed(self, held: _Held) -> Verdict | None:
        """With the claim: another replica may have been faster just before; the claim ends by saving, whatever came."""
        assert self._vault is not None
        found = await self._look()
        held = self._held or held
        if found:
            await self._vault.save(held.tokens)
            return None
        verdict = await self._refresh(held.tokens)
        if verdict is not None:
            await self._vault.save(held.tokens)
        return verdict

    async def _refresh(self, tokens: Tokens) -> Verdict | None:
        secret = read_secret(self._client_secret_file)
        if secret is None or tokens.refresh is None or self._client_id is None:
            return self._failure(Dead("the file of the client secret cannot be read"))
        form = refreshing(tokens.refresh, self._client_id, secret)
        asked = self._wall()
        answer = await self._transport.form(token_url(self._transport.endpoint.oauth_url), form)
        found = granted(answer, tokens, asked)
        if not isinstance(found, Tokens):
            return self._failure(found)
        await self._kept(found)
        self._adopt(found, new=True)
        return None

    async def _kept(self, tokens: Tokens) -> None:
        """Stores new tokens, as often as it takes: LinkedIn may not give them a second time."""
        failures = 0
        while self._vault is not None:
            try:
                await self._vault.save(tokens)
            except Transient:
                failures += 1
                await self._sleep(DATABASE.wait(failures, self._dice))
            else:
                return

    def _failure(self, verdict: Verdict) -> Verdict:
        self._failures += 1
        wait = _LOOK_AGAIN
        if isinstance(verdict, Again):
            wait = max(verdict.wait, OUTAGE.wait(self._failures, self._dice))
            verdict = Again(wait, verdict.words)
        self._failed = (self._wall() + wait, verdict)
        return verdict


def _stopped(error: Transient | BadConfiguration) -> Verdict:
    return Again(_POLL, str(error)) if isinstance(error, Transient) else Dead(str(error))


def _access(held: _Held) -> Access:
    return Access(
        token=held.tokens.access,
        generation=held.generation,
        ends=held.tokens.access_ends,
        fresh_until=held.fresh_until,
    )
