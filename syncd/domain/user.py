"""A person: from the payload of a change to hashed ids and the attributes that go with them.

The identity is the first of `sha256_email` (given or computed from `email`), `sha512_email`, `google_aid`. A wrong
identifier is never dropped in silence, not even beside a good one: the person would be sent less well than the CRM
believes, or as somebody else. The identifiers are judged in this order, and the first wrong one decides:

| given                                                          | outcome                                             |
|----------------------------------------------------------------|-----------------------------------------------------|
| `email` that is empty once normalised                          | absent                                              |
| `email` of 64 or 128 hex digits                                | HASH_IN_EMAIL                                       |
| `email` without exactly one `@`, a local part of 1–64, a dotted| INVALID_EMAIL                                       |
|  domain without empty label, within 254 code points; or with   |                                                     |
|  control characters or lone surrogates                         |                                                     |
| `sha256_email`, `sha512_email` with an `@`                     | EMAIL_IN_HASH                                       |
| … that are not 64 and 128 hex digits of either case, trimmed   | INVALID_HASH                                        |
| … that are the hash of the empty string                        | HASH_OF_NOTHING                                     |
| … that are not the hash of the `email` beside them             | IDENTIFIERS_DISAGREE                                |
| `email` and hashes that agree                                  | one sha256 id, and the sha512 id if it was given    |
| `sha256_email` and `sha512_email` without `email`              | both ids; nothing can compare them                  |
| `google_aid` that is no UUID (8-4-4-4-12 hex, trimmed), or is  | INVALID_GOOGLE_AID                                  |
|  all zeros (its owner has opted out of ads)                    |                                                     |
| none of them                                                   | NO_IDENTIFIER, unless names are allowed and both    |
|                                                                |  `first_name` and `last_name` are there             |
| `first_name`, `last_name`; `title`, `company`                  | cut to 35; 50 code points (linkedin-api.md §4)      |

A person known by names only is first name, last name, company and country as sent, lower-cased, white space collapsed.
The title is no part of the key: a promotion does not make somebody else.

On the hot path a payload costs one typed decode, one regular expression, one hash and one encode.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Final

import msgspec

from syncd.domain.change import Reason
from syncd.domain.identity import (
    COUNTRIES,
    Ids,
    Invalid,
    Key,
    Prepared,
    Tag,
    all_members,
    clean,
    country_code,
    members,
    read_leniently,
)

_LONGEST_ADDRESS: Final = 254
_LONGEST_NAME: Final = 35
_LONGEST_POSITION: Final = 50

_ZERO_WIDTH: Final = re.compile(r"[\u200b-\u200d\u2060\ufeff]")
_LOCAL: Final = r"[^@\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_LABEL: Final = r"[^@.\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_is_address: Final = re.compile(rf"{_LOCAL}{{1,64}}@{_LABEL}+(?:\.{_LABEL}+)+").fullmatch
_ASCII: Final = rb"%b{1,64}+@%b++(?:\.%b++)++" % (
    rb"[^@\x00-\x1f\x7f-\xff]",
    rb"[^@.\x00-\x1f\x7f-\xff]",
    rb"[^@.\x00-\x1f\x7f-\xff]",
)
"""What `_is_address` matches, of ASCII only."""
_is_ascii_address: Final = re.compile(_ASCII).fullmatch
_are_addresses: Final = re.compile(rb"(?:%b\n)*+" % _ASCII).fullmatch
_BLANKS: Final = b"\t\x0b\x0c\r\x1c\x1d\x1e\x1f "
"""The white space of ASCII but for the line feed."""
_ANY_HASH: Final = re.compile(r"[0-9a-f]{64}(?:[0-9a-f]{64})?")
_AID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OPTED_OUT: Final = "00000000-0000-0000-0000-000000000000"

_SHA256_EMAIL: Final = bytes((Tag.SHA256_EMAIL,))
_SHA512_EMAIL: Final = bytes((Tag.SHA512_EMAIL,))
_GOOGLE_AID: Final = bytes((Tag.GOOGLE_AID,))
_NAMES: Final = bytes((Tag.NAMES,))
_SEPARATOR: Final = "\x1f"  # a control character: no cleaned text holds it

_IDENTIFYING: Final = {
    "email": "a string",
    "sha256_email": "a string of 64 hex digits",
    "sha512_email": "a string of 128 hex digits",
    "google_aid": "a string in the form of a UUID",
}
_ATTRIBUTES: Final = ("first_name", "last_name", "title", "company", "country")


class _Given(msgspec.Struct, gc=False):
    """The payload, by the names of the outbox."""

    email: str | None = None
    sha256_email: str | None = None
    sha512_email: str | None = None
    google_aid: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    company: str | None = None
    country: str | None = None


class _Attributes(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """The members beside the ids, by LinkedIn's names and in the order they are sent."""

    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    company: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class _Hash:
    field: str
    digits: int
    of_nothing: bytes


