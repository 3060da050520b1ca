"""A person as somebody types one: an e-mail or a hash of one, turned into ids at once; the text goes no further."""

from __future__ import annotations

from syncd.domain.erasing import ids_of
from syncd.domain.identity import Invalid, Key
from syncd.domain.suppression import SuppressionKey
from syncd.errors import BadConfiguration, Rejected
from syncd.settings import Settings


def asked_for(person: str) -> tuple[Key, ...]:
    """The ids of whom it names. Raises Rejected, without what was given."""
    ids = ids_of(person)
    if isinstance(ids, Invalid):
        raise Rejected(f"this names nobody: give an e-mail address or its SHA-256 or SHA-512 in hex ({ids.detail})")
    return ids


def key_if_any(settings: Settings) -> SuppressionKey | None:
    key = settings.erasure.key
    return SuppressionKey(key.get_secret_value()) if key is not None else None


def key_of(settings: Settings) -> SuppressionKey:
    """The key people are suppressed under. There is none that could be made up and kept beside what it protects."""
    key = key_if_any(settings)
    if key is None:
        raise BadConfiguration(
            "erasure.key (SYNCD_ERASURE__KEY or its _FILE form) must be set, here and for the daemon, and never change: "
            "openssl rand -base64 32 | tr '+/' '-_'"
        )
    return key
