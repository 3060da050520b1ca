"""A company: from the payload of a change to the keys that name it and the metadata as sent.

The identity is the first of `organization_urn`, `website_domain`, `email_domain`, `page_url`, `name`. LinkedIn removes
a company only when the REMOVE carries the metadata of its ADD (reference 002), so `fields` keeps the case of every
value and one order, and equal bytes are equal metadata. Only the keys are lower-cased.

| given                                                          | outcome                                             |
|----------------------------------------------------------------|-----------------------------------------------------|
| an identifying field over 1,000 code points once cleaned, or   | FIELD_TOO_LONG (a B-tree of PostgreSQL holds keys   |
|  over 2,000 bytes of UTF-8 as a key                            |  of up to 2,704 bytes)                              |
| `organization_urn` not `urn:li:organization:` and digits 0–9   | INVALID_ORGANIZATION_URN                            |
| `organization_urn` a JSON number                               | BAD_PAYLOAD, says the form wanted                   |
| none of the identifying fields                                 | NO_IDENTIFIER                                       |
| `stock_symbol`, `industry`, `city`, `state`, `postal_code`     | cut to 255 code points                              |

The identifying fields are judged in the order of the identity; the first wrong one decides, even beside a good one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from syncd.domain.change import Reason
from syncd.domain.identity import Ids, Invalid, Key, Prepared, Tag, clean, country_code, members, read_leniently

_LONGEST_IDENTIFYING: Final = 1_000
_LONGEST_KEY: Final = 2_000
_LONGEST_OTHER: Final = 255

_URN: Final = re.compile(r"urn:li:organization:[0-9]+")

_IDENTIFYING: Final = {
    "organization_urn": "a string in the form urn:li:organization:1337",
    "website_domain": "a string",
    "email_domain": "a string",
    "page_url": "a string",
    "name": "a string",
}
_OTHERS: Final = ("stock_symbol", "industry", "city", "state", "country", "postal_code")
_TAGS: Final = tuple(
    (field, bytes((tag,)))
    for field, tag in zip(
        _IDENTIFYING,
        (Tag.ORGANIZATION_URN, Tag.WEBSITE_DOMAIN, Tag.EMAIL_DOMAIN, Tag.PAGE_URL, Tag.NAME),
        strict=True,
    )
)


class _Given(msgspec.Struct, gc=False):
    """The payload, by the names of the outbox."""

    name: str | None = None
    website_domain: str | None = None
    email_domain: str | None = None
    page_url: str | None = None
    organization_urn: str | None = None
    stock_symbol: str | None = None
    industry: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None


class _Metadata(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """What describes a company, by LinkedIn's names and in the order it is sent."""

    company_name: str | None = None
    company_website_domain: str | None = None
    company_email_domain: str | None = None
    company_page_url: str | None = None
    organization_urn: str | None = None
    stock_symbol: str | None = None
    industry: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None


_decode: Final = msgspec.json.Decoder(_Given).decode


def prepare_company(payload: str) -> Prepared | Invalid:
    """What to send for a company; `payload` is JSON text of any origin. Never raises."""
    given = _read(payload)
    if isinstance(given, Invalid):
        return given
    metadata = _Metadata(
        clean(given.name),
        clean(given.website_domain),
        clean(given.email_domain),
        clean(given.page_url),
        clean(given.organization_urn),
        clean(given.stock_symbol, _LONGEST_OTHER),
        clean(given.industry, _LONGEST_OTHER),
        clean(given.city, _LONGEST_OTHER),
        clean(given.state, _LONGEST_OTHER),
        country_code(given.country),
        clean(given.postal_code, _LONGEST_OTHER),
    )
    ids = _ids(metadata)
    if isinstance(ids, Invalid):
        return ids
    return Prepared(ids, members(metadata))


def prepare_companies(payloads: Sequence[str]) -> tuple[list[Ids | Invalid], list[bytes]]:
    """What `prepare_company` says of each, column by column: the ids, or why there are none, and the fields."""
    found = [prepare_company(payload) for payload in payloads]
    return (
        [one if isinstance(one, Invalid) else one.ids for one in found],
        [b"" if isinstance(one, Invalid) else one.fields for one in found],
    )


def _read(payload: str) -> _Given | Invalid:
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _read_slowly(payload)


def _read_slowly(payload: str) -> _Given | Invalid:
    texts = read_leniently(payload, _IDENTIFYING, _OTHERS)
    return texts if isinstance(texts, Invalid) else _Given(**texts)


def _ids(of: _Metadata) -> Ids | Invalid:
    """Every id given, the identity first."""
    urn = of.organization_urn
    values = (urn, of.company_website_domain, of.company_email_domain, of.company_page_url, of.company_name)
    ids = []
    for (field, tag), value in zip(_TAGS, values, strict=True):
        if value is None:
            continue
        key = tag + value.lower().encode()
        if len(value) > _LONGEST_IDENTIFYING or len(key) > _LONGEST_KEY:
            return Invalid(Reason.FIELD_TOO_LONG, f"{field} is longer than 1,000 characters or 2,000 bytes.")
        if value is urn and not _URN.fullmatch(value):
            form = _IDENTIFYING[field]
            return Invalid(Reason.INVALID_ORGANIZATION_URN, f"{field} must be {form}.")
        ids.append(Key(key))
    if not ids:
        return Invalid(Reason.NO_IDENTIFIER, "The payload has no organization URN, domain, page URL or name.")
    return tuple(ids)