_SHA256: Final = _Hash(
    "sha256_email", 64, bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)
_SHA512: Final = _Hash(
    "sha512_email",
    128,
    bytes.fromhex(
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
    ),
)

_decode: Final = msgspec.json.Decoder(_Given).decode


def normalise_email(text: str) -> str:
    """Without white space and zero-width characters, in lower case; nothing else (reference 002)."""
    if not text.isascii():
        text = _ZERO_WIDTH.sub("", text)
    return "".join(text.split()).lower()  # split() parts at exactly the characters for which isspace() is true


def hash_email(normalised: str) -> bytes:
    """The SHA-256 digest of a valid normalised address."""
    return sha256(normalised.encode()).digest()


def prepare_user(payload: str, *, allow_names_only: bool) -> Prepared | Invalid:
    """What to send for a person; `payload` is JSON text of any origin. Never raises."""
    given = _read(payload)
    if isinstance(given, Invalid):
        return given
    attributes = _attributes(given)
    ids = _ids(given) or _by_name(attributes, allow_names_only=allow_names_only)
    return ids if isinstance(ids, Invalid) else Prepared(ids, members(attributes))


def prepare_users(payloads: Sequence[str], *, allow_names_only: bool) -> tuple[list[Ids | Invalid], list[bytes]]:
    """What `prepare_user` says of each, column by column (a call for each row costs as much as what is done in it): the ids,
    or why there are none, and the fields, which say nothing where there are none.
    """
    given = [_read(payload) for payload in payloads]
    people = [one for one in given if isinstance(one, _Given)]
    attributes = [_attributes(one) for one in people]
    ids, fields = _ids_of_all(people), all_members(attributes)
    if not all(ids):
        pairs = zip(ids, attributes, strict=True)
        ids = [known or _by_name(names, allow_names_only=allow_names_only) for known, names in pairs]
    if len(people) == len(given):
        return ids, fields
    following = zip(ids, fields, strict=True)
    found = [next(following) if isinstance(one, _Given) else (one, b"") for one in given]
    return [known for known, _ in found], [more for _, more in found]


def _read(payload: str) -> _Given | Invalid:
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        texts = read_leniently(payload, _IDENTIFYING, _ATTRIBUTES)
        return texts if isinstance(texts, Invalid) else _Given(**texts)


def _attributes(given: _Given) -> _Attributes:
    country = given.country
    return _Attributes(
        clean(given.first_name, _LONGEST_NAME),
        clean(given.last_name, _LONGEST_NAME),
        clean(given.title, _LONGEST_POSITION),
        clean(given.company, _LONGEST_POSITION),
        country if country is None or country in COUNTRIES else country_code(country),
    )


def _by_name(attributes: _Attributes, *, allow_names_only: bool) -> Ids | Invalid:
    """What somebody without any identifier is known by."""
    if not allow_names_only:
        return Invalid(Reason.NO_IDENTIFIER, "The payload has no e-mail, e-mail hash or Google advertising id.")
    if attributes.first_name is None or attributes.last_name is None:
        return Invalid(Reason.NO_IDENTIFIER, "The payload has no identifier, and not both first and last name.")
    return (_names_key(attributes),)


def _ids_of_all(people: Sequence[_Given]) -> list[Ids | Invalid]:
    """`_ids` of each. Who is known by an e-mail in ASCII alone is judged together with the others of that kind."""
    emails = [
        one.email
        if one.email and one.email.isascii() and not (one.sha256_email or one.sha512_email or one.google_aid)
        else ""
        for one in people
    ]
    lines = "\n".join(emails).encode().lower().translate(None, _BLANKS).split(b"\n")
    if len(lines) != len(people):  # an e-mail with a line feed in it
        lines = [normalise_email(email).encode() for email in emails]
    if _are_addresses(b"\n".join([*lines, b""])) and max(map(len, lines), default=0) <= _LONGEST_ADDRESS:
        return [(_SHA256_EMAIL + sha256(line).digest(),) for line in lines]  # type: ignore[misc]  # as in `_ids`
    return [
        (Key(_SHA256_EMAIL + sha256(line).digest()),)
        if len(line) <= _LONGEST_ADDRESS and _is_ascii_address(line)
        else _ids(one)
        for line, one in zip(lines, people, strict=True)
    ]


