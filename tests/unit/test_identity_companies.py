from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.domain import company
from syncd.domain.change import Reason
from syncd.domain.company import prepare_company
from syncd.domain.identity import Invalid, Prepared

IDENTIFYING = ["organization_urn", "website_domain", "email_domain", "page_url", "name"]
OTHERS = ["stock_symbol", "industry", "city", "state", "country", "postal_code"]
LINKEDIN = [
    "companyName",
    "companyWebsiteDomain",
    "companyEmailDomain",
    "companyPageUrl",
    "organizationUrn",
    "stockSymbol",
    "industry",
    "city",
    "state",
    "country",
    "postalCode",
]
PATIENTLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a loaded machine is no failure
ANY_TEXT = st.text(st.characters())  # lone surrogates too
TELLING = st.sampled_from(["", " ", "Acme", " ACME.com ", "urn:li:organization:1337", "us", "\x00", 'a"\\', "\u0130"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT | TELLING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
PAYLOADS = st.builds(
    lambda members, plain: json.dumps(members, ensure_ascii=plain),
    st.dictionaries(st.sampled_from([*IDENTIFYING, *OTHERS, "tags"]), TELLING | ANY_JSON, max_size=8),
    st.booleans(),
)
ANY_PAYLOAD = PAYLOADS | ANY_TEXT | st.builds(json.dumps, ANY_JSON)


def prepare(members: dict[str, Any]) -> Prepared | Invalid:
    return prepare_company(json.dumps(members))


def prepared(members: dict[str, Any]) -> Prepared:
    result = prepare(members)
    assert isinstance(result, Prepared), result
    return result


def refused(members: dict[str, Any]) -> Reason:
    result = prepare(members)
    assert isinstance(result, Invalid)
    return result.reason


def metadata(members: dict[str, Any]) -> dict[str, Any]:
    element: dict[str, Any] = json.loads(b'{"action":"ADD"' + prepared(members).fields + b"}")
    del element["action"]
    return element


def test_metadata_goes_as_sent_in_one_order_and_all_ids_are_kept() -> None:
    result = prepared(
        {
            "postal_code": "10115",
            "country": "de",
            "state": "BE",
            "city": "Berlin",
            "industry": "Software",
            "stock_symbol": "ACM",
            "organization_urn": "urn:li:organization:1337",
            "page_url": "https://www.LinkedIn.com/company/Acme",
            "email_domain": "Mail.Acme.com",
            "website_domain": " Acme.com ",
            "name": "Acme GmbH",
        }
    )
    assert result.ids == (
        b"\x11urn:li:organization:1337",
        b"\x12acme.com",
        b"\x13mail.acme.com",
        b"\x14https://www.linkedin.com/company/acme",
        b"\x15acme gmbh",
    )
    assert result.fields == (
        b',"companyName":"Acme GmbH","companyWebsiteDomain":"Acme.com","companyEmailDomain":"Mail.Acme.com"'
        b',"companyPageUrl":"https://www.LinkedIn.com/company/Acme","organizationUrn":"urn:li:organization:1337"'
        b',"stockSymbol":"ACM","industry":"Software","city":"Berlin","state":"BE","country":"DE","postalCode":"10115"'
    )


def test_the_identity_is_the_first_of_the_fields_in_the_order_of_the_design() -> None:
    members = dict.fromkeys(reversed(IDENTIFYING), "x") | {"organization_urn": "urn:li:organization:1"}
    for tag, field in enumerate(IDENTIFYING, start=0x11):
        assert prepared(members).ids[0][0] == tag
        del members[field]


@pytest.mark.parametrize(
    ("members", "ids"),
    [
        ({"name": " \u00c4cme\x00 "}, ["\x15\u00e4cme"]),
        ({"name": "Ac\ud800me"}, ["\x15acme"]),
        ({"name": "A  B"}, ["\x15a  b"]),
        ({"website_domain": None, "email_domain": "", "page_url": " \x00", "name": "Acme"}, ["\x15acme"]),
        ({"organization_urn": " urn:li:organization:7\n"}, ["\x11urn:li:organization:7"]),
        ({"website_domain": "acme.com", "employees": 7, "tags": [{}]}, ["\x12acme.com"]),
    ],
)
def test_keys_are_cleaned_trimmed_and_lower_cased(members: dict[str, Any], ids: list[str]) -> None:
    assert prepared(members).ids == tuple(key.encode() for key in ids)


def test_companies_that_differ_in_case_only_are_one_company_with_other_metadata() -> None:
    acme, other = prepared({"name": "ACME"}), prepared({"name": "Acme"})
    assert acme.ids == other.ids
    assert acme.fields != other.fields


def test_the_order_and_space_of_the_payload_do_not_matter_to_metadata() -> None:
    one = prepare_company('{"name":"Acme","city":"Berlin","country":"de"}')
    other = prepare_company('{ "country": "DE", "city": " Berlin ", "name": "Acme", "state": null, "x": 1 }')
    assert one == other


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, Reason.NO_IDENTIFIER),
        ({"city": "Berlin", "stock_symbol": "ACM"}, Reason.NO_IDENTIFIER),
        ({"name": " ", "page_url": "\x00", "website_domain": "\ud800"}, Reason.NO_IDENTIFIER),
        ({"organization_urn": "1337"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "urn:li:organization:"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "urn:li:organization:12a"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "urn:li:organization:\u0661"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "urn:li:company:1337"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "URN:LI:ORGANIZATION:1337"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "1337", "name": "Acme"}, Reason.INVALID_ORGANIZATION_URN),
        ({"organization_urn": "1" * 1_001}, Reason.FIELD_TOO_LONG),
        ({"name": "a" * 1_001}, Reason.FIELD_TOO_LONG),
        ({"name": "a" * 1_000_000}, Reason.FIELD_TOO_LONG),
        ({"page_url": "a" * 1_001, "name": "Acme"}, Reason.FIELD_TOO_LONG),
        ({"name": "\u4e2d" * 700}, Reason.FIELD_TOO_LONG),
        ({"name": "\u0130" * 1_000}, Reason.FIELD_TOO_LONG),
    ],
)
def test_wrong_companies_are_dead_with_a_reason(members: dict[str, Any], reason: Reason) -> None:
    assert refused(members) is reason


