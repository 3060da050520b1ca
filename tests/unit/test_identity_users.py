from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.domain import user
from syncd.domain.change import Reason
from syncd.domain.identity import Invalid, Prepared
from syncd.domain.user import hash_email, normalise_email, prepare_user, prepare_users
from tests.unit.identity_vectors import (
    ADDRESSES,
    AID,
    ANN,
    ANN_SHA256,
    ANN_SHA512,
    NAMES,
    NOTHING_SHA256,
    NOTHING_SHA512,
)

SHA256_KEY = b"\x01" + bytes.fromhex(ANN_SHA256)
SHA512_KEY = b"\x02" + bytes.fromhex(ANN_SHA512)
AID_KEY = b"\x03" + AID.encode()

FIELDS = [
    "email",
    "sha256_email",
    "sha512_email",
    "google_aid",
    "first_name",
    "last_name",
    "title",
    "company",
    "country",
    "tags",
]
PATIENTLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a loaded machine is no failure
ANY_TEXT = st.text(st.characters())  # lone surrogates too
ODD_EMAILS = st.text(st.sampled_from("aZ0.@@ \t\x00\x1c\x85\xa0\u200b\u2060\ufeff\ud800\u0130\u03a3\U0001f600"))
ADDRESSES_LIKE = st.builds("{}@{}".format, st.text("aZ.\u00eb ", max_size=70), st.text("aZ.\u00eb", max_size=260))
TELLING = st.sampled_from(
    [
        "",
        " ",
        ANN,
        ANN.upper(),
        ANN_SHA256,
        ANN_SHA256.upper(),
        ANN_SHA512,
        f" {ANN_SHA256}\n",
        AID,
        AID.upper(),
        "US",
        "de",
        NOTHING_SHA256,
        NOTHING_SHA512,
        "00000000-0000-0000-0000-000000000000",
        'O"Neil\\',
        "Zo\u00eb\x7f",
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT | TELLING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
PAYLOADS = st.builds(
    lambda members, plain: json.dumps(members, ensure_ascii=plain),
    st.dictionaries(st.sampled_from(FIELDS), ODD_EMAILS | TELLING | ANY_JSON, max_size=8),
    st.booleans(),
)
ANY_PAYLOAD = PAYLOADS | ANY_TEXT | st.builds(json.dumps, ANY_JSON)


MANY_PAYLOADS = st.lists(
    ANY_PAYLOAD
    | st.builds(
        lambda email, more: json.dumps({"email": email, **more}),
        st.from_regex(r"[a-zA-Z0-9.+\s]{1,70}@[a-zA-Z0-9.-]{1,40}[.][a-z]{1,9}", alphabet=st.characters(codec="ascii"))
        | st.sampled_from(
            ["a@b.c", "a\nb@c.d", "a\n@b.c\nd@e.f", "a\x1cb@c.d\n", "a\x01@b.c", "x" * 65 + "@a.b", "\n", " "]
        )
        | st.integers(250, 260).map(lambda size: "a@" + "b" * (size - 4) + ".c"),
        st.dictionaries(st.sampled_from(["first_name", "last_name", "country"]), ODD_EMAILS, max_size=3),
    ),
    max_size=8,
)


def prepare(members: dict[str, Any], *, allow_names_only: bool = False) -> Prepared | Invalid:
    return prepare_user(json.dumps(members), allow_names_only=allow_names_only)


def prepared(members: dict[str, Any], *, allow_names_only: bool = False) -> Prepared:
    result = prepare(members, allow_names_only=allow_names_only)
    assert isinstance(result, Prepared), result
    return result


def refused(members: dict[str, Any], *, allow_names_only: bool = False) -> Reason:
    result = prepare(members, allow_names_only=allow_names_only)
    assert isinstance(result, Invalid)
    return result.reason


def attributes(members: dict[str, Any]) -> dict[str, Any]:
    fields = prepared({"email": ANN, **members}).fields
    element: dict[str, Any] = json.loads(b'{"action":"ADD"' + fields + b"}")
    del element["action"]
    return element


def naive_normaliser(text: str) -> str:
    """Says design.md §4 once more, character by character."""
    kept = ""
    for character in text:
        if not character.isspace() and ord(character) not in {0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF}:
            kept += character
    return kept.lower()


def naively_valid(email: str) -> bool:
    local, *domains = email.split("@")
    if len(domains) != 1 or not 1 <= len(local) <= 64 or len(email) > 254:
        return False
    labels = domains[0].split(".")
    if len(labels) < 2 or "" in labels:
        return False
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in email)


# The address


@pytest.mark.parametrize(("address", "digest"), ADDRESSES)
def test_an_address_hashes_as_sha256sum_hashes_it(address: str, digest: str) -> None:
    assert hash_email(normalise_email(address)).hex() == digest
    assert prepared({"email": address}).ids == (b"\x01" + bytes.fromhex(digest),)


def test_normalising_drops_exactly_white_space_and_five_zero_width_characters() -> None:
    for point in range(0x110000):
        character = chr(point)
        assert normalise_email(f"a{character}b") == naive_normaliser(f"a{character}b"), hex(point)


@PATIENTLY
@given(ANY_TEXT | ODD_EMAILS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_email(normalise_email(text)) == normalise_email(text)


@PATIENTLY
@given(ANY_TEXT | ODD_EMAILS)
def test_normalising_is_what_a_naive_normaliser_does(text: str) -> None:
    assert normalise_email(text) == naive_normaliser(text)


@PATIENTLY
@given(ODD_EMAILS | ADDRESSES_LIKE | ANY_TEXT)
@example("a@b.c\x00")
@example("a" * 64 + "@b.c")
@example("a" * 65 + "@b.c")
@example("a@" + "b" * 250 + ".c")
@example("a@" + "b" * 251 + ".c")
def test_an_address_is_valid_as_the_design_says(text: str) -> None:
    email = naive_normaliser(text)
    result = prepare({"email": text})
    if not email:
        assert isinstance(result, Invalid)
        assert result.reason is Reason.NO_IDENTIFIER
    elif naively_valid(email):
        assert isinstance(result, Prepared)
        assert result.ids == (b"\x01" + hashlib.sha256(email.encode()).digest(),)
    else:
        assert isinstance(result, Invalid)
        assert result.reason is Reason.INVALID_EMAIL


@pytest.mark.parametrize(
    "email",
    [
        "ann",
        "@",
        "@example.com",
        "ann@",
        "ann@example",
        "ann@@example.com",
        "ann@lee@example.com",
        "ann@.com",
        "ann@example.",
        "ann@example..com",
        "ann\x00@example.com",
        "ann@exam\x7fple.com",
        "ann@example.com\x9f",
        "ann\ud800@example.com",
        "a" * 65 + "@example.com",
        "ann@" + "b" * 247 + ".com",
        "b" * 1_000_000 + "@example.com",
        "ann@" + "b." * 500_000 + "com",
        "f" * 63,
        "f" * 128 + "f",
        "g" * 64,
    ],
)
def test_an_address_that_is_none_is_an_invalid_email(email: str) -> None:
    assert refused({"email": email}) is Reason.INVALID_EMAIL


def test_an_address_may_be_as_long_as_the_limits_allow() -> None:
    assert prepared({"email": "a" * 64 + "@example.com"}).ids
    assert prepared({"email": "ann@" + "b" * 246 + ".com"}).ids


def test_a_megabyte_of_white_space_around_an_address_is_white_space() -> None:
    assert prepared({"email": " " * 500_000 + ANN + "\u200b" * 500_000}).ids == (SHA256_KEY,)


# Identifiers


@pytest.mark.parametrize(
    ("members", "ids"),
    [
        ({"email": ANN}, [SHA256_KEY]),
        ({"sha256_email": ANN_SHA256}, [SHA256_KEY]),
        ({"sha256_email": f"\t{ANN_SHA256.upper()}\u00a0"}, [SHA256_KEY]),
        ({"sha512_email": ANN_SHA512.upper()}, [SHA512_KEY]),
        ({"google_aid": f" {AID.upper()} "}, [AID_KEY]),
        ({"email": ANN, "sha256_email": ANN_SHA256.upper()}, [SHA256_KEY]),
        ({"email": ANN, "sha512_email": ANN_SHA512}, [SHA256_KEY, SHA512_KEY]),
        ({"sha512_email": ANN_SHA512, "sha256_email": ANN_SHA256}, [SHA256_KEY, SHA512_KEY]),
        ({"google_aid": AID, "sha512_email": ANN_SHA512}, [SHA512_KEY, AID_KEY]),
        (
            {"google_aid": AID, "sha512_email": ANN_SHA512, "sha256_email": ANN_SHA256, "email": ANN},
            [SHA256_KEY, SHA512_KEY, AID_KEY],
        ),
        ({"email": None, "sha256_email": "", "sha512_email": " \u3000", "google_aid": AID}, [AID_KEY]),
        ({"email": " \u200b\ufeff", "sha256_email": ANN_SHA256, "google_aid": "\t"}, [SHA256_KEY]),
        ({"email": ANN, "tags": [{"unknown": 1}], "phone": 49}, [SHA256_KEY]),
    ],
)
def test_all_ids_given_are_kept_and_the_identity_stands_first(members: dict[str, Any], ids: list[bytes]) -> None:
    assert prepared(members).ids == tuple(ids)
    assert prepared(members).fields == b""


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, Reason.NO_IDENTIFIER),
        ({"email": None}, Reason.NO_IDENTIFIER),
        ({"email": " ", "sha256_email": "", "google_aid": "\n"}, Reason.NO_IDENTIFIER),
        ({"Email": ANN}, Reason.NO_IDENTIFIER),
        ({"email": ANN_SHA256}, Reason.HASH_IN_EMAIL),
        ({"email": f" {ANN_SHA256.upper()} "}, Reason.HASH_IN_EMAIL),
        ({"email": ANN_SHA512}, Reason.HASH_IN_EMAIL),
        ({"email": NOTHING_SHA256}, Reason.HASH_IN_EMAIL),
        ({"sha256_email": ANN}, Reason.EMAIL_IN_HASH),
        ({"sha512_email": ANN}, Reason.EMAIL_IN_HASH),
        ({"sha512_email": "@" * 1_000_000}, Reason.EMAIL_IN_HASH),
        ({"sha256_email": ANN_SHA256[:-1]}, Reason.INVALID_HASH),
        ({"sha256_email": ANN_SHA256 + "0"}, Reason.INVALID_HASH),
        ({"sha256_email": ANN_SHA512}, Reason.INVALID_HASH),
        ({"sha256_email": "g" + ANN_SHA256[1:]}, Reason.INVALID_HASH),
        ({"sha256_email": ANN_SHA256[:30] + "    " + ANN_SHA256[34:]}, Reason.INVALID_HASH),
        ({"sha256_email": "0x" + ANN_SHA256[2:]}, Reason.INVALID_HASH),
        ({"sha256_email": "\uff10" * 64}, Reason.INVALID_HASH),
        ({"sha256_email": "\ud800" * 64}, Reason.INVALID_HASH),
        ({"sha256_email": "\u200b" + ANN_SHA256}, Reason.INVALID_HASH),
        ({"sha256_email": "a" * 1_000_000}, Reason.INVALID_HASH),
        ({"sha512_email": ANN_SHA256}, Reason.INVALID_HASH),
        ({"sha256_email": NOTHING_SHA256}, Reason.HASH_OF_NOTHING),
        ({"sha256_email": NOTHING_SHA256.upper()}, Reason.HASH_OF_NOTHING),
        ({"sha512_email": NOTHING_SHA512}, Reason.HASH_OF_NOTHING),
        ({"sha512_email": NOTHING_SHA512.upper()}, Reason.HASH_OF_NOTHING),
        ({"email": "bob@example.com", "sha256_email": ANN_SHA256}, Reason.IDENTIFIERS_DISAGREE),
        ({"email": "bob@example.com", "sha512_email": ANN_SHA512}, Reason.IDENTIFIERS_DISAGREE),
        ({"email": ANN, "sha256_email": ANN_SHA256, "sha512_email": "0" * 128}, Reason.IDENTIFIERS_DISAGREE),
        ({"google_aid": "00000000-0000-0000-0000-000000000000"}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": AID.replace("-", "")}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": "{" + AID + "}"}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": "g" + AID[1:]}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": ANN}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": "\ud800"}, Reason.INVALID_GOOGLE_AID),
    ],
)
def test_wrong_identifiers_are_dead_with_a_reason(members: dict[str, Any], reason: Reason) -> None:
    assert refused(members) is reason


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sha256_email": NOTHING_SHA256}, Reason.HASH_OF_NOTHING),
        ({"sha256_email": ANN}, Reason.EMAIL_IN_HASH),
        ({"sha512_email": "abc"}, Reason.INVALID_HASH),
        ({"google_aid": "unknown"}, Reason.INVALID_GOOGLE_AID),
        ({"google_aid": "00000000-0000-0000-0000-000000000000"}, Reason.INVALID_GOOGLE_AID),
    ],
)
def test_a_wrong_identifier_is_not_dropped_beside_a_good_one(wrong: dict[str, Any], reason: Reason) -> None:
    assert refused({"email": ANN, **wrong}) is reason


