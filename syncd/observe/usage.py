"""How much of LinkedIn's limits is in use: what the pacers of this replica's own members last said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from syncd.domain.events import Event, LimitSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Requests of the last minute to a resource, beside its limit."""

    resource: str
    last_minute: int
    limit: int


class Usage:
    """Keeps the last word of each pacer."""

    def __init__(self) -> None:
        self._uses: Final[dict[str, dict[str, Use]]] = {}

    def handle(self, event: Event) -> None:
        if isinstance(event, LimitSeen):
            use = Use(resource=event.resource, last_minute=event.last_minute, limit=event.limit)
            self._uses.setdefault(event.member, {})[event.resource] = use

    def forget(self, member: str) -> None:
        """Another replica works for it now."""
        self._uses.pop(member, None)

    def of(self, member: str) -> list[Use]:
        """Nothing for a member that another replica works for."""
        return [use for _, use in sorted(self._uses.get(member, {}).items())]