def test_a_field_may_be_as_long_as_the_limit_once_it_is_cleaned() -> None:
    assert len(prepared({"name": " " + "a" * 1_000 + "\x00"}).ids[0]) == 1_001
    assert len(prepared({"name": "\u4e2d" * 666}).ids[0]) == 1_999


@pytest.mark.parametrize("field", IDENTIFYING)
@pytest.mark.parametrize("value", [0, 1337, 1.5, True, False, [], ["Acme"], {}, {"a": "Acme"}])
def test_an_identifying_field_that_is_no_string_is_a_bad_payload_that_names_it(field: str, value: Any) -> None:
    result = prepare({"name": "Acme", field: value})
    assert isinstance(result, Invalid)
    assert result.reason is Reason.BAD_PAYLOAD
    assert result.detail.startswith(f"{field} must be a string")


def test_a_lone_number_for_the_organization_hears_which_form_is_wanted() -> None:
    for value in (1337, "1337"):
        result = prepare({"organization_urn": value})
        assert isinstance(result, Invalid)
        assert result.detail == "organization_urn must be a string in the form urn:li:organization:1337."


@pytest.mark.parametrize("field", OTHERS)
@pytest.mark.parametrize("value", [None, "", " ", "\x00", "\ud800", 0, 10115, True, [], ["US"], {}])
def test_another_field_that_says_nothing_is_dropped_and_the_company_stays(field: str, value: Any) -> None:
    assert metadata({"name": "Acme", field: value}) == {"companyName": "Acme"}


@pytest.mark.parametrize("field", [field for field in OTHERS if field != "country"])
def test_another_field_is_cut_at_255(field: str) -> None:
    (sent,) = (
        value for name, value in metadata({"name": "Acme", field: "x" * 1_000_000}).items() if name in LINKEDIN[5:]
    )
    assert sent == "x" * 255


@pytest.mark.parametrize("country", ["UK", "EU", "\u00df", "Germany"])
def test_an_unknown_country_is_dropped_and_the_company_stays(country: str) -> None:
    assert metadata({"name": "Acme", "country": country}) == {"companyName": "Acme"}


@pytest.mark.parametrize("payload", ["", "{", "[]", "7", "null", '"Acme"', '{"name":' * 100_000, "[" * 1_000_000])
def test_what_is_no_json_object_is_a_bad_payload(payload: str) -> None:
    result = prepare_company(payload)
    assert isinstance(result, Invalid)
    assert result.reason is Reason.BAD_PAYLOAD


@PATIENTLY
@given(ANY_PAYLOAD)
def test_anything_is_prepared_or_refused_and_what_is_prepared_is_well_formed(payload: str) -> None:
    result = prepare_company(payload)
    if isinstance(result, Invalid):
        assert result.detail.endswith(".")
        return
    assert result.ids
    assert [key[0] for key in result.ids] == sorted({key[0] for key in result.ids})
    for key in result.ids:
        value = key[1:].decode()
        assert 0 < len(key) <= 2_000
        assert value == value.strip().lower()
    element = json.loads(b'{"a":0' + result.fields + b"}")
    assert [*element] == ["a", *(name for name in LINKEDIN if name in element)]


@PATIENTLY
@given(ANY_PAYLOAD)
def test_the_fast_and_the_slow_road_lead_to_the_same_place(payload: str) -> None:
    fast = prepare_company(payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "_read", company._read_slowly)
        assert prepare_company(payload) == fast


@PATIENTLY
@given(PAYLOADS)
def test_metadata_sent_once_more_is_the_same_metadata(payload: str) -> None:
    result = prepare_company(payload)
    if isinstance(result, Prepared):
        element = json.loads(b'{"a":0' + result.fields + b"}")
        again = dict(zip(LINKEDIN, company._Given.__struct_fields__, strict=True))
        assert prepare({again[name]: value for name, value in element.items() if name != "a"}) == result


@PATIENTLY
@given(st.sampled_from(IDENTIFYING), st.text("\u0416\u0434\u044f", min_size=1))
def test_no_detail_holds_a_value_of_the_payload(field: str, text: str) -> None:
    values: list[Any] = [[text], {text: text}, text * 2_000]
    if field == "organization_urn":
        values.append(text)
    for value in values:
        result = prepare({field: value})
        assert isinstance(result, Invalid)
        assert result.detail.isascii()
