from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.domain.change import Reason
from syncd.domain.identity import COUNTRIES, Invalid, Key, Prepared, clean, country_code, members, read_leniently

PATIENTLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a loaded machine is no failure
ANY_TEXT = st.text(st.characters())  # lone surrogates too


def test_the_countries_are_the_249_assigned_codes() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)


@pytest.mark.parametrize("text", ["US", "us", "uS", " us ", "U\x00S", "us\n", "\u00a0US"])
def test_a_country_is_taken_in_either_case(text: str) -> None:
    assert country_code(text) == "US"


@pytest.mark.parametrize(
    "text",
    [None, "", " ", "UK", "EU", "XK", "ZZ", "USA", "U", "U S", "United States", "\u00df", "\u0131t", "\uff35\uff33"],
)
def test_what_is_no_assigned_code_is_no_country(text: str | None) -> None:
    assert country_code(text) is None


@pytest.mark.parametrize(
    ("text", "longest", "left"),
    [
        (None, 3, None),
        ("", 3, None),
        (" \t\u3000 ", 3, None),
        ("\x00\x7f\x9f", 3, None),
        ("Ann", 3, "Ann"),
        ("Anna", 3, "Ann"),
        (" A  nna", 3, "A"),
        ("\x00 Ann", 3, "Ann"),
        ("A\tn\nn", 3, "Ann"),
        ("\ud800Zo\u00eb", 3, "Zo\u00eb"),
        ("\U0001f600" * 4, 3, "\U0001f600" * 3),
        ("a\u00a0b", 3, "a\u00a0b"),
    ],
)
def test_text_loses_what_cannot_be_sent_then_is_trimmed_and_cut(
    text: str | None, longest: int, left: str | None
) -> None:
    assert clean(text, longest) == left


@PATIENTLY
@given(ANY_TEXT, st.integers(1, 40))
def test_clean_text_is_short_sendable_trimmed_and_stays_as_it_is(text: str, longest: int) -> None:
    left = clean(text, longest)
    assert clean(left, longest) == left
    if left is not None:
        assert 0 < len(left) <= longest
        assert left == left.strip()
        assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in left)


def test_exactly_control_characters_and_surrogates_are_removed() -> None:
    removed = {point for point in range(0x110000) if clean(f"a{chr(point)}b") == "ab"}
    assert removed == {point for point in range(0x110000) if unicodedata.category(chr(point)) in {"Cc", "Cs"}}


def test_members_stand_behind_a_comma_or_are_nothing() -> None:
    class Element(msgspec.Struct, omit_defaults=True):
        a: str | None = None

    assert members(Element()) == b""
    assert members(Element('"\\')) == b',"a":"\\"\\\\"'


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        ("", "The payload is not valid JSON."),
        ("{", "The payload is not valid JSON."),
        ("{} {}", "The payload is not valid JSON."),
        ('{"a":NaN}', "The payload is not valid JSON."),
        ('{"a":-Infinity}', "The payload is not valid JSON."),
        ('{"a":"\x00"}', "The payload is not valid JSON."),
        ("\ufeff{}", "The payload is not valid JSON."),
        ("[" * 1_000_000, "The payload is nested too deeply."),
        ('{"a":' * 200_000, "The payload is nested too deeply."),
        ("[]", "The payload must be a JSON object."),
        ("null", "The payload must be a JSON object."),
        ("17", "The payload must be a JSON object."),
        ('"email"', "The payload must be a JSON object."),
        ('{"a":1}', "a must be a word."),
        ('{"a":false}', "a must be a word."),
        ('{"a":{}}', "a must be a word."),
        ('{"a":["x"]}', "a must be a word."),
        ('{"a":"x","a":0}', "a must be a word."),
    ],
)
def test_a_payload_that_cannot_be_read_says_why(payload: str, detail: str) -> None:
    assert read_leniently(payload, {"a": "a word"}, ()) == Invalid(Reason.BAD_PAYLOAD, detail)


def test_the_texts_of_a_payload_come_by_field() -> None:
    payload = '{"a":0,"a":"\\ud800","b":7,"c":null,"z":' + "9" * 5_000 + "}"
    assert read_leniently(payload, {"a": "a word", "d": "a word"}, ("b", "c")) == {
        "a": "\ud800",
        "d": None,
        "b": None,
        "c": None,
    }


def test_what_is_prepared_does_not_show_itself() -> None:
    prepared = Prepared((Key(b"\x03secret"),), b',"firstName":"Ann"')
    assert "secret" not in repr(prepared)
    assert "Ann" not in f"{prepared} {[prepared]}"


def test_prepared_values_compare_by_what_they_hold() -> None:
    assert Prepared((Key(b"\x03a"),), b"") == Prepared((Key(b"\x03a"),), b"")
    assert json.loads(b'{"a":0' + Prepared((), b',"b":1').fields + b"}") == {"a": 0, "b": 1}
