"""What can be targeted: facets, and their entities."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from syncd.domain.notices import TARGETING, Notice
from syncd.domain.targeting import Entity, Facet
from syncd.errors import Rejected
from syncd.operations import scopes, voices
from syncd.operations.refusals import told
from syncd.operations.targets import facet
from syncd.operations.voices import Clock
from syncd.planning import discovery
from syncd.planning.discovery import Unsearchable
from syncd.settings import Settings
from syncd.store.engine import Database

MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetList:
    notices: tuple[Notice, ...]
    facets: list[Facet]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityList:
    notices: tuple[Notice, ...]
    entities: list[Entity]


async def facets(
    database: Database, settings: Settings, clock: Clock = Clock(), *, accounts: Collection[str] | None = None
) -> FacetList:
    """All facets LinkedIn has."""
    member = await scopes.voice(database, settings, accounts)
    async with voices.speaking(settings, member, database, clock) as caller:
        found = await discovery.every_facet(caller)
    if not isinstance(found, list):
        raise told(found)
    return FacetList(notices=TARGETING, facets=found)


async def entities(  # noqa: PLR0913 - what is looked for, and who asks
    database: Database,
    settings: Settings,
    text: str,
    named: tuple[str, ...],
    most: int,
    clock: Clock = Clock(),
    *,
    accounts: Collection[str] | None = None,
) -> EntityList:
    """Entities by some letters of their name, in the named facets or in all that can be searched; of audiences those of
    these ad accounts only.
    """
    names = tuple(facet(one) for one in named)
    if not text.strip() and not names:
        raise Rejected("say what to look for, or in which facet: `syncd entities germany`, or --facet seniorities")
    if not 1 <= most <= MOST:
        raise Rejected(f"--limit is 1 to {MOST}")
    member = await scopes.voice(database, settings, accounts)
    async with voices.speaking(settings, member, database, clock) as caller:
        found = await discovery.find(caller, text.strip(), names, most)
    if isinstance(found, Unsearchable):
        raise Rejected(found.words)
    if not isinstance(found, list):
        raise told(found)
    foreign = await scopes.foreign(database, accounts, [{one.facet: (one.urn,)} for one in found])
    return EntityList(notices=TARGETING, entities=[one for one in found if one.urn not in foreign])
