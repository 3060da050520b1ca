"""What the CRM's history means, told by nothing of syncd's: a second normaliser, and the fold of a history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.records import Row

_INVISIBLE = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"}
_METADATA = {"name": "companyName", "website_domain": "companyWebsiteDomain", "city": "city"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row as it must be understood; `identity` is empty for a REMOVE that names its subject only."""

    row: Row
    identity: str
    keys: tuple[str, ...]


def meaning(row: Row, kind: str) -> Meaning | None:
    """None for a row that must become a dead letter."""
    if row.action not in {"ADD", "REMOVE"}:
        return None
    payload = json.loads(row.payload)
    found = None
    if isinstance(payload, dict):
        found = _company(payload) if kind == "company" else _user(payload)
    if found is not None:
        return Meaning(row, *found)
    return Meaning(row, "", ()) if row.subject is not None and row.action == "REMOVE" else None


def _user(payload: dict[str, object]) -> tuple[str, tuple[str, ...]] | None:
    if any(not isinstance(value, str) for value in payload.values()):
        return None
    keys = []
    if email := payload.get("email"):
        text = "".join(c for c in str(email) if not c.isspace() and c not in _INVISIBLE).lower()
        local, _, domain = text.partition("@")
        if not local or "." not in domain or "@" in domain or not all(domain.split(".")):
            return None
        keys.append("SHA256_EMAIL:" + hashlib.sha256(text.encode()).hexdigest())
    elif given := payload.get("sha256_email"):
        keys.append("SHA256_EMAIL:" + str(given).lower())
    if aid := payload.get("google_aid"):
        keys.append("GOOGLE_AID:" + str(aid).lower())
    return (keys[0], tuple(keys)) if keys else None


def _company(payload: dict[str, object]) -> tuple[str, tuple[str, ...]] | None:
    if any(not isinstance(payload.get(field, ""), str) for field in ("name", "website_domain", "email")):
        return None
    given = {name: str(value).strip() for name, value in payload.items() if name in _METADATA}
    whole = json.dumps({_METADATA[name]: value for name, value in given.items()}, sort_keys=True)
    identity = company_identity(whole)
    return (identity, (whole,)) if identity else None


def company_identity(metadata: str) -> str:
    given = json.loads(metadata)
    if domain := given.get("companyWebsiteDomain"):
        return f"website_domain:{domain.lower()}"
    return f"name:{given['companyName'].lower()}" if given.get("companyName") else ""


@dataclass(slots=True)
class Fold:
    """Who is in a segment: identity → the keys it may have (users) or must have (companies)."""

    present: dict[str, tuple[str, ...]] = field(default_factory=dict)
    every: dict[str, set[str]] = field(default_factory=dict)
    _anonymous: set[str] = field(default_factory=set)
    _subjects: dict[str, str] = field(default_factory=dict)

    def _held(self, identity: str) -> bool:
        return identity in self._anonymous or identity in self._subjects.values()

    def take(self, meant: Meaning) -> None:
        row, identity = meant.row, meant.identity
        if identity:
            self.every.setdefault(identity, set()).update(meant.keys)
        if row.subject is None:
            if row.action == "ADD":
                self._anonymous.add(identity)
                self.present[identity] = meant.keys
                return
            self._anonymous.discard(identity)
            for subject in [one for one, held in self._subjects.items() if held == identity]:
                self._subjects[subject] = ""
            self.present.pop(identity, None)
            return
        known = row.subject in self._subjects
        held = self._subjects.get(row.subject, "")
        leaving = held if row.action == "REMOVE" or held != identity else ""
        if row.action == "REMOVE" and not known:
            leaving = identity
        self._subjects[row.subject] = identity if row.action == "ADD" else ""
        if leaving and not self._held(leaving):
            self.present.pop(leaving, None)
        if row.action == "ADD":
            self.present[identity] = meant.keys


def fold(meanings: Iterable[Meaning]) -> Fold:
    """The history in the order of its ids."""
    folded = Fold()
    for meant in sorted(meanings, key=lambda one: one.row.id):
        folded.take(meant)
    return folded
