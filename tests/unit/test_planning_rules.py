"""The rules of insights, forecasts and templates, by the references that state them; and the frequency that follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.forecast import Curve, Objective, Plan, Spot, frequencies, misplanned, value_at
from syncd.domain.insight import LABELS, Grouping, Order, Question, misasked
from syncd.domain.notices import ESTIMATES, NO_DISCRIMINATION
from syncd.domain.targeting import targeting
from syncd.domain.template import Change, Draft, misdrawn

ACCOUNT = "urn:li:sponsoredAccount:1"
TODAY = date(2026, 11, 24)
CRITERIA = targeting("urn:li:adSegment:1", [("locations", ("urn:li:geo:103644278",))], [])


def question(**more: Any) -> Question:
    given: dict[str, Any] = {"account": ACCOUNT, "criteria": CRITERIA, "grouping": Grouping.SENIORITIES}
    return Question(**(given | more))


def plan(**more: Any) -> Plan:
    return Plan(account=ACCOUNT, criteria=CRITERIA, objective=Objective.BRAND_AWARENESS, **more)


def test_there_are_the_fifteen_groupings_of_the_reference_and_each_has_a_label() -> None:
    assert len(Grouping) == 15
    assert LABELS.keys() == set(Grouping)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, None),
        ({"most": 100}, None),
        ({"most": 0}, "1 to 100 groups"),
        ({"most": 101}, "1 to 100 groups"),
        ({"order": Order.HIERARCHY}, None),
        ({"order": Order.HIERARCHY, "grouping": Grouping.COMPANY_SIZE}, None),
        ({"order": Order.HIERARCHY, "grouping": Grouping.SKILLS}, "no order of its own"),
        ({"criteria": targeting(None, [("skills", ("urn:li:skill:1",))], [])}, "need a place"),
    ],
)
def test_a_question_is_judged_before_it_is_asked(more: Mapping[str, Any], words: str | None) -> None:
    problems = list(misasked(question(**more)))
    assert problems == [] if words is None else any(words in problem for problem in problems)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, None),
        ({"budget": 100}, None),
        ({"budget": 99}, "at least 100 US dollars"),
        ({"budget": -300}, "at least 100 US dollars"),
        ({"budget": 10**12}, "beyond any curve"),
        ({"start": TODAY}, "in the future"),
        ({"start": TODAY - timedelta(1)}, "in the future"),
        ({"end": TODAY}, "in the future"),
        ({"start": TODAY + timedelta(1)}, None),
        ({"start": TODAY + timedelta(1), "end": TODAY + timedelta(91)}, None),
        ({"start": TODAY + timedelta(1), "end": TODAY + timedelta(92)}, "at most 90 days"),
        ({"end": TODAY + timedelta(90)}, None),
        ({"end": TODAY + timedelta(91)}, "at most 90 days"),
        ({"start": TODAY + timedelta(5), "end": TODAY + timedelta(5)}, "ends after it starts"),
        ({"start": TODAY + timedelta(5), "end": TODAY + timedelta(4)}, "ends after it starts"),
    ],
)
def test_a_plan_is_judged_before_it_is_asked(more: Mapping[str, Any], words: str | None) -> None:
    problems = list(misplanned(plan(**more), TODAY))
    assert problems == [] if words is None else any(words in problem for problem in problems)


def test_a_value_between_two_spots_lies_on_the_line_between_them_and_nothing_lies_outside() -> None:
    curve = Curve((Spot(100, 10), Spot(200, 30)))
    assert [value_at(curve, budget) for budget in (99, 100, 150, 200, 201)] == [None, 10, 20, 30, None]
    assert value_at(Curve((Spot(100, 10),)), 100) == 10
    assert value_at(Curve(()), 100) is None


@given(
    st.lists(
        st.tuples(st.integers(100, 10_000), st.floats(1, 1e6), st.floats(1, 1e6)),
        min_size=1,
        unique_by=lambda row: row[0],
    )
)
def test_frequency_times_reach_is_impressions(rows: list[tuple[int, float, float]]) -> None:
    rows.sort()
    reach = Curve(tuple(Spot(budget, people) for budget, people, _ in rows))
    seen = Curve(tuple(Spot(budget, shown) for budget, _, shown in rows))
    often = frequencies(reach, seen)
    assert [spot.budget for spot in often.spots] == [budget for budget, _, _ in rows]
    for spot, (_, people, shown) in zip(often.spots, rows, strict=True):
        assert spot.value * people == pytest.approx(shown)


def test_nobody_reached_has_no_frequency() -> None:
    assert frequencies(Curve((Spot(100, 0),)), Curve((Spot(100, 5), Spot(300, 9)))).spots == ()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Draft(account=ACCOUNT, name="n" * 100, description="d" * 500, criteria=CRITERIA), None),
        (Draft(account=ACCOUNT, name="n" * 101, description="", criteria=CRITERIA), "at most 100 characters"),
        (Draft(account=ACCOUNT, name="n", description="d" * 501, criteria=CRITERIA), "at most 500 characters"),
        (Draft(account=ACCOUNT, name=" ", description="", criteria=CRITERIA), "has a name"),
        (Draft(account=ACCOUNT, name="n", description="", criteria=targeting(None, [], [])), "at least one facet"),
        (Change(), "nothing is to be changed"),
        (Change(description=""), None),
        (Change(name=""), "has a name"),
        (Change(criteria=targeting(None, [], [])), "at least one facet"),
    ],
)
def test_a_template_is_judged_before_it_is_sent(wanted: Draft | Change, words: str | None) -> None:
    problems = list(misdrawn(wanted))
    assert problems == [] if words is None else any(words in problem for problem in problems)


def test_the_notices_are_linkedins_word_for_word() -> None:
    assert NO_DISCRIMINATION.text == (
        "LinkedIn tools may not be used to discriminate based on personal characteristics like gender, age, race, or "
        "ethnicity. Learn more"
    )
    assert ESTIMATES.text == (
        "The forecasted results are directional estimates and don't guarantee the actual performance of campaigns. "
        "Learn more"
    )