def test_the_first_wrong_identifier_decides() -> None:
    members = {"google_aid": "?", "sha512_email": NOTHING_SHA512, "sha256_email": "abc", "email": "ann"}
    seen = []
    for field in ("email", "sha256_email", "sha512_email", "google_aid"):
        seen.append(refused(members))
        del members[field]
    assert seen == [
        Reason.INVALID_EMAIL,
        Reason.INVALID_HASH,
        Reason.HASH_OF_NOTHING,
        Reason.INVALID_GOOGLE_AID,
    ]


@pytest.mark.parametrize("field", ["email", "sha256_email", "sha512_email", "google_aid"])
@pytest.mark.parametrize("value", [0, 17, 1.5, True, False, [], [ANN], {}, {"a": ANN}])
def test_an_identifier_that_is_no_string_is_a_bad_payload_that_names_the_field(field: str, value: Any) -> None:
    result = prepare({"email": ANN, field: value})
    assert isinstance(result, Invalid)
    assert result.reason is Reason.BAD_PAYLOAD
    assert result.detail.startswith(f"{field} must be a string")


@pytest.mark.parametrize(
    "payload", ["", "{", "[]", "7", "null", f'"{ANN}"', f'["{ANN}"]', '{"email":' * 100_000, "[" * 1_000_000]
)
def test_what_is_no_json_object_is_a_bad_payload(payload: str) -> None:
    result = prepare_user(payload, allow_names_only=True)
    assert isinstance(result, Invalid)
    assert result.reason is Reason.BAD_PAYLOAD