def _ids(given: _Given) -> Ids | Invalid:
    """Every id given, the identity first; none when none is given."""
    ids: list[Key] = []
    email = normalise_email(given.email) if given.email else ""
    if email:
        if len(email) > _LONGEST_ADDRESS or not _is_address(email):
            return _refuse(email)
        digest: Key = _SHA256_EMAIL + hash_email(email)  # type: ignore[assignment]  # Key() costs a call a row
        if not (given.sha256_email or given.sha512_email or given.google_aid):
            return (digest,)
        ids.append(digest)
    if given.sha256_email or given.sha512_email:
        wrong = _add_hashes(given, email, ids)
        if wrong is not None:
            return wrong
    if given.google_aid and (aid := given.google_aid.strip().lower()):
        if aid == _OPTED_OUT:
            return Invalid(Reason.INVALID_GOOGLE_AID, "google_aid is all zeros: its owner has opted out of ads.")
        if not _AID.fullmatch(aid):
            return Invalid(Reason.INVALID_GOOGLE_AID, "google_aid must be a UUID of 8-4-4-4-12 hex digits.")
        ids.append(Key(_GOOGLE_AID + aid.encode()))
    return tuple(ids)


def _add_hashes(given: _Given, email: str, ids: list[Key]) -> Invalid | None:
    """Adds the ids that are given as hashes; why they cannot be, if one is wrong or is another person's."""
    if given.sha256_email:
        digest = _digest(given.sha256_email, _SHA256)
        if isinstance(digest, Invalid):
            return digest
        if digest and not email:
            ids.append(Key(_SHA256_EMAIL + digest))
        elif digest and ids[0] != _SHA256_EMAIL + digest:
            return _disagreement(_SHA256)
    if given.sha512_email:
        digest = _digest(given.sha512_email, _SHA512)
        if isinstance(digest, Invalid):
            return digest
        if digest and email and digest != sha512(email.encode()).digest():
            return _disagreement(_SHA512)
        if digest:
            ids.append(Key(_SHA512_EMAIL + digest))
    return None


def _refuse(email: str) -> Invalid:
    if _ANY_HASH.fullmatch(email):
        return Invalid(Reason.HASH_IN_EMAIL, "email holds a hash: it belongs in sha256_email or sha512_email.")
    if len(email) > _LONGEST_ADDRESS:
        return Invalid(Reason.INVALID_EMAIL, "email is longer than 254 characters.")
    return Invalid(Reason.INVALID_EMAIL, "email is not an address of one local part, one @ and a domain with a dot.")


def _digest(text: str, kind: _Hash) -> bytes | Invalid:
    """The digest that `text` spells, empty when it is blank."""
    text = text.strip()
    if not text:
        return b""
    if "@" in text:
        return Invalid(Reason.EMAIL_IN_HASH, f"{kind.field} holds a plain address: it belongs in email.")
    try:
        digest = bytes.fromhex(text) if len(text) == kind.digits else b""
    except ValueError:
        digest = b""
    if len(digest) * 2 != kind.digits:  # fromhex() passes over spaces
        return Invalid(Reason.INVALID_HASH, f"{kind.field} must be {kind.digits} hex digits.")
    if digest == kind.of_nothing:
        return Invalid(Reason.HASH_OF_NOTHING, f"{kind.field} is the hash of the empty string.")
    return digest


def _disagreement(kind: _Hash) -> Invalid:
    return Invalid(Reason.IDENTIFIERS_DISAGREE, f"{kind.field} is not the hash of the normalised email beside it.")


def _names_key(of: _Attributes) -> Key:
    names = (of.first_name, of.last_name, of.company, of.country)
    normalised = _SEPARATOR.join(" ".join((name or "").lower().split()) for name in names)
    return Key(_NAMES + sha256(normalised.encode()).digest())
