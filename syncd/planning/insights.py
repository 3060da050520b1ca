"""Insights of an audience: one call a grouping, one more for the names of its entities, and both kept for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import msgspec

from syncd.domain.insight import Insight, Question
from syncd.domain.outcome import Failure
from syncd.linkedin import entities, insights
from syncd.linkedin.caller import Caller
from syncd.store import insights as rows
from syncd.store.engine import Database

KEPT: Final = 86_400.0
"""Seconds an answer is good for: counts are approximate, and a segment takes up to a day to take changes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An insight, and when LinkedIn gave it, in seconds since 1970."""

    insight: Insight
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Asks for one segment; `most_age` says how old an answer may be, in seconds."""

    database: Database
    caller: Caller
    segment_id: int
    most_age: float = KEPT

    async def ask(self, question: Question) -> Answered | Failure:
        """What LinkedIn says now, or said not long ago of an audience that was large enough. Raises Transient."""
        digest = sha256(msgspec.json.encode(question, order="deterministic")).hexdigest()
        async with self.database.read() as connection:
            known = await rows.cached(connection, self.segment_id, digest, self.most_age)
        if known is not None and (before := msgspec.json.decode(known[0], type=Insight)).total:
            return Answered(insight=before, at=known[1])
        found = await self.caller.ask(lambda transport, token: insights.ask(transport, token=token, question=question))
        if not isinstance(found, Insight):
            return found
        named = await self._named(found)
        text = msgspec.json.encode(named).decode()
        at = await self.database.transact(lambda c: rows.keep(c, self.segment_id, digest, text))
        return Answered(insight=named, at=at)

    async def _named(self, insight: Insight) -> Insight:
        """By their URNs, else out of all that the facet has; what LinkedIn does not name keeps its URN."""
        urns = [group.entity for group in insight.groups]
        if not urns:
            return insight
        found = await self.caller.gather(lambda transport, token: entities.named(transport, token=token, urns=urns))
        if not isinstance(found, list):
            facet = insight.grouping.value
            found = await self.caller.gather(
                lambda transport, token: entities.of_facet(transport, token=token, facet=facet)
            )
        names = {one.urn: one.name for one in found} if isinstance(found, list) else {}
        groups = tuple(replace(group, name=names.get(group.entity, group.name)) for group in insight.groups)
        return replace(insight, groups=groups)