def test_deep_nesting_beside_an_identifier_is_a_bad_payload_and_no_crash() -> None:
    result = prepare_user(f'{{"email":"{ANN}","x":{"[" * 100_000}{"]" * 100_000}}}', allow_names_only=False)
    assert result == Invalid(Reason.BAD_PAYLOAD, "The payload is nested too deeply.")


@pytest.mark.parametrize(
    "payload",
    [
        f'{{"email":"bob@example.com","email":"{ANN}"}}',
        f'{{"email":17,"email":"{ANN}"}}',
        f'{{"\\u0065mail":"{ANN}"}}',
        f'{{"email":"\\u0061{ANN[1:]}"}}',
        f'{{"email":"{ANN}","x":"\\ud800"}}',
        f'{{"email":"{ANN}","x":"\ud800"}}',
        f'{{"email":"{ANN}","x":1e999,"y":{"9" * 5_000}}}',
        f' {{ "email" : "{ANN}" }} \n',
    ],
)
def test_json_may_be_written_in_odd_ways(payload: str) -> None:
    result = prepare_user(payload, allow_names_only=False)
    assert isinstance(result, Prepared)
    assert result.ids == (SHA256_KEY,)


# Attributes


def test_attributes_go_in_one_order_behind_a_comma() -> None:
    members = {"country": "us", "company": "Acme", "title": "CTO", "last_name": "Lee", "first_name": "Ann"}
    expected = b',"firstName":"Ann","lastName":"Lee","title":"CTO","company":"Acme","country":"US"'
    assert prepared({"email": ANN, **members}).fields == expected


