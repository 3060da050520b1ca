"""Whose record is whose, and which texts name somebody."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.erasing import ids_of, is_theirs, names, payload_names, removal
from syncd.domain.identity import Invalid, Prepared
from syncd.domain.suppression import Sieve, SuppressionKey, subject
from syncd.domain.user import prepare_user

ADDRESS = "jane@example.com"


def the_ids(of: str) -> tuple[bytes, ...]:
    found = ids_of(of)
    assert not isinstance(found, Invalid)
    return found


IDS = the_ids(ADDRESS)
SHA256, SHA512 = (one[1:].hex() for one in IDS)
DEVICE = b"\x036d92078a-8246-4ba4-ae5b-76104861e7dc"
OTHER = b"\x01" + b"o" * 32


@pytest.mark.parametrize("written", [ADDRESS, " Jane@Example.COM\u200b", SHA256.upper(), SHA512])
def test_an_address_or_a_hash_names_the_same_person(written: str) -> None:
    assert set(the_ids(written)) <= set(IDS)


def test_the_ids_are_those_that_intake_gives() -> None:
    prepared = prepare_user(json.dumps({"sha256_email": SHA256, "sha512_email": SHA512}), allow_names_only=False)
    assert isinstance(prepared, Prepared)
    assert prepared.ids == IDS


@pytest.mark.parametrize(
    ("record", "theirs"),
    [
        ([IDS[0]], True),
        ([OTHER, IDS[1]], True),
        ([DEVICE], True),
        ([OTHER, DEVICE], False),
        ([OTHER], False),
    ],
)
def test_a_device_alone_makes_nobody_somebody_else(record: list[bytes], *, theirs: bool) -> None:
    assert is_theirs(record, {*IDS, DEVICE}) is theirs


@pytest.mark.parametrize(
    "payload",
    [
        {"email": f" {ADDRESS.upper()} "},
        {"first_name": ADDRESS},
        {"nested": [{"sha256_email": SHA256.upper()}]},
        {SHA512: None},
        {"google_aid": DEVICE[1:].decode().upper()},
    ],
)
def test_a_payload_names_somebody_wherever_it_does(payload: object) -> None:
    assert payload_names(json.dumps(payload), {*IDS, DEVICE})
    assert not payload_names(json.dumps(payload), {OTHER})


@pytest.mark.parametrize(
    ("beside", "theirs"),
    [
        ({}, True),
        ({"title": "not@an address"}, True),
        ({"email": "cousin@example.com"}, False),
        ({"title": "cousin@example.com"}, False),
        ({"sha256_email": "6f" * 32}, False),
        ({"email": ADDRESS}, True),
        ({"email": "cousin@example.com", "first_name": ADDRESS}, True),
    ],
)
def test_their_device_beside_the_address_of_somebody_else_names_nobody(beside: dict[str, str], *, theirs: bool) -> None:
    payload = json.dumps({"google_aid": DEVICE[1:].decode(), **beside})
    assert payload_names(payload, {*IDS, DEVICE}) is theirs


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert not names(text, {OTHER})
    assert not payload_names(text, {OTHER})


def test_a_removal_is_what_the_crm_would_write() -> None:
    for one in (*IDS, DEVICE):
        prepared = prepare_user(json.dumps(removal(one)), allow_names_only=False)
        assert isinstance(prepared, Prepared)
        assert prepared.ids == (one,)


def test_digests_depend_on_the_key_and_tell_a_subject_from_its_neighbours() -> None:
    key, other = (SuppressionKey(Fernet.generate_key().decode()) for _ in range(2))
    assert key.digest(OTHER) != other.digest(OTHER)
    assert key.id != other.id
    assert "key" not in repr(key).lower().replace("suppressionkey", "")
    told = {key.digest(subject(*one)) for one in (("a", "bc"), ("ab", "c"), ("a", "b\0c"))}
    assert len(told) == 3


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=200))
def test_a_sieve_lets_through_all_it_holds(digests: list[bytes]) -> None:
    sieve = Sieve(digests)
    assert all(map(sieve.passes, digests))


def test_a_sieve_lets_few_others_through() -> None:
    key = SuppressionKey(Fernet.generate_key().decode())
    sieve = Sieve((key.digest(b"%d" % number) for number in range(20_000)), expected=20_000)
    strangers = sum(sieve.passes(key.digest(b"x%d" % number)) for number in range(20_000))
    assert strangers < 20_000 / 10
    assert not sieve.is_full
