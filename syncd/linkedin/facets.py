"""Targeting facets: what can be targeted, and how the entities of each are found (reference 001)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from syncd.domain.outcome import Failure
from syncd.domain.targeting import FACET_URN, Facet
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport

_PATH: Final = "/adTargetingFacets"


class _Facet(msgspec.Struct, rename="camel"):
    """The URN has several names: `urn` in reference 001, `$URN` and `adTargetingFacetUrn` elsewhere."""

    facet_name: str
    urn: str | None = None
    dollar_urn: str | None = msgspec.field(name="$URN", default=None)
    ad_targeting_facet_urn: str | None = None
    entity_types: list[str] | None = None
    available_entity_finders: list[str] | None = None


async def every(transport: Transport, *, token: str) -> AsyncIterator[list[Facet] | Failure]:
    """Page by page; a failure is the last item."""
    async for page in pages(transport, token=token, path=_PATH, query="", shape=_Facet):
        yield [_facet(one) for one in page] if isinstance(page, list) else page


def _facet(raw: _Facet) -> Facet:
    return Facet(
        name=raw.facet_name,
        urn=raw.urn or raw.dollar_urn or raw.ad_targeting_facet_urn or FACET_URN + raw.facet_name,
        entity_types=tuple(raw.entity_types or ()),
        finders=tuple(raw.available_entity_finders or ()),
    )
