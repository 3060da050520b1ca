"""A real Prometheus scrapes a running syncd: what panels and alerts ask for is there, and every expression is answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from observability.alerts import ALERTS, GROUPS
from syncd.observe import catalogue
from tests.chart import selectors
from tests.chart.programs import program
from tests.chart.watched import Seen, watch
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

HELM = Path(__file__).parents[2] / "helm"
VARIABLES = {
    "$__rate_interval": "10s",
    "$namespace": ".*",
    "$job": ".*",
    "$segment": "people",
    "$member": ".*",
    "$resource": ".*",
}
PLAYED = {"SyncdMemberParked", "SyncdSegmentParked", "SyncdUnknownSegment"}
"""Alerts whose cause is played; they wait for their time at least."""

pytestmark = pytest.mark.timeout(170)


def panels() -> Iterator[tuple[str, str]]:
    """Title and expression of every query, variables replaced as Grafana would."""
    for file in sorted((HELM / "dashboards").iterdir()):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                for name, value in VARIABLES.items():
                    expr = expr.replace(name, value)
                yield f"{file.stem}: {panel['title']}", expr


RULES = [rule.expr for group in GROUPS for rule in group.rules]


@pytest.fixture(scope="module")
def seen(postgres_server: PostgresServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    binary = program("prometheus")
    exprs = [*RULES, *(expr for _, expr in panels())]
    wanted = {one for expr in exprs for one in selectors.selectors(expr)}
    wanted |= {f'ALERTS{{alertname="{name}"}}' for name in PLAYED}
    with fresh_database(postgres_server, migrated_template) as url:
        folder = tmp_path_factory.mktemp("watched")
        return asyncio.run(watch(binary, folder, url, sorted((HELM / "rules").iterdir()), (wanted, exprs)))


def test_every_selector_of_every_panel_and_alert_has_a_series(seen: Seen) -> None:
    assert sorted(seen.missing) == []


def test_every_expression_is_answered(seen: Seen) -> None:
    wrong = {expr: answer["error"] for expr, answer in seen.answers.items() if answer["status"] != "success"}
    assert wrong == {}


def test_every_panel_shows_something_except_where_there_is_nothing_to_show(seen: Seen) -> None:
    """The resync is over, and who expired has no counts any more."""
    full = {title for title, expr in panels() if seen.answers[expr]["data"]["result"]}
    empty = {title for title, _ in panels()} - full
    assert empty <= {"syncd-segment: Resync", "syncd-segment: Match rate"}


def test_prometheus_evaluates_every_rule_and_none_fails(seen: Seen) -> None:
    assert len(seen.rules) == len(RULES)
    assert [rule for rule in seen.rules if rule["health"] != "ok"] == []


def test_what_is_wrong_here_is_about_to_be_said_and_nothing_else(seen: Seen) -> None:
    """Alerts that wait for their time or fire: of what was played, and none that nobody did anything for."""
    told = {rule["name"] for rule in seen.rules if rule["type"] == "alerting" and rule["state"] != "inactive"}
    assert told >= PLAYED
    quiet = {"SyncdAbsent", "SyncdNoLeaseHolder", "SyncdOutboxBloat", "SyncdThrottledByDay", "SyncdSourceParked"}
    assert not told & (quiet | {alert.name for alert in ALERTS if "Version" in alert.name})


def test_all_that_was_scraped_is_documented(seen: Seen) -> None:
    documented = selectors.EXPORTED | {"up"}
    ours = {name for name in seen.scraped if not name.startswith(("scrape_", "ALERTS", "syncd:"))}
    assert ours <= documented
    assert {one.name for one in catalogue.PROCESS} <= ours


def _ends(answer: dict[str, Any]) -> list[float]:
    return [float(one["value"][1]) for one in answer["data"]["result"]]


def test_what_the_numbers_say_makes_sense(seen: Seen) -> None:
    by_title = {title: _ends(seen.answers[expr]) for title, expr in panels()}
    (in_time,) = by_title["syncd-overview: Is everything in time?"]
    assert in_time == pytest.approx(1)
    (parked,) = by_title["syncd-overview: What is parked?"]
    assert parked == 2
    assert by_title["syncd-overview: Members without an owner"] == [0]
    (left,) = by_title["syncd-overview: How long does the API version last?"]
    assert left < time.time() / 2
    assert all(0 < share <= 1 for share in by_title["syncd-linkedin-api: Requests that succeed"])
