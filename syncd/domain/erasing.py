"""Finding a person: whose record is whose, and which texts name somebody.

A person is asked for by an e-mail or a hash of one. Both hashes of an address are theirs, and so is a device id that
stands beside one of them. A record of *another* address that shares the device is somebody else's and stays: nobody is
erased because of a tablet in the kitchen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256, sha512
from typing import Any, Final

import msgspec

from syncd.domain.change import Reason
from syncd.domain.identity import Invalid, Key, Prepared, Tag
from syncd.domain.user import normalise_email, prepare_user

_ADDRESS: Final = frozenset({int(Tag.SHA256_EMAIL), int(Tag.SHA512_EMAIL)})
_HEX: Final = re.compile(r"[0-9a-f]{64}(?:[0-9a-f]{64})?")
_FIELDS: Final = {64: "sha256_email", 128: "sha512_email"}
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def ids_of(given: str) -> tuple[Key, ...] | Invalid:
    """The ids of whom an e-mail or one of its hashes names: of an e-mail both hashes, of a hash the one."""
    text = given.strip().lower()
    field = _FIELDS.get(len(text), "email") if _HEX.fullmatch(text) else "email"
    try:
        payload = _encode({field: text}).decode()
    except UnicodeEncodeError:
        return Invalid(Reason.INVALID_EMAIL, "it holds characters that no address has.")
    prepared = prepare_user(payload, allow_names_only=False)
    if not isinstance(prepared, Prepared):
        return prepared
    if field == "email":
        address = normalise_email(text).encode()
        return (*prepared.ids, Key(bytes((Tag.SHA512_EMAIL,)) + sha512(address).digest()))
    return prepared.ids


def telling(record: Sequence[bytes]) -> Sequence[bytes]:
    """The ids that say whose a record is: those of its address, or its device where it has none."""
    return [key for key in record if key[0] in _ADDRESS] or record


def is_theirs(record: Sequence[bytes], ids: Collection[bytes]) -> bool:
    """Whether a record with these ids is of the person with those."""
    return any(key in ids for key in telling(record))


def is_address(key: bytes) -> bool:
    """Whether an id is the hash of an address, not of a device."""
    return key[0] in _ADDRESS


def removal(identity: bytes) -> dict[str, str]:
    """The payload of the REMOVE that takes a person out; it holds a hash or a device id, never an address."""
    value = identity[1:]
    match identity[0]:
        case Tag.SHA256_EMAIL:
            return {"sha256_email": value.hex()}
        case Tag.SHA512_EMAIL:
            return {"sha512_email": value.hex()}
        case _:
            return {"google_aid": value.decode()}


def names(text: str, ids: Collection[bytes]) -> bool:
    """Whether a text is the address, one of its hashes or a device id of the person with these ids, however it is
    written.
    """
    normalised = normalise_email(text)
    if "@" in normalised:
        address = normalised.encode("utf-8", "surrogatepass")
        return (
            bytes((Tag.SHA256_EMAIL,)) + sha256(address).digest() in ids
            or bytes((Tag.SHA512_EMAIL,)) + sha512(address).digest() in ids
        )
    if _HEX.fullmatch(normalised):
        tag = Tag.SHA256_EMAIL if len(normalised) == 64 else Tag.SHA512_EMAIL
        return bytes((tag,)) + bytes.fromhex(normalised) in ids
    return bytes((Tag.GOOGLE_AID,)) + normalised.encode("utf-8", "surrogatepass") in ids


def payload_names(payload: str, ids: Collection[bytes]) -> bool:
    """Whether any text in a payload, wherever it stands, names the person: also in a field it does not belong in. Their
    device beside the address of somebody else does not.
    """
    try:
        texts = list(_texts(_decode(payload)))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        texts = re.findall(r'"([^"]*)"', payload)
    if not any(names(text, ids) for text in texts):
        return False
    addresses = [found for text in texts if not isinstance(found := ids_of(text), Invalid)]
    return not addresses or any(names(text, {one for one in ids if is_address(one)}) for text in texts)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict() as members:
                waiting.extend(members)
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
