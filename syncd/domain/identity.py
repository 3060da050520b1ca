"""An identity names a person or a company in a segment; everything that orders, merges or looks up changes uses its key.

`user` and `company` turn the payload of a change into `Prepared` or say in `Invalid` why they cannot. They never raise,
whatever the payload, and from here on no plain address exists that could leak. This module holds the words that both
share, and the rules for text that hold for both:

| given                                                   | outcome                                                   |
|---------------------------------------------------------|-----------------------------------------------------------|
| not JSON, not an object, nested beyond Python's reach   | BAD_PAYLOAD                                               |
| a key twice                                             | the last one counts                                       |
| an unknown key                                          | ignored                                                   |
| null, or a string without a visible character           | absent                                                    |
| number, bool, object or array in an identifying field   | BAD_PAYLOAD, names the field                              |
| number, bool, object or array in another field          | the field is dropped, the person or company stays         |
| control characters (Cc, NUL too), lone surrogates       | removed; then trimmed, cut to the field's length, trimmed |
| a country that is no assigned ISO 3166-1 alpha-2 code   | the field is dropped (so `UK` and `EU` are); `us` is `US` |

`Invalid.detail` is written here and there as a constant or names a field: it cannot hold a value of the payload.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NewType

import msgspec

from syncd.domain.change import Reason

Key = NewType("Key", bytes)
"""One id of a person or company inside syncd: the byte of its tag, then its value."""


Ids = tuple[Key, ...]
"""Every id given of somebody, the identity first."""


class Tag(IntEnum):
    """What a key's value is. Stored in every ledger row: a number never changes its meaning."""

    SHA256_EMAIL = 0x01  # 32 raw bytes
    SHA512_EMAIL = 0x02  # 64 raw bytes
    GOOGLE_AID = 0x03  # UTF-8, lower-cased
    NAMES = 0x04  # SHA-256 over normalised names; no id that LinkedIn knows
    ORGANIZATION_URN = 0x11  # this and below: UTF-8, trimmed, lower-cased
    WEBSITE_DOMAIN = 0x12
    EMAIL_DOMAIN = 0x13
    PAGE_URL = 0x14
    NAME = 0x15


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """What is sent for a person or company, and what it is known by.

    `ids` holds every id given, the identity first. `fields` holds the JSON members beside the ids, each after a comma,
    always in one order: for companies equal bytes are equal metadata. Its repr shows neither, so no log can.
    """

    ids: Ids
    fields: bytes

    def __repr__(self) -> str:
        return "Prepared()"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Why a payload cannot be sent. `detail` is one sentence for a person."""

    reason: Reason
    detail: str


# ISO 3166-1 alpha-2, the 249 officially assigned codes.
_ASSIGNED: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT
JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY
QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES: Final = frozenset(_ASSIGNED.split())

_UNSENDABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_encode: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def clean(text: str | None, longest: int | None = None) -> str | None:
    """`text` as LinkedIn may see it, at most `longest` code points; None when nothing is left of it."""
    if text is None:
        return None
    if text.isprintable():  # printable text holds nothing to remove, and most text is printable
        if longest is None or len(text) <= longest:
            return text.strip() or None
    else:
        text = _UNSENDABLE.sub("", text)
    return text.strip()[:longest].rstrip() or None


def country_code(text: str | None) -> str | None:
    """The assigned alpha-2 code that `text` is in either case, else None."""
    if text is None or text in COUNTRIES:
        return text
    code = clean(text)
    if code is None or not code.isascii():  # `"ß".upper()` is SS, and South Sudan is a country
        return None
    code = code.upper()
    return code if code in COUNTRIES else None


def members(element: msgspec.Struct) -> bytes:
    """The members of an element that are not None, each after a comma, to stand behind its action and ids."""
    text = _encode(element)
    return b"," + text[1:-1] if text != b"{}" else b""


def all_members(elements: Sequence[msgspec.Struct]) -> list[bytes]:
    """`members` of each."""
    if not elements:
        return []
    rows = _encode_lines(elements)[1:-2].split(b"}\n{")  # a line feed within a text is escaped
    return [b"," + row if row else b"" for row in rows]


def read_leniently(
    payload: str, identifying: Mapping[str, str], others: Iterable[str]
) -> dict[str, str | None] | Invalid:
    """The texts of any payload at all, by field; `identifying` says of each field what it must be.

    Slow: for payloads that a typed decoder has refused. It takes lone surrogates, which `msgspec` does not.
    """
    try:
        given = json.loads(
            payload, parse_int=float, parse_constant=_refuse_constant
        )  # int() limits digits, float() not
    except RecursionError:
        return Invalid(Reason.BAD_PAYLOAD, "The payload is nested too deeply.")
    except ValueError:
        return Invalid(Reason.BAD_PAYLOAD, "The payload is not valid JSON.")
    if not isinstance(given, dict):
        return Invalid(Reason.BAD_PAYLOAD, "The payload must be a JSON object.")
    texts: dict[str, str | None] = {}
    for field, form in identifying.items():
        value = given.get(field)
        if value is not None and not isinstance(value, str):
            return Invalid(Reason.BAD_PAYLOAD, f"{field} must be {form}.")
        texts[field] = value
    for field in others:
        value = given.get(field)
        texts[field] = value if isinstance(value, str) else None
    return texts


def _refuse_constant(_name: str) -> float:
    raise ValueError  # NaN and Infinity, which only Python takes for JSON
