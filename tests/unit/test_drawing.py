"""Charts of the console: they stay in their frame whatever they show, and say it in words too."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.admin.console.drawing import Band, Point, bar, course, plot, sparkline

AMOUNTS = st.floats(0, 1e12, allow_nan=False)


def places(drawn: str) -> list[tuple[float, float]]:
    """Every point of every line and area."""
    root = ET.fromstring(drawn)
    texts = [one.attrib["points"] for one in root.iter() if "points" in one.attrib]
    return [(float(x), float(y)) for text in texts for x, y in (pair.split(",") for pair in text.split())]


@given(
    st.lists(AMOUNTS, min_size=2, max_size=60), st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]))
)
def test_a_sparkline_is_whole_xml_within_its_frame_and_has_its_words(values: list[float], words: str) -> None:
    drawn = sparkline(values, words)
    assert all(-0.01 <= x <= 100.01 and -0.01 <= y <= 40.01 for x, y in places(drawn))
    assert ET.fromstring(drawn).attrib.get("aria-label", "") == words


@pytest.mark.parametrize("values", [[], [7.0]])
def test_what_has_no_course_has_no_line(values: list[float]) -> None:
    assert sparkline(values, "x") == ""


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=2, max_size=40, unique_by=lambda row: row[0]))
def test_two_lines_share_one_frame(rows: list[tuple[float, float]]) -> None:
    points = [Point(at, value) for at, value in sorted(rows)]
    top = max(value for _, value in rows) or 1.0
    drawn = plot([points, points], (points[0].at, points[-1].at), top, "sent and matched")
    assert all(-0.01 <= x <= 100.01 and -0.01 <= y <= 40.01 for x, y in places(drawn))


def test_statuses_are_as_wide_as_they_lasted() -> None:
    root = ET.fromstring(course([Band("BUILDING", 0, 25), Band("READY", 25, 100)], "course"))
    widths = [(one.attrib["class"], float(one.attrib["width"])) for one in root.iter() if one.tag.endswith("rect")]
    assert widths == [("fill-busy", 25.0), ("fill-good", 75.0)]
    assert [one.text for one in root.iter() if one.tag.endswith("title")] == ["BUILDING", "READY"]


@pytest.mark.parametrize(("part", "whole", "width"), [(5, 10, 50), (0, 0, 0), (20, 10, 100), (-1, 10, 0)])
def test_a_bar_is_never_longer_than_its_whole(part: float, whole: float, width: float) -> None:
    rects = [one for one in ET.fromstring(bar(part, whole)).iter() if one.tag.endswith("rect")]
    assert float(rects[1].attrib["width"]) == width
