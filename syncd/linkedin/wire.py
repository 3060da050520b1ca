"""Domain values as the bytes LinkedIn's streaming resources take, and their answers as values. Pure, and fast: a batch
of 5,000 is built without an object per element.

An id arrives as its key: one tag byte, then the value (raw digest bytes, or UTF-8). A person known by name only has
a key too, which is not sent.
"""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from syncd.domain.batch import HASHED, Element, Shape
from syncd.domain.change import Action
from syncd.domain.outcome import Answer, Delivered, Fate, Refusal, Unclear, element_fate
from syncd.linkedin.words import LENIENT, words_of

SHA256_EMAIL: Final = 0x01
SHA512_EMAIL: Final = 0x02
GOOGLE_AID: Final = 0x03
NAMES_ONLY: Final = 0x04

_ACCEPTED: Final = b'{"status":201}'
_USER: Final = {action.value: b'{"action":"%b"' % action.encode() for action in Action}
_HEAD: Final = b'{"elements":['
_NEXT: Final = b"},"
_BEFORE_DIGEST: Final = {
    action is Action.ADD: _NEXT + _USER[action] + b',"userIds":[{"idType":"SHA256_EMAIL","idValue":"'
    for action in Action
}
_DIGESTS: Final = {
    SHA256_EMAIL: (b'{"idType":"SHA256_EMAIL","idValue":"', 33),
    SHA512_EMAIL: (b'{"idType":"SHA512_EMAIL","idValue":"', 65),
}
_PLAIN: Final = re.compile(rb"[0-9A-Za-z-]+").fullmatch


class _Result(msgspec.Struct):
    status: int
    error: Any = None
    batchIndex: int | None = None  # noqa: N815 - LinkedIn's name


class _Results(msgspec.Struct):
    elements: list[_Result]


_RESULTS: Final = msgspec.json.Decoder(_Results)


def user_batch(people: Sequence[Element], shape: Shape) -> bytes:
    """The body of a request to `/users`, for people of this shape. Most are known by the SHA-256 of their e-mail alone:
    their digests are written out together, and nothing is put together twice.
    """
    if not (people and shape.hashed):
        return batch_body(user_element(person.action, person.ids, person.fields) for person in people)
    together = hexlify(b"".join([person.ids[0] for person in people]), b",", HASHED)
    parts = [b'"}]'] * (4 * len(people))
    parts[0::4] = [_BEFORE_DIGEST[person.add] for person in people]
    parts[1::4] = together[2:].split(b",%02x" % SHA256_EMAIL)
    parts[3::4] = [person.fields for person in people]
    parts[0] = parts[0].removeprefix(_NEXT)
    return b"".join([_HEAD, *parts, b"}]}"])


def company_batch(companies: Sequence[Element]) -> bytes:
    """The body of a request to `/companies`."""
    return batch_body(company_element(company.action, company.fields) for company in companies)


def user_element(action: str, ids: Sequence[bytes], fields: bytes) -> bytes:
    """One element for `/users`. `fields` are JSON members, each with a comma before it."""
    listed = b",".join([_user_id(key) for key in ids if key[0] != NAMES_ONLY])
    members = b',"userIds":[' + listed + b"]" if listed else b""
    return _USER[action] + members + fields + b"}"


def company_element(action: str, fields: bytes) -> bytes:
    """One element for `/companies`. `fields` are JSON members, each with a comma before it."""
    return _USER[action] + fields + b"}"


def batch_body(elements: Iterable[bytes]) -> bytes:
    """All of them, copied once: a megabyte is not put together twice."""
    parts = [*elements] or [b""]
    parts[0] = _HEAD + parts[0]
    parts[-1] += b"]}"
    return b",".join(parts)


def results(body: bytes, sent: int, uuid: str = "", secrets: tuple[str, ...] = ()) -> Delivered | Unclear:
    """What became of each of the `sent` elements (`linkedin-api.md` §4). An answer that does not speak of exactly all
    of them proves nothing about any.
    """
    if body == b'{"elements":[' + b",".join([_ACCEPTED] * sent) + b"]}":
        return Delivered((), uuid)
    try:
        answered = _RESULTS.decode(body).elements
    except LENIENT:
        return _unclear("a body that is not a list of results", uuid)
    if len(answered) != sent:
        return _unclear(f"{len(answered)} results for {sent} elements", uuid)
    positions = _positions(answered)
    if positions is None:
        return _unclear("results whose batchIndex does not name every element once", uuid)
    return Delivered(_exceptions(answered, positions, secrets), uuid)


def _user_id(key: bytes) -> bytes:
    tag = key[0]
    if tag == GOOGLE_AID:
        value = key[1:] if _PLAIN(key, 1) else msgspec.json.encode(key[1:].decode())[1:-1]
        return b'{"idType":"GOOGLE_AID","idValue":"' + value + b'"}'
    start, length = _DIGESTS.get(tag, (b"", 0))
    if len(key) != length:
        raise ValueError(f"no user id has tag {tag} and {len(key)} bytes")
    return start + hexlify(key)[2:] + b'"}'


def _unclear(words: str, uuid: str) -> Unclear:
    return Unclear(f"success with {words}", lingering=False, uuid=uuid)


def _positions(answered: list[_Result]) -> Sequence[int] | None:
    """The position in the request of every result; None when the indexes are no permutation."""
    indexes = [one.batchIndex for one in answered if one.batchIndex is not None]
    if not indexes:
        return range(len(answered))
    if len(indexes) != len(answered) or set(indexes) != set(range(len(answered))):
        return None
    return indexes


def _exceptions(answered: list[_Result], positions: Sequence[int], secrets: tuple[str, ...]) -> tuple[Refusal, ...]:
    """The elements that were not taken, in the order of the request."""
    found = []
    known: dict[tuple[int, bytes], str] = {}
    for position, result in zip(positions, answered, strict=True):
        fate = element_fate(result.status)
        if fate is Fate.ACCEPTED:
            continue
        seen = (result.status, msgspec.json.encode(result.error))
        words = known.get(seen)
        if words is None:
            code, message = words_of(result.error, secrets)
            words = known[seen] = Answer(result.status, message, code).words
        found.append(Refusal(position, fate, result.status, words))
    return tuple(sorted(found, key=lambda refusal: refusal.position))
