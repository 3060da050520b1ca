"""Charts: what stands in them is what was forecast, whatever the numbers and the names."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.cli.plots import area, bar
from syncd.cli.svg import draw
from syncd.domain.charts import Bar, Bars, Line, picture
from syncd.domain.forecast import Curve, Spot
from syncd.domain.notices import FORECASTS
from syncd.errors import SyncdError

SVG = "{http://www.w3.org/2000/svg}"
AMOUNTS = st.floats(0, 1e12, allow_nan=False)
CURVES = st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=20, unique_by=lambda row: row[0]).map(
    lambda rows: Curve(tuple(Spot(budget, value, value, value + more) for budget, value, more in sorted(rows)))
)


def whole(value: float) -> str:
    return f"{value:,.0f}"


@pytest.mark.parametrize(
    ("part", "bars"),
    [(0, ""), (50, "█████"), (100, "██████████"), (5, "▌"), (1, "▏"), (200, "██████████"), (-5, "")],
)
def test_a_bar_is_as_long_as_its_part(part: float, bars: str) -> None:
    assert bar(part, 100) == bars


def test_nothing_of_nothing_has_no_bar() -> None:
    assert bar(0, 0) == ""


def test_an_area_rises_from_the_first_budget_to_the_last() -> None:
    lines = list(area("Reach", Curve((Spot(100, 0), Spot(1_000, 800))), whole))
    assert lines[0] == "Reach"
    assert lines[1].startswith("800 ┤ ")
    assert lines[1].endswith("█")
    assert lines[8].startswith("  0 ┤")
    assert (lines[9].split()[0], lines[9].split()[-1]) == ("$100", "$1,000")


@pytest.mark.parametrize("curve", [Curve(()), Curve((Spot(1, 1),)), Curve((Spot(1, 0), Spot(2, 0)))])
def test_a_curve_of_nothing_says_so(curve: Curve) -> None:
    assert list(area("Reach", curve, whole)) == ["Reach: no curve"]


@given(CURVES)
def test_any_curve_is_a_chart_of_ten_lines_or_none(curve: Curve) -> None:
    assert len(list(area("x", curve, whole))) in {1, 10}


@given(st.lists(CURVES, max_size=3), st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"])))
def test_any_picture_is_xml_with_both_notices_as_text_and_link(curves: list[Curve], name: str) -> None:
    bars = Bars(f"<{name}>", [Bar(f'{name}&"', 5, "5"), Bar("none", 0, "0")])
    root = ET.fromstring(picture(name, [bars, *(Line(name, curve, whole) for curve in curves)], FORECASTS))
    said = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for notice in FORECASTS:
        assert notice.text.partition(" like ")[0] in said
    assert [link.attrib["href"] for link in root.iter(f"{SVG}a")] == [notice.url for notice in FORECASTS]
    assert all("".join(link.itertext()) == "Learn more" for link in root.iter(f"{SVG}a"))
    for line in root.iter(f"{SVG}polyline"):
        heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
        assert all(0 <= height <= float(root.attrib["height"]) for height in heights)


def test_a_picture_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match="cannot be written"):
        draw(tmp_path / "no" / "such.svg", "x", [], FORECASTS)