@pytest.mark.parametrize(
    ("field", "name", "longest"),
    [
        ("first_name", "firstName", 35),
        ("last_name", "lastName", 35),
        ("title", "title", 50),
        ("company", "company", 50),
    ],
)
def test_a_long_attribute_is_cut(field: str, name: str, longest: int) -> None:
    for letter in ("a", "\u00eb", "\U0001f600", '"'):
        assert attributes({field: letter * longest}) == {name: letter * longest}
        assert attributes({field: f" {letter * (longest + 1)}"}) == {name: letter * longest}
        assert attributes({field: letter * 1_000_000}) == {name: letter * longest}
    assert attributes({field: "a" * (longest - 1) + " b"}) == {name: "a" * (longest - 1)}


@pytest.mark.parametrize("field", ["first_name", "last_name", "title", "company", "country"])
@pytest.mark.parametrize("value", [None, "", " \t", "\x00", "\ud800", 0, 17, 1.5, True, [], ["US"], {}, {"a": "US"}])
def test_an_attribute_that_says_nothing_is_dropped_and_the_person_stays(field: str, value: Any) -> None:
    assert attributes({field: value}) == {}


@pytest.mark.parametrize(
    ("given_name", "sent"),
    [
        (" Zo\u00eb ", "Zo\u00eb"),
        ("A\x00n\x1fn\x7f\x85", "Ann"),
        ("Ann\ud83d", "Ann"),
        ("\U0001f600", "\U0001f600"),
        ('O"Neil\\', 'O"Neil\\'),
        ("</script>\u2028", "</script>"),
        ("a\u2028b", "a\u2028b"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("\u200bAnn", "\u200bAnn"),
    ],
)
def test_an_attribute_is_cleaned_and_escaped(given_name: str, sent: str) -> None:
    assert attributes({"first_name": given_name}) == {"firstName": sent}


@PATIENTLY
@given(MANY_PAYLOADS, st.booleans())
def test_many_at_once_are_what_each_is_alone(payloads: list[str], names: bool) -> None:
    alone = [prepare_user(payload, allow_names_only=names) for payload in payloads]
    columns = zip(*prepare_users(payloads, allow_names_only=names), strict=True)
    assert [ids if isinstance(ids, Invalid) else Prepared(ids, fields) for ids, fields in columns] == alone


@pytest.mark.parametrize("country", ["UK", "EU", "USA", "\u00df", "Germany", "X", "A1"])
def test_an_unknown_country_is_dropped_and_the_person_stays(country: str) -> None:
    assert attributes({"country": country, "title": "CTO"}) == {"title": "CTO"}


# Names only


@pytest.mark.parametrize(("names", "digest"), NAMES)
def test_names_alone_are_an_identity_where_they_are_allowed(names: tuple[str | None, ...], digest: str) -> None:
    members = dict(zip(("first_name", "last_name", "company", "country"), names, strict=True))
    assert prepared(members, allow_names_only=True).ids == (b"\x04" + bytes.fromhex(digest),)
    assert refused(members) is Reason.NO_IDENTIFIER


def test_the_title_is_no_part_of_who_somebody_is_and_is_sent() -> None:
    before = prepared({"first_name": "Ann", "last_name": "Lee", "title": "CTO"}, allow_names_only=True)
    after = prepared({"first_name": "Ann", "last_name": "Lee", "title": "CEO"}, allow_names_only=True)
    assert before.ids == after.ids
    assert before.fields == b',"firstName":"Ann","lastName":"Lee","title":"CTO"'


def test_names_in_other_fields_are_other_people() -> None:
    people: list[dict[str, Any]] = [
        {"first_name": "Ann", "last_name": "Lee"},
        {"first_name": "Lee", "last_name": "Ann"},
        {"first_name": "Ann Lee", "last_name": "Us"},
        {"first_name": "Ann", "last_name": "Lee Us"},
        {"first_name": "Ann", "last_name": "Lee", "company": "us"},
        {"first_name": "Ann", "last_name": "Lee", "country": "us"},
        {"first_name": "Ann", "last_name": "Lee\x1fus"},
    ]
    assert len({prepared(person, allow_names_only=True).ids for person in people}) == len(people)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"first_name": "Ann"},
        {"last_name": "Lee", "company": "Acme"},
        {"first_name": "Ann", "last_name": " "},
        {"first_name": 7, "last_name": "Lee"},
        {"first_name": "\x00", "last_name": "Lee"},
    ],
)
def test_half_a_name_is_no_identity(members: dict[str, Any]) -> None:
    assert refused(members, allow_names_only=True) is Reason.NO_IDENTIFIER


