"""Who may do what: three roles, each with all that the one below it may, and for some people only certain ad accounts.

A `Person` is whoever is at the door: somebody signed in, a program with a token, or the command line. `By` is what the
audit remembers of them: who, by which door, and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncd.errors import Rejected

LONGEST_REASON: Final = 500
_PERSONAL: Final = re.compile(r"[^\s@]@[^\s@]|[0-9a-fA-F]{32,}")


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether whoever has this role may do what needs the other."""
        return _RANKS.index(self) >= _RANKS.index(needed)


_RANKS: Final = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


class Door(StrEnum):
    """By which way somebody came in."""

    CONSOLE = "console"
    TOKEN = "token"  # noqa: S105 - the name of a door, no secret
    SHELL = "shell"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts and why, for the audit. `id` names whoever came by the console or with a token; `key` is the idempotency key
    that their request came with, which is marked in the transaction that does what it asks for.
    """

    name: str
    door: Door
    reason: str = ""
    id: str = ""
    key: str | None = None

    def __post_init__(self) -> None:
        if len(self.reason) > LONGEST_REASON:
            raise Rejected(f"a reason has at most {LONGEST_REASON} characters")
        if _PERSONAL.search(self.reason):
            raise Rejected("a reason is kept: it holds no e-mail address and no hash; name a ticket instead")


COMMAND_LINE: Final = By(name="command line", door=Door.SHELL)
DAEMON: Final = By(name="syncd", door=Door.DAEMON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whoever is at the door. `id` names them for ever (`person:3`, `token:7`), `accounts` is None where all are theirs;
    `key` is the idempotency key of what they ask now.
    """

    id: str
    name: str
    role: Role
    door: Door
    accounts: frozenset[str] | None = None
    key: str | None = None

    def may(self, needed: Role) -> bool:
        return self.role.covers(needed)

    def sees(self, account: str) -> bool:
        """Whether an ad account is one of theirs."""
        return self.accounts is None or account in self.accounts

    def by(self, reason: str = "") -> By:
        """What the audit remembers of them. Raises Rejected for a reason that names a person."""
        return By(name=self.name, door=self.door, reason=reason.strip(), id=self.id, key=self.key)
