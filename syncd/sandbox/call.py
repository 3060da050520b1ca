"""One admitted call to the Rest API, as the resources see it: no sockets, no headers they need not read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .answers import Answer
from .faults import RefuseElements
from .journal import Entry
from .people import AccessToken, Member
from .restli import Target

if TYPE_CHECKING:
    from .world import World


@dataclass(slots=True, kw_only=True)
class Call:
    target: Target
    method: str
    body: bytes
    token: AccessToken
    entry: Entry
    origin: str
    refusals: list[tuple[RefuseElements, list[str]]] = field(default_factory=list)

    @property
    def member(self) -> Member:
        return self.token.member

    @property
    def segment_id(self) -> str:
        return self.target.parts[1]


Handler: TypeAlias = "Callable[[World, Call], Answer]"
