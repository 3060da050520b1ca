"""What other programs' definitions make of it: Prometheus' operator by its models, KEDA by the keys it knows, Grafana's sidecar."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability import places
from observability.alerts import ALERTS
from tests.chart.combinations import COMBINATIONS
from tests.chart.programs import program
from tests.chart.reference import HELM as CHART
from tests.chart.rendering import Document, render, values
from tests.chart.tools import PROMETHEUS_MODELS, tool

DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
RULES = sorted((CHART / "rules").glob("*.yaml"))
ABSENT = "absent(syncd_build_info)"


def dropped(given: Any, kept: Any, where: str = "") -> list[str]:
    """The keys of a document that a model does not know, and so loses."""
    if isinstance(given, dict) and isinstance(kept, dict):
        lost = [f"{where}.{key}" for key in given.keys() - kept.keys()]
        return lost + [
            one for key in given.keys() & kept.keys() for one in dropped(given[key], kept[key], f"{where}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list):
        return [
            one
            for number, pair in enumerate(zip(given, kept, strict=True))
            for one in dropped(*pair, f"{where}[{number}]")
        ]
    return []


def through_the_model(document: Document) -> list[str]:
    model = getattr(tool(PROMETHEUS_MODELS), document["kind"])
    kept = model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dropped(document, kept)


def test_prometheus_operator_knows_every_key() -> None:
    rendered = render(COMBINATIONS["monitored"])
    found = [*rendered.of("ServiceMonitor"), *rendered.of("PrometheusRule")]
    assert len(found) == 1 + len(RULES)
    for document in found:
        assert through_the_model(document) == []
        assert document["metadata"]["labels"]["release"] == "prometheus"


def test_a_key_that_is_misspelt_is_seen() -> None:
    monitor = render(COMBINATIONS["monitored"]).one("ServiceMonitor")
    monitor["spec"]["endpoints"][0]["intervall"] = "1s"
    assert through_the_model(monitor) == [".spec.endpoints[0].intervall"]
    del monitor["spec"]["selector"]
    with pytest.raises(ValueError, match="selector"):
        through_the_model(monitor)


def linked(text: str) -> str:
    """What stands in a file, with the addresses of the combination instead of nobody's."""
    return text.replace(places.CONSOLE, "https://syncd.example.com").replace(
        places.RUNBOOK, "https://wiki.example.com/syncd/runbook"
    )


def test_rules_arrive_as_they_are_written_but_lead_to_your_runbook_and_miss_this_release() -> None:
    found = render(COMBINATIONS["monitored"]).of("PrometheusRule")
    files = [linked(file.read_text(encoding="utf-8")) for file in RULES]
    ours = 'absent(syncd_build_info{namespace="crm", job="syncd"})'
    assert "".join(files).count(ABSENT) == 1
    assert [one["spec"] for one in found] == [yaml.safe_load(text.replace(ABSENT, ours)) for text in files]


def test_series_are_told_apart_by_release_and_the_rules_and_keda_ask_for_this_one() -> None:
    """Two releases in one namespace are two installations: the operator makes `job` of the Service's label."""
    rendered = render(COMBINATIONS["monitored"], name="emea")
    monitor = rendered.one("ServiceMonitor")
    (service,) = rendered.of("Service")
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "emea"
    assert 'absent(syncd_build_info{namespace="crm", job="emea"})' in json.dumps(rendered.of("PrometheusRule")).replace(
        "\\", ""
    )
    scaled = render(COMBINATIONS["KEDA by Prometheus"], name="emea").one("ScaledObject")
    assert 'job="emea"' in scaled["spec"]["triggers"][0]["metadata"]["query"]


def test_where_nothing_is_scraped_by_the_chart_the_rules_ask_for_any_syncd() -> None:
    given = values({"metrics": {"serviceMonitor": {"enabled": False}}}, base=COMBINATIONS["monitored"])
    assert f'"{ABSENT}"' in json.dumps(render(given).of("PrometheusRule"))


