"""The rules of targeting criteria, by the references that state them."""

from __future__ import annotations

import pytest

from syncd.domain.targeting import (
    AUDIENCES,
    Criteria,
    facet_name,
    misuses,
    misuses_for_forecasts,
    misuses_for_insights,
    targeting,
)

SEGMENT = "urn:li:adSegment:1"
PLACE = ("locations", ("urn:li:geo:103644278",))
SKILL = ("skills", ("urn:li:skill:236",))
LOCALE = ("interfaceLocales", ("urn:li:locale:en_US",))
TITLE = ("titles", ("urn:li:title:1",))
SENIORITY = ("seniorities", ("urn:li:seniority:6",))
SIZE = ("staffCountRanges", ("urn:li:staffCountRange:(2,10)",))


def test_a_segment_is_one_clause_and_every_facet_another() -> None:
    made = targeting(SEGMENT, [PLACE, SKILL, ("skills", ("urn:li:skill:242", "urn:li:skill:236"))], [SENIORITY])
    assert made.include == (
        {AUDIENCES: (SEGMENT,)},
        {"locations": PLACE[1]},
        {"skills": ("urn:li:skill:236", "urn:li:skill:242")},
    )
    assert made.exclude == {"seniorities": SENIORITY[1]}
    assert list(misuses(made)) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("locations", "locations"),
        ("urn:li:adTargetingFacet:locations", "locations"),
        ("urn:li:adTargetingFacet:revenue", "revenue"),
        ("revenue", None),
        ("Locations", None),
        ("urn:li:adTargetingFacet:", None),
        ("urn:li:adTargetingFacet:no such", None),
        ("", None),
    ],
)
def test_a_facet_is_known_by_its_short_name_or_given_by_its_whole_urn(text: str, name: str | None) -> None:
    assert facet_name(text) == name


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        (Criteria(include=()), "at least one facet"),
        (Criteria(include=({},)), "at least one facet"),
        (Criteria(include=({"locations": ()},)), "facet locations has no entity"),
        (Criteria(include=({"locations": ("germany",)},)), "'germany' is no entity of facet locations"),
        (Criteria(include=({"lo cations": PLACE[1]},)), "'lo cations' is no facet"),
        (Criteria(include=({"locations": PLACE[1]},), exclude={"skills": ("java",)}), "'java' is no entity"),
        (targeting(None, [TITLE, SENIORITY], []), "seniorities cannot be combined with job titles"),
    ],
)
def test_what_no_criteria_may_be_is_said(criteria: Criteria, words: str) -> None:
    assert any(words in problem for problem in misuses(criteria))


def test_titles_or_seniorities_in_one_clause_are_no_combination() -> None:
    assert list(misuses(Criteria(include=({"titles": TITLE[1], "seniorities": SENIORITY[1]},)))) == []
    assert list(misuses(targeting(None, [TITLE], [SENIORITY]))) == []


def test_entities_may_hold_brackets_and_commas() -> None:
    assert list(misuses(targeting(None, [SIZE], []))) == []


@pytest.mark.parametrize(
    ("criteria", "problems"),
    [
        (targeting(SEGMENT, [], []), 0),
        (targeting(None, [("dynamicSegments", ("urn:li:adSegment:2",))], []), 0),
        (targeting(None, [PLACE, SKILL], []), 0),
        (targeting(None, [("profileLocations", PLACE[1]), SKILL], []), 0),
        (targeting(None, [PLACE], []), 1),
        (targeting(None, [PLACE, LOCALE], []), 1),
        (targeting(None, [PLACE, ("ageRanges", ("urn:li:ageRange:(18,24)",))], []), 1),
        (targeting(None, [PLACE, ("genders", ("urn:li:gender:MALE",))], []), 1),
        (targeting(None, [SKILL], []), 1),
        (targeting(None, [LOCALE], []), 2),
    ],
)
def test_insights_need_a_place_and_a_second_facet_or_a_matched_audience(criteria: Criteria, problems: int) -> None:
    assert len(list(misuses_for_insights(criteria))) == problems


def test_a_forecast_needs_a_place_even_for_a_segment_and_excludes_nobody() -> None:
    assert list(misuses_for_forecasts(targeting(SEGMENT, [PLACE], []))) == []
    assert [problem.split(":")[0] for problem in misuses_for_forecasts(targeting(SEGMENT, [], [SKILL]))] == [
        "a forecast cannot exclude anybody",
        "a forecast needs a place",
    ]
