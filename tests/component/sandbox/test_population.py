"""The made-up members: drawn once for a seed, and such that what they hold fits together."""

from collections import Counter
from itertools import islice

import pytest

from syncd.sandbox.catalogue import facets
from syncd.sandbox.companies import companies
from syncd.sandbox.geography import places
from syncd.sandbox.matching import Rates, audience, company_in, employees, matched, slot_of, tallies
from syncd.sandbox.membership import text_key
from syncd.sandbox.occupations import work
from syncd.sandbox.population import PICKS, population
from tests.component.sandbox.driver import digest

PEOPLE = population(1)


def test_a_seed_draws_the_same_members_every_time_and_another_seed_others() -> None:
    again = population.__wrapped__(1)
    assert again.profiles == PEOPLE.profiles
    assert again.picks == PEOPLE.picks
    assert population(2).profiles != PEOPLE.profiles


def test_everything_a_profile_holds_is_in_the_catalogue() -> None:
    held = {(facet, urn) for profile in PEOPLE.profiles for facet, urns in profile.items() for urn in urns}
    assert [one for one in held if facets()[one[0]].entity(one[1]) is None] == []


def test_a_title_belongs_to_its_function_and_gives_the_seniority() -> None:
    fitting = {
        (f"urn:li:function:{job.id}", f"urn:li:title:{title.id}", f"urn:li:seniority:{title.seniority}")
        for job in work().functions
        for title in job.titles
    }
    held = {(*one["jobFunctions"], *one["titles"], *one["seniorities"]) for one in PEOPLE.profiles}
    assert held <= fitting


def test_an_employer_gives_industry_size_and_growth() -> None:
    industries = {one.urn: f"urn:li:industry:{one.industry}" for one in companies()}
    for profile in PEOPLE.profiles:
        for employer in profile.get("employers", ()):
            assert profile["industries"] == (industries[employer],)
            assert len(profile["staffCountRanges"]) == len(profile["growthRate"]) == 1


def test_every_company_has_somebody() -> None:
    assert all(PEOPLE.staff[one.id] for one in companies())


def test_a_country_has_the_members_it_should() -> None:
    for place in places():
        if place.kind != "COUNTRY":
            continue
        held = PEOPLE.held(PEOPLE.masks["locations"][place.urn])
        living = sum(weight for weight, here in zip(PEOPLE.weights, held, strict=True) if here)
        assert living == pytest.approx(place.members)


def test_people_of_lists_are_picked_as_often_as_a_profile_has_members() -> None:
    assert len(PEOPLE.picks) == PICKS
    drawn, whole = Counter(PEOPLE.picks), sum(PEOPLE.weights)
    for number, weight in islice(enumerate(PEOPLE.weights), 0, None, 97):
        assert abs(drawn[number] - weight / whole * PICKS) <= 1


def test_rates_hold_for_people_and_companies() -> None:
    rates = Rates(match=0.6, opt_out=0.1)
    keys = [text_key(f"SHA256_EMAIL:{digest(str(i))}") for i in range(20_000)]
    found = [tallies("USER", rates)[slot_of(key)] for key in keys]
    assert sum(map(matched, found)) / len(keys) == pytest.approx(0.6, abs=0.02)
    assert sum(map(audience, found)) / sum(map(matched, found)) == pytest.approx(0.9, abs=0.02)
    firms = tallies("COMPANY", rates)
    assert sum(map(matched, firms)) / len(firms) == pytest.approx(0.6, abs=0.02)
    assert all(audience(tally) == employees(company_in(slot)) for slot, tally in enumerate(firms) if tally)


def test_as_many_work_at_a_company_as_its_size_says() -> None:
    for company in companies():
        low, high = company.staff_counts
        assert low <= employees(company) <= min(high, 20_000)


def test_a_list_brings_as_many_members_as_its_tallies_say() -> None:
    people = [text_key(f"SHA256_EMAIL:{digest(str(i))}") for i in range(500)]
    firms = [text_key(f'{{"companyName":"Firm {i}"}}') for i in range(50)]
    expected = len(people) + sum(employees(company_in(slot_of(key))) for key in firms)
    assert sum(PEOPLE.count([*people, *firms]).values()) == pytest.approx(expected)
