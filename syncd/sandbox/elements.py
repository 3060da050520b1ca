"""Users and companies as a batch carries them: decoding, validation, identity keys.

The fast road lets msgspec check a whole batch in C. Only when something in it is wrong is the batch read again,
element by element, so that each wrong one gets its own answer and the rest is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from string import ascii_uppercase
from typing import Annotated, Any, Literal

import msgspec

from .answers import bad_request
from .membership import COMPANY, GOOGLE, NAMES, SHA256, SHA512

MOST_ELEMENTS = 5_000

# Two letters, whether ISO has given them to anyone or not: a set is looked up faster than a pattern is matched.
COUNTRIES = frozenset(map("".join, product(ascii_uppercase, repeat=2)))
NOT_A_COUNTRY = "country must be an ISO 3166-1 alpha-2 code"

Action = Literal["ADD", "REMOVE"]
Country = Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
Name = Annotated[str, msgspec.Meta(max_length=35)]
Label = Annotated[str, msgspec.Meta(max_length=50)]


class UserId(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    id_type: Literal["SHA256_EMAIL", "SHA512_EMAIL", "GOOGLE_AID"]
    id_value: str


class User(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    action: Action
    user_ids: list[UserId] | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    title: Label | None = None
    company: Label | None = None
    country: Country | None = None


class Company(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    action: Action
    company_name: str | None = None
    company_website_domain: str | None = None
    company_email_domain: str | None = None
    company_page_url: str | None = None
    organization_urn: Annotated[str, msgspec.Meta(pattern=r"^urn:li:organization:\d+$")] | None = None
    stock_symbol: str | None = None
    industry: str | None = None
    city: str | None = None
    state: str | None = None
    country: Country | None = None
    postal_code: str | None = None


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    elements: list[msgspec.Raw]


class UserEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    elements: list[User]


class CompanyEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    elements: list[Company]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one element is not taken."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Position by position: the action, the keys it adds or removes, and the positions that are refused."""

    actions: list[Action]
    keys: list[tuple[bytes, ...]]
    refusals: dict[int, Refusal] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamKind:
    """What differs between the two streaming resources."""

    resource: str
    segment_type: str
    envelope: msgspec.json.Decoder[Any]
    element: msgspec.json.Decoder[Any]
    keys: Callable[[Any], tuple[bytes, ...]]


def read_batch(kind: StreamKind, body: bytes) -> Batch:
    """The batch in `body`; RefusedError when the call as a whole is wrong."""
    items = _decode(kind, body)
    if not 1 <= len(items) <= MOST_ELEMENTS:
        raise bad_request(f"elements must hold 1 to {MOST_ELEMENTS} entries, got {len(items)}")
    keys_of = kind.keys
    batch = Batch([getattr(item, "action", "ADD") for item in items], [])
    add_keys = batch.keys.append
    for position, item in enumerate(items):
        try:
            add_keys(keys_of(item))
        except ValueError as wrong:
            batch.refusals[position] = Refusal(400, str(wrong))
            add_keys(())
    return batch


def _decode(kind: StreamKind, body: bytes) -> Sequence[Any]:
    try:
        decoded: Sequence[Any] = kind.envelope.decode(body).elements
    except msgspec.ValidationError:
        return [_decode_one(kind, raw) for raw in raw_elements(body)]
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise bad_request("The request body is not valid JSON") from broken
    return decoded


def raw_elements(body: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=Envelope).elements
    except msgspec.ValidationError as wrong:
        raise bad_request(f"The request body is wrong: {wrong}") from wrong


def _decode_one(kind: StreamKind, raw: msgspec.Raw) -> Any:
    """An element, or the ValueError that says what is wrong with it."""
    try:
        return kind.element.decode(raw)
    except msgspec.ValidationError as wrong:
        return wrong


def user_keys(user: User | ValueError) -> tuple[bytes, ...]:
    """One key per id; someone without ids is known by names and attributes."""
    if isinstance(user, ValueError):
        raise user
    if user.country is not None and user.country not in COUNTRIES:
        raise ValueError(NOT_A_COUNTRY)
    ids = user.user_ids
    if not ids:
        return (_names_key(user),)
    if len(ids) == 1:
        return (_id_key(ids[0]),)
    return tuple([_id_key(one) for one in ids])


def _id_key(one: UserId) -> bytes:
    value = one.id_value
    if one.id_type == "GOOGLE_AID":
        if not value or len(value) > 64 or not value.isprintable() or " " in value:
            raise ValueError("idValue is not a GOOGLE_AID")
        return GOOGLE + value.encode()
    tag, digits = (SHA256, 64) if one.id_type == "SHA256_EMAIL" else (SHA512, 128)
    try:
        key = tag + bytes.fromhex(value)
    except ValueError:
        key = b""
    # fromhex skips blanks: the length in bytes alone would let them pass.
    if len(value) != digits or len(key) * 2 != digits + 2:
        raise ValueError(f"idValue of {one.id_type} must be {digits} hexadecimal characters")
    return key


def _names_key(user: User) -> bytes:
    if not user.first_name or not user.last_name:
        raise ValueError("firstName and lastName are required when userIds is empty")
    return NAMES + _canonical(user, "userIds")


IDENTIFYING = (
    *("company_name", "company_website_domain", "company_email_domain"),
    *("company_page_url", "organization_urn", "stock_symbol"),
)


def company_keys(company: Company | ValueError) -> tuple[bytes, ...]:
    """One key: all metadata as sent, because a REMOVE takes away only what carries the same (reference 002)."""
    if isinstance(company, ValueError):
        raise company
    if company.country is not None and company.country not in COUNTRIES:
        raise ValueError(NOT_A_COUNTRY)
    if not any(getattr(company, name) for name in IDENTIFYING):
        raise ValueError("a company needs at least one identifying field")
    return (COMPANY + _canonical(company),)


def _canonical(element: User | Company, *without: str) -> bytes:
    """Compact JSON with sorted keys, nulls and the action left out."""
    fields: dict[str, Any] = msgspec.to_builtins(element)
    told = {name: value for name, value in fields.items() if value is not None and name not in {"action", *without}}
    return msgspec.json.encode(told, order="sorted")


USERS = StreamKind(
    resource="users",
    segment_type="USER",
    envelope=msgspec.json.Decoder(UserEnvelope),
    element=msgspec.json.Decoder(User),
    keys=user_keys,
)
COMPANIES = StreamKind(
    resource="companies",
    segment_type="COMPANY",
    envelope=msgspec.json.Decoder(CompanyEnvelope),
    element=msgspec.json.Decoder(Company),
    keys=company_keys,
)
