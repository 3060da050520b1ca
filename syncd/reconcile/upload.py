"""A list becomes a segment of LinkedIn's: the file first, then the segment, then the one put into the other.

So a file that cannot be uploaded leaves no empty segment behind. That a segment is about to be made is committed before
it is: one found later under our key is known to be ours, whatever crashed in between. Doing all of it again is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Kind
from syncd.domain.outcome import Conflict, Failure, NotThere
from syncd.domain.segment import Status
from syncd.linkedin import listuploads
from syncd.linkedin import segments as dmp
from syncd.linkedin.caller import Caller
from syncd.linkedin.segments import NewSegment
from syncd.store import segments
from syncd.store.engine import Database
from syncd.store.segments import Binding, Declared

_SETTLES: Final = 5.0
"""Seconds after which a new segment takes data (reference 002)."""
_TRIES: Final = 24
"""Two minutes: the longest a new segment was seen to stay invisible."""
_TYPES: Final = {Kind.USER: "USER_LIST_UPLOAD", Kind.COMPANY: "COMPANY_LIST_UPLOAD"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A segment stands under our key that this database never meant to make."""

    dmp_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The list is LinkedIn's to match now, which takes up to 48 h."""

    dmp_id: int
    media: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """Uploads for one member."""

    database: Database
    caller: Caller
    instance: str
    sleep: Callable[[float], Awaitable[object]]

    async def upload(self, wanted: Declared, file: bytes) -> Filled | Foreign | Failure:
        """Fills the segment with the file, and makes it first if need be. Raises Transient."""
        url = await self.caller.ask(
            lambda transport, token: listuploads.place(transport, token=token, account=wanted.account)
        )
        if not isinstance(url, str):
            return url
        media = await self.caller.ask(
            lambda transport, token: listuploads.put(transport, token=token, url=url, file=file)
        )
        if not isinstance(media, str):
            return media
        known = await self._known(wanted.key)
        dmp_id = known.segment.dmp_id if known is not None else None
        is_new = dmp_id is None
        if dmp_id is None:
            made = await self._made(wanted, known)
            if not isinstance(made, int):
                return made
            dmp_id = made
        failure = await self._attach(dmp_id, media, is_new=is_new)
        return failure or Filled(dmp_id=dmp_id, media=media, is_new=is_new)

    async def _known(self, key: str) -> Binding | None:
        async with self.database.read() as connection:
            return await segments.find(connection, key)

    async def _made(self, wanted: Declared, known: Binding | None) -> int | Foreign | Failure:
        ours = f"{self.instance}:{wanted.key}"
        found = await self.caller.ask(
            lambda transport, token: dmp.find(
                transport,
                token=token,
                account=wanted.account,
                source_segment_id=ours,
                source_platform=listuploads.PLATFORM,
            )
        )
        if not isinstance(found, tuple):
            return found
        if found and (known is None or not known.intended):
            return Foreign(found[0].id)
        await self.database.transact(lambda connection: segments.intend_list(connection, wanted))
        if found:
            return await self._bound(wanted.key, found[0].id)
        new = NewSegment(
            name=wanted.name,
            account=wanted.account,
            source_platform=listuploads.PLATFORM,
            source_segment_id=ours,
            kind=_TYPES[Kind(wanted.kind)],
        )
        made = await self.caller.ask(lambda transport, token: dmp.create(transport, token=token, segment=new))
        if not isinstance(made, int):
            return made
        await self._bound(wanted.key, made)
        await self.sleep(_SETTLES)
        return made

    async def _bound(self, key: str, dmp_id: int) -> int:
        async def work(connection: AsyncConnection) -> None:
            binding = await segments.find(connection, key)
            assert binding is not None
            await segments.bind(connection, binding.segment, dmp_id, bound_at=None, ad_segment=None)
            await segments.observe(connection, binding.segment, Status.BUILDING, {})

        await self.database.transact(work)
        return dmp_id

    async def _attach(self, dmp_id: int, media: str, *, is_new: bool) -> Failure | None:
        """A segment just made may not be visible yet, and one in the middle of something refuses for a moment."""
        failure: Failure | None = None
        for _ in range(_TRIES):
            failure = await self.caller.ask(
                lambda transport, token: listuploads.attach(transport, token=token, dmp_id=dmp_id, media=media)
            )
            if not isinstance(failure, Conflict) and not (is_new and isinstance(failure, NotThere)):
                return failure
            await self.sleep(_SETTLES)
        return failure