def test_names_do_not_stand_in_for_a_wrong_identifier() -> None:
    members = {"first_name": "Ann", "last_name": "Lee", "email": "ann"}
    assert refused(members, allow_names_only=True) is Reason.INVALID_EMAIL


def test_an_identifier_comes_before_names() -> None:
    members = {"first_name": "Ann", "last_name": "Lee", "google_aid": AID}
    assert prepared(members, allow_names_only=True).ids == (AID_KEY,)


# Anything at all


@PATIENTLY
@given(ANY_PAYLOAD, st.booleans())
def test_anything_is_prepared_or_refused_and_what_is_prepared_is_well_formed(payload: str, allowed: bool) -> None:
    result = prepare_user(payload, allow_names_only=allowed)
    if isinstance(result, Invalid):
        assert result.detail.endswith(".")
        return
    assert result.ids
    assert [key[0] for key in result.ids] == sorted({key[0] for key in result.ids})
    for key in result.ids:
        assert len(key) == {1: 33, 2: 65, 3: 37, 4: 33}[key[0]]
    element = json.loads(b'{"a":0' + result.fields + b"}")
    assert [*element] == [
        name for name in ("a", "firstName", "lastName", "title", "company", "country") if name in element
    ]


def _no_decoder(_payload: str) -> None:
    raise msgspec.DecodeError


