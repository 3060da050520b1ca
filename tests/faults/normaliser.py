"""Who a payload names, worked out a second time from the design alone, so that syncd cannot agree with its own mistake.

Nothing of syncd is imported. Keys are the texts under which the sandbox lists its members.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_ZERO_WIDTH = {0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF}
_NOTHING = {hashlib.sha256(b"").hexdigest(), hashlib.sha512(b"").hexdigest()}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_COMPANY = {
    "name": "companyName",
    "website_domain": "companyWebsiteDomain",
    "email_domain": "companyEmailDomain",
    "page_url": "companyPageUrl",
    "organization_urn": "organizationUrn",
    "stock_symbol": "stockSymbol",
    "industry": "industry",
    "city": "city",
    "state": "state",
    "country": "country",
    "postal_code": "postalCode",
}
_FIRST = ("organization_urn", "website_domain", "email_domain", "page_url", "name")


@dataclass(frozen=True)
class Named:
    """`identity` orders changes; `keys` are what LinkedIn holds: one per id of a person, the metadata of a company."""

    identity: str
    keys: tuple[str, ...]


def named(kind: str, payload: object) -> Named | None:
    """Whom a payload names; None when it must become a dead letter."""
    if not isinstance(payload, Mapping):
        return None
    return _user(payload) if kind == "user" else _company(payload)


def plain(address: str) -> str:
    """An address as it is hashed."""
    return "".join(sign for sign in address if not sign.isspace() and ord(sign) not in _ZERO_WIDTH).lower()


def is_address(address: str) -> bool:
    local, at, domain = address.partition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and "@" not in domain
        and 1 <= len(local) <= 64
        and len(labels) > 1
        and all(labels)
        and len(address) <= 254
        and not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in address)
    )


def _user(payload: Mapping[str, object]) -> Named | None:
    given = {name: payload.get(name) for name in ("email", "sha256_email", "sha512_email", "google_aid")}
    if any(value is not None and not isinstance(value, str) for value in given.values()):
        return None
    texts = {name: value for name, value in given.items() if isinstance(value, str) and value.strip()}
    keys: dict[str, str] = {}
    address = plain(texts.get("email", ""))
    if address:
        if not is_address(address):
            return None
        keys["SHA256_EMAIL"] = hashlib.sha256(address.encode()).hexdigest()
    for name, tag, digits in (("sha256_email", "SHA256_EMAIL", 64), ("sha512_email", "SHA512_EMAIL", 128)):
        if name not in texts:
            continue
        value = texts[name].strip().lower()
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) or value in _NOTHING:
            return None
        computed = (hashlib.sha256 if digits == 64 else hashlib.sha512)(address.encode()).hexdigest()
        if address and computed != value:
            return None
        keys[tag] = value
    if "google_aid" in texts:
        value = texts["google_aid"].strip().lower()
        if not _UUID.fullmatch(value) or not value.strip("0-"):
            return None
        keys["GOOGLE_AID"] = value
    if not keys:
        return None
    order = [f"{tag}:{keys[tag]}" for tag in ("SHA256_EMAIL", "SHA512_EMAIL", "GOOGLE_AID") if tag in keys]
    return Named(order[0], tuple(order))


def _company(payload: Mapping[str, object]) -> Named | None:
    texts = {name: value.strip() for name in _COMPANY if isinstance(value := payload.get(name), str) and value.strip()}
    first = next((name for name in _FIRST if name in texts), None)
    if first is None:
        return None
    return Named(
        f"{first}:{texts[first].lower()}", (metadata({_COMPANY[name]: value for name, value in texts.items()}),)
    )


def metadata(fields: Mapping[str, str]) -> str:
    """A company as the sandbox keys it."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