def test_the_missing_of_one_release_is_noticed_beside_another(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    (rule,) = render(COMBINATIONS["monitored"]).of("PrometheusRule")
    rules.write_text(yaml.safe_dump(rule["spec"]))
    (alert,) = (one for one in ALERTS if one.name == "SyncdAbsent")
    annotations = yaml.safe_load(linked(yaml.safe_dump(alert.rule()["annotations"])))
    fired = {"exp_labels": {"severity": "critical", "namespace": "crm", "job": "syncd"}, "exp_annotations": annotations}

    def case(job: str, *expected: object) -> dict[str, object]:
        series = f'syncd_build_info{{namespace="crm", job="{job}"}}'
        told = {"eval_time": "6m", "alertname": "SyncdAbsent", "exp_alerts": list(expected)}
        return {"interval": "1m", "input_series": [{"series": series, "values": "1x10"}], "alert_rule_test": [told]}

    cases = {"rule_files": [str(rules)], "tests": [case("emea", fired), case("syncd")]}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases))
    ran = subprocess.run(
        [program("promtool"), "test", "rules", tmp_path / "cases.yaml"], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", [name for name, given in COMBINATIONS.items() if "links" in given])
def test_nothing_that_is_installed_leads_to_nobodys_address(name: str) -> None:
    assert "syncd.example/" not in json.dumps(render(COMBINATIONS[name]).documents)
    assert ".syncd.example" not in json.dumps(render(COMBINATIONS[name]).documents)


def test_dashboards_lead_to_the_ingress_where_nothing_else_is_said() -> None:
    given = values({"links": {"console": ""}}, base=COMBINATIONS["everything"])
    boards = [one for one in render(given).of("ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    for one in boards:
        (text,) = one["data"].values()
        links = {link["title"]: link.get("url") for link in json.loads(text)["links"]}
        assert (links["Console"], links["Runbook"]) == (
            "https://syncd.example.com",
            "https://wiki.example.com/syncd/runbook",
        )


def test_every_dashboard_arrives_as_it_is_written_where_the_sidecar_looks() -> None:
    rendered = render(COMBINATIONS["monitored"])
    found = [one for one in rendered.of("ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    assert {name: json.loads(text) for one in found for name, text in one["data"].items()} == {
        file.name: json.loads(linked(file.read_text(encoding="utf-8"))) for file in DASHBOARDS
    }
    for one in found:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "CRM"}
        assert len(json.dumps(one)) < 1_000_000  # a ConfigMap takes 1 MiB


@pytest.mark.parametrize("name", ["the least", "sandbox with SQLite"])
def test_nothing_of_others_is_installed_unless_asked_for(name: str) -> None:
    kinds = {one["kind"] for one in render(COMBINATIONS[name]).documents}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "Ingress"}
    assert not [one for one in render(COMBINATIONS[name]).of("ConfigMap") if one["metadata"]["name"] != "syncd"]


def test_keda_counts_by_prometheus() -> None:
    scaled = render(COMBINATIONS["KEDA by Prometheus"]).one("ScaledObject")
    assert scaled["spec"] == {
        "scaleTargetRef": {"name": "syncd"},
        "minReplicaCount": 1,
        "maxReplicaCount": 8,
        "pollingInterval": 30,
        "cooldownPeriod": 600,
        "triggers": [
            {
                "type": "prometheus",
                "metricType": "AverageValue",
                "metadata": {
                    "serverAddress": "http://prometheus.monitoring:9090",
                    "query": 'sum(syncd_outbox_pending{namespace="crm", job="syncd"})',
                    "threshold": "5000000",
                },
            }
        ],
    }


def test_keda_counts_by_postgresql_with_a_login_of_its_own() -> None:
    rendered = render(COMBINATIONS["KEDA by PostgreSQL"])
    (trigger,) = rendered.one("ScaledObject")["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": "syncd-outbox"}
    assert trigger["metadata"].keys() == {"query", "targetQueryValue"}
    assert rendered.one("TriggerAuthentication")["spec"] == {
        "secretTargetRef": [{"parameter": "connection", "name": "keda", "key": "connection"}]
    }


def test_metrics_are_scraped_as_often_as_the_values_say() -> None:
    given = values({"metrics": {"serviceMonitor": {"interval": "1m"}}}, base=COMBINATIONS["monitored"])
    (endpoint,) = render(given).one("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "1m"}
