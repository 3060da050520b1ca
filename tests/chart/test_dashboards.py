"""Dashboards: regenerated equal, known to Grafana's own SDK key by key, laid out without overlap, explained panel by panel.

No Grafana server is to be had offline, so none has drawn them here: what is proved is the schema, the layout, and (in
`test_prometheus`) that every query is answered by a real Prometheus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from observability import panels, places
from observability.linkedin import LINKEDIN
from observability.overview import OVERVIEW
from observability.segment import SEGMENT, STATUSES
from syncd.domain.segment import Status
from syncd.observe import catalogue
from tests.chart import selectors
from tests.chart.programs import package

FOLDER = Path(__file__).parents[2] / "helm" / "dashboards"
_OLD_SCHEMA = pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")
"""The sidecar and every Grafana in use take the older schema; the SDK prefers the newer one."""
BOARDS = [OVERVIEW, SEGMENT, LINKEDIN]
FILES = [f"{board.uid}.json" for board in BOARDS]


def board(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return found


def drawn(name: str) -> list[dict[str, Any]]:
    """Its panels without rows."""
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def dropped(before: object, after: object, path: str = "") -> Iterator[str]:
    """Keys of `before` that `after` does not have, or has differently."""
    match before, after:
        case dict(), dict():
            for key, value in before.items():
                if key not in after:
                    yield f"{path}/{key}"
                else:
                    yield from dropped(value, after[key], f"{path}/{key}")
        case list(), list() if len(before) == len(after):
            for number, (left, right) in enumerate(zip(before, after, strict=True)):
                yield from dropped(left, right, f"{path}/{number}")
        case _ if before != after:
            yield path


def test_there_are_the_three_dashboards_and_no_other() -> None:
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(FILES)


@_OLD_SCHEMA
def test_the_files_are_those_that_the_values_draw() -> None:
    package("grafana_foundation_sdk")
    from observability import drawing  # noqa: PLC0415  # needs the SDK

    assert {name: (FOLDER / name).read_text() for name in FILES} == drawing.files()


@_OLD_SCHEMA
@pytest.mark.parametrize("name", FILES)
def test_grafanas_own_sdk_knows_every_key(name: str) -> None:
    assert list(dropped(board(name), round_trip(board(name)))) == []


@_OLD_SCHEMA
def test_a_key_that_grafana_does_not_know_would_be_noticed() -> None:
    wrong = board(FILES[0])
    wrong["panels"][1]["fieldConfig"]["defaults"]["unitt"] = "s"
    wrong["panels"][1]["targets"][0]["exprr"] = "up"
    assert len(list(dropped(wrong, round_trip(wrong)))) == 2


def round_trip(document: dict[str, Any]) -> object:
    package("grafana_foundation_sdk")
    from grafana_foundation_sdk.cog.plugins import register_default_plugins  # noqa: PLC0415  # needs the SDK
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415

    from observability import drawing  # noqa: PLC0415

    register_default_plugins()
    return json.loads(drawing.encoded(Dashboard.from_json(document)))


@pytest.mark.parametrize("name", FILES)
def test_panels_have_numbers_of_their_own_and_none_lies_over_another(name: str) -> None:
    shown = board(name)["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    places_taken = [panel["gridPos"] for panel in shown]
    for one in places_taken:
        assert one["x"] + one["w"] <= panels.COLUMNS
    for one, other in combinations(places_taken, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, f"{one} lies over {other}"


@pytest.mark.parametrize("name", FILES)
def test_every_panel_says_what_it_shows_in_which_unit_from_where_it_is_bad_and_what_to_do(name: str) -> None:
    shown = drawn(name)
    assert len({panel["title"] for panel in shown}) == len(shown)
    for panel in shown:
        defaults = panel["fieldConfig"]["defaults"]
        assert re.fullmatch(r"[A-Z].*[^.]", panel["title"])
        assert panel["description"].endswith((".", "?"))
        assert defaults["unit"]
        assert defaults["thresholds"]["steps"][0]["value"] is None
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"]


@pytest.mark.parametrize("name", FILES)
def test_no_panel_asks_more_than_it_has_letters_for(name: str) -> None:
    for panel in drawn(name):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    asked = {one.uid: sum(len(p.queries) for row in one.rows for p in row.panels) for one in BOARDS}
    assert asked[name.removesuffix(".json")] == sum(len(panel["targets"]) for panel in drawn(name))


@pytest.mark.parametrize("name", FILES)
def test_every_query_stays_within_the_installation_that_was_picked(name: str) -> None:
    for panel in drawn(name):
        for target in panel["targets"]:
            for selector in selectors.selectors(target["expr"]):
                assert 'namespace=~"$namespace", job=~"$job"' in selector


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_leads_to_the_others_to_the_console_and_to_the_runbook(name: str) -> None:
    links = {link["title"]: link for link in board(name)["links"]}
    assert links["Console"]["url"] == places.CONSOLE
    assert links["Runbook"]["url"] == places.RUNBOOK
    assert links["syncd"]["tags"] == board(name)["tags"] == ["syncd"]


def test_every_metric_of_a_panel_is_exported_and_every_exported_one_is_drawn_or_said_to_need_no_panel() -> None:
    named = {
        metric
        for name in FILES
        for panel in drawn(name)
        for target in panel["targets"]
        for metric in selectors.metrics(target["expr"])
    }
    assert named <= selectors.EXPORTED
    wanted = {one.name for one in (*catalogue.ALL, *catalogue.PROCESS)} - set(catalogue.UNDRAWN)
    assert {selectors.definition(name) for name in named} == wanted


def test_every_status_that_syncd_knows_has_a_place_in_the_timeline() -> None:
    assert sorted(name for name, _ in STATUSES.values()) == sorted(Status)


def test_the_segment_dashboard_is_about_one_segment() -> None:
    chosen = [one["name"] for one in board("syncd-segment.json")["templating"]["list"]]
    assert chosen == ["datasource", "namespace", "job", "segment"]
    for panel in drawn("syncd-segment.json"):
        for target in panel["targets"]:
            assert all('segment="$segment"' in one for one in selectors.selectors(target["expr"]))
