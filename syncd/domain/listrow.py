"""A row of a list upload: LinkedIn's two templates, and what a row of either may look like (`linkedin-api.md` §5).

A row obeys the rules of the stream: it is judged by the same functions, and what leaves here are SHA-256 hashes. A list
takes no other hash (reference 002), so a SHA-512 is an invalid row here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from syncd.domain.change import Kind, Reason
from syncd.domain.company import prepare_company
from syncd.domain.identity import Invalid, Prepared, Tag
from syncd.domain.user import prepare_user

FEWEST_ROWS: Final = 300
MOST_ROWS: Final = 300_000
MOST_BYTES: Final = 20 * 1024 * 1024

_CONTACTS: Final = {
    "email": ("email", ""),
    "firstname": ("first_name", "firstName"),
    "lastname": ("last_name", "lastName"),
    "jobtitle": ("title", "title"),
    "employeecompany": ("company", "company"),
    "country": ("country", "country"),
    "googleaid": ("google_aid", ""),
}
_ACCOUNTS: Final = {
    "companyname": ("name", "companyName"),
    "companywebsite": ("website_domain", "companyWebsiteDomain"),
    "companyemaildomain": ("email_domain", "companyEmailDomain"),
    "linkedincompanypageurl": ("page_url", "companyPageUrl"),
    "stocksymbol": ("stock_symbol", "stockSymbol"),
    "industry": ("industry", "industry"),
    "city": ("city", "city"),
    "state": ("state", "state"),
    "companycountry": ("country", "country"),
    "zipcode": ("postal_code", "postalCode"),
}
TEMPLATES: Final[Mapping[Kind, Mapping[str, tuple[str, str]]]] = {Kind.USER: _CONTACTS, Kind.COMPANY: _ACCOUNTS}
"""Columns in their order: the field of our payload, and the member of a prepared element."""
_HASHED_CONTACTS: Final = _CONTACTS | {"email": ("sha256_email", "")}
_IDENTIFYING: Final = {
    Kind.USER: {"email", "googleaid", "lastname"},
    Kind.COMPANY: {"companyname", "companywebsite", "companyemaildomain", "linkedincompanypageurl"},
}
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHA512: Final = re.compile(r"[0-9a-fA-F]{128}")

_encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(dict[str, str]).decode


def kind_of(header: Sequence[str]) -> Kind | str:
    """Which template a header follows: some of its columns, each once, among them one that says who is meant. Else what
    is wrong with it. Names are compared without their case.
    """
    named = [name.strip().lower() for name in header]
    strange = {kind: [name for name in named if name not in columns] for kind, columns in TEMPLATES.items()}
    kind, unknown = min(strange.items(), key=lambda pair: len(pair[1]))
    template = ",".join(TEMPLATES[kind])
    if unknown:
        return f"its header has no place for {', '.join(map(repr, unknown[:3]))}; a template is {template}"
    if len(set(named)) != len(named):
        return "its header names a column twice"
    if not _IDENTIFYING[kind] & set(named):
        return f"its header names no column that says who is meant; the template is {template}"
    return kind


def listed(kind: Kind, row: Mapping[str, str], *, allow_names_only: bool) -> dict[str, str] | Invalid:
    """A row as it is uploaded, by the columns of its template; hashed, trimmed, cut. Empty cells are absent."""
    if kind is Kind.COMPANY:
        prepared = prepare_company(_payload(_ACCOUNTS, row))
    else:
        email = row.get("email", "").strip()
        if _SHA512.fullmatch(email):
            return Invalid(Reason.INVALID_HASH, "email holds a SHA-512: a list takes SHA-256 only.")
        columns = _HASHED_CONTACTS if _SHA256.fullmatch(email) else _CONTACTS
        prepared = prepare_user(_payload(columns, row), allow_names_only=allow_names_only)
    return prepared if isinstance(prepared, Invalid) else _cells(kind, prepared)


def _payload(columns: Mapping[str, tuple[str, str]], row: Mapping[str, str]) -> str:
    return _encode({columns[column][0]: text for column, text in row.items() if text.strip()}).decode()


def _cells(kind: Kind, prepared: Prepared) -> dict[str, str]:
    known = _members(b"{" + prepared.fields[1:] + b"}")
    cells = {column: known[member] for column, (_, member) in TEMPLATES[kind].items() if member in known}
    for key in prepared.ids:
        if key[0] == Tag.SHA256_EMAIL:
            cells["email"] = key[1:].hex()
        elif key[0] == Tag.GOOGLE_AID:
            cells["googleaid"] = key[1:].decode()
    return cells