@PATIENTLY
@given(ANY_PAYLOAD, st.booleans())
def test_the_fast_and_the_slow_road_lead_to_the_same_place(payload: str, allowed: bool) -> None:
    fast = prepare_user(payload, allow_names_only=allowed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(user, "_decode", _no_decoder)
        assert prepare_user(payload, allow_names_only=allowed) == fast


def test_the_payload_of_every_day_takes_the_fast_road() -> None:
    def refuse(payload: str) -> None:
        raise AssertionError(payload)

    payload = json.dumps({"email": ANN, "first_name": "Zo\u00eb", "country": None, "tags": [1, {"a": 2.5}]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(user, "read_leniently", refuse)
        assert isinstance(prepare_user(payload, allow_names_only=False), Prepared)


@PATIENTLY
@given(
    st.from_regex(r"[a-z]{6}q[0-9]{4}@[a-z]{6}\.example", fullmatch=True),
    st.sampled_from(["email", "sha256_email", "sha512_email", "google_aid"]),
    st.dictionaries(st.sampled_from(FIELDS[:4]), TELLING),
    st.sampled_from(["", "@", "\x00", " \u200b", "\ud800"]),
)
def test_no_plain_address_outlives_preparation(email: str, field: str, more: dict[str, str], noise: str) -> None:
    result = prepare({"first_name": "Ann", **more, field: email + noise}, allow_names_only=True)
    left = repr(result).encode()
    if isinstance(result, Prepared):
        left += result.fields + b"".join(result.ids)
    else:
        left += result.detail.encode()
    assert email.encode() not in left
    assert email.partition("@")[0].encode() not in left


@PATIENTLY
@given(st.sampled_from(FIELDS), st.text("\u0416\u0434\u044f", min_size=1))
def test_no_detail_holds_a_value_of_the_payload(field: str, text: str) -> None:
    for value in (text, text + "@", [text], {text: text}):
        result = prepare({field: value})
        assert isinstance(result, Invalid)
        assert result.detail.isascii()
