"""A point of `syncd check`: one thing that must hold, whether it does, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Proof(StrEnum):
    """What LinkedIn's reviewers ask of an integration (`linkedin-api.md` §10), in the words of the table."""

    SCOPES = "right scopes"
    TOKEN_CHECK = "periodic token check"  # noqa: S105 - what is asked for, not a secret
    ACCESS_END = "end of access token noticed, refreshed"
    REFRESH_END = "end of refresh token noticed in time"
    AUDIENCES = "ad accounts and every audience listed"
    VIEWER = "VIEWER refused, readably"
    IDENTIFIERS = "customer chooses identifiers"
    DELETED = "deleted audience not used any more"
    NOTICES = "both notices shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """`evidence` is what was seen, in words for a person; `proves` the point of LinkedIn's sign-off it is evidence for,
    empty for what only syncd asks. `soon` says that it holds and somebody should act before it does not.
    """

    name: str
    ok: bool
    evidence: str
    proves: str = ""
    soon: bool = False
