"""Rows of a list upload: the two templates, and nothing but SHA-256 leaves them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.change import Kind, Reason
from syncd.domain.identity import Invalid
from syncd.domain.listrow import TEMPLATES, kind_of, listed

ANN = hashlib.sha256(b"ann@example.com").hexdigest()


def contact(**row: str) -> dict[str, str] | Invalid:
    return listed(Kind.USER, row, allow_names_only=False)


def test_the_templates_are_linkedins() -> None:
    assert ",".join(TEMPLATES[Kind.USER]) == "email,firstname,lastname,jobtitle,employeecompany,country,googleaid"
    assert ",".join(TEMPLATES[Kind.COMPANY]) == (
        "companyname,companywebsite,companyemaildomain,linkedincompanypageurl,stocksymbol,industry,city,state,"
        "companycountry,zipcode"
    )


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("email", Kind.USER),
        ("Email, FirstName ,lastname", Kind.USER),
        ("googleaid,country", Kind.USER),
        ("companyname", Kind.COMPANY),
        ("zipcode,companywebsite", Kind.COMPANY),
    ],
)
def test_a_header_may_name_some_columns_of_one_template(header: str, kind: Kind) -> None:
    assert kind_of(header.split(",")) is kind


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("email,shoe", "no place for 'shoe'"),
        ("email,companyname", "no place for"),
        ("email,email", "a column twice"),
        ("firstname,country", "who is meant"),
        ("city,state", "who is meant"),
        ("", "no place for ''"),
    ],
)
def test_any_other_header_is_refused_with_the_template(header: str, words: str) -> None:
    said = kind_of(header.split(","))
    assert isinstance(said, str)
    assert words in said


def test_a_contact_leaves_hashed_trimmed_and_cut() -> None:
    row = contact(
        email=" Ann@Example.com ",
        firstname="A" * 40,
        lastname=" Lee ",
        jobtitle="",
        country="de",
        googleaid="38400000-8CF0-11BD-B23E-10B96E40000D",
    )
    assert row == {
        "email": ANN,
        "firstname": "A" * 35,
        "lastname": "Lee",
        "country": "DE",
        "googleaid": "38400000-8cf0-11bd-b23e-10b96e40000d",
    }


def test_a_hash_in_the_email_column_stays_what_it_is() -> None:
    assert contact(email=ANN.upper()) == {"email": ANN}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"email": "ann at example.com"}, Reason.INVALID_EMAIL),
        ({"email": hashlib.sha512(b"ann@example.com").hexdigest()}, Reason.INVALID_HASH),
        ({"email": hashlib.sha256(b"").hexdigest()}, Reason.HASH_OF_NOTHING),
        ({"googleaid": "x"}, Reason.INVALID_GOOGLE_AID),
        ({"firstname": "Ann", "lastname": "Lee"}, Reason.NO_IDENTIFIER),
        ({}, Reason.NO_IDENTIFIER),
    ],
)
def test_a_contact_that_cannot_be_sent_says_why(row: dict[str, str], reason: Reason) -> None:
    said = contact(**row)
    assert isinstance(said, Invalid)
    assert said.reason is reason


def test_names_alone_pass_where_they_are_allowed() -> None:
    row = {"firstname": "Ann", "lastname": "Lee"}
    assert listed(Kind.USER, row, allow_names_only=True) == row


def test_a_company_keeps_its_words() -> None:
    row = {"companyname": " Acme ", "companywebsite": "Acme.example", "city": "Berlin", "companycountry": "de"}
    assert listed(Kind.COMPANY, row, allow_names_only=False) == {
        "companyname": "Acme",
        "companywebsite": "Acme.example",
        "city": "Berlin",
        "companycountry": "DE",
    }
    assert isinstance(listed(Kind.COMPANY, {"city": "Berlin"}, allow_names_only=False), Invalid)


@given(st.dictionaries(st.sampled_from(sorted(TEMPLATES[Kind.USER])), st.text()))
def test_no_cell_of_any_row_holds_an_address(row: dict[str, str]) -> None:
    said = listed(Kind.USER, row, allow_names_only=True)
    if not isinstance(said, Invalid):
        assert "@" not in said.get("email", "")
        assert said.keys() <= TEMPLATES[Kind.USER].keys()
