"""Targeting entities: the values of a facet, by search, all of them, or by their URNs (reference 001)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Final
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Failure
from syncd.domain.targeting import FACET_URN, Entity
from syncd.linkedin.answers import decoded
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport

_PATH: Final = "/adTargetingEntities"
_URNS: Final = "queryVersion=QUERY_USES_URNS"


class _Entity(msgspec.Struct, rename="camel"):
    urn: str
    name: str | None = None
    facet_urn: str | None = None


class _Page(msgspec.Struct):
    elements: list[_Entity]


async def search(transport: Transport, *, token: str, facet: str, text: str, most: int) -> list[Entity] | Failure:
    """The first `most` (at most 100) entities of a facet that LinkedIn finds for a text; `facet` is its name."""
    query = f"q=typeahead&query={quote(text, safe='')}&{_of(facet)}&{_URNS}&start=0&count={most}"
    page = decoded(await transport.call("GET", _PATH, token=token, query=query), _Page)
    return _entities(page.elements) if isinstance(page, _Page) else page


async def of_facet(transport: Transport, *, token: str, facet: str) -> AsyncIterator[list[Entity] | Failure]:
    """All entities of a facet, page by page; a failure is the last item."""
    query = f"q=adTargetingFacet&{_of(facet)}&{_URNS}"
    async for page in pages(transport, token=token, path=_PATH, query=query, shape=_Entity):
        yield _entities(page) if isinstance(page, list) else page


async def named(transport: Transport, *, token: str, urns: Collection[str]) -> AsyncIterator[list[Entity] | Failure]:
    """The entities of these URNs, page by page; those LinkedIn does not know are left out."""
    query = f"q=urns&urns=List({','.join(quote(one, safe='') for one in urns)})&{_URNS}"
    async for page in pages(transport, token=token, path=_PATH, query=query, shape=_Entity):
        yield _entities(page) if isinstance(page, list) else page


def _of(facet: str) -> str:
    return f"facet={quote(FACET_URN + facet, safe='')}"


def _entities(page: list[_Entity]) -> list[Entity]:
    return [
        Entity(name=one.name or one.urn, urn=one.urn, facet=(one.facet_urn or "").removeprefix(FACET_URN))
        for one in page
    ]
