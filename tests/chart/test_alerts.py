"""Alerts: written from one place, explained one by one, fired and silenced by promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from observability.alerts import ALERTS, GROUPS, rules
from observability.rules import Alert, Severity
from tests.chart import selectors
from tests.chart.alert_cases import CASES, Case
from tests.chart.programs import program

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm" / "rules"
RUNBOOK = ROOT / "docs" / "runbook.md"
NAMES = [alert.name for alert in ALERTS]


def entries() -> dict[str, str]:
    """The runbook's entries by heading."""
    _, *parts = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


def test_the_rule_files_are_those_that_the_alerts_write() -> None:
    assert {file.name: file.read_text() for file in RULES.iterdir()} == rules()


def test_every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert() -> None:
    assert sorted(entries()) == sorted(NAMES)
    for alert in ALERTS:
        assert alert.rule()["annotations"]["runbook_url"].endswith(f"/runbook.md#{alert.name.lower()}")
        assert f"[{alert.name}](#{alert.name.lower()})" in RUNBOOK.read_text().partition("\n## ")[0]


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_entry_says_how_urgent_it_is_and_gives_cause_check_and_cure(alert: Alert) -> None:
    entry = entries()[alert.name]
    assert entry.lstrip().startswith(f"*{alert.severity}.*")
    for word in ("Cause", "Check", "Cure"):
        assert f"- **{word}**" in entry


def test_every_command_of_the_runbook_and_of_the_alerts_exists() -> None:
    known = set(re.findall(r"^## `(syncd[^`]*)`$", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE))
    texts = [RUNBOOK.read_text(), *(alert.todo for alert in ALERTS)]
    said = [words for text in texts for words in re.findall(r"`(syncd [a-z][^`]*)`", text)]
    assert said
    for words in said:
        parts = re.match(r"syncd(?: [a-z-]+)+", words)
        assert parts is not None
        command = parts[0]
        assert any(command == one or command.startswith(f"{one} ") for one in known - {"syncd"}), words


def test_an_alert_has_a_severity_a_summary_and_a_first_thing_to_do() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for alert in ALERTS:
        assert alert.severity in Severity
        assert alert.summary
        assert not alert.summary.endswith(".")
        assert alert.todo.endswith((".", "?"))


def test_every_metric_of_a_rule_is_one_that_syncd_exports_or_the_rules_record() -> None:
    recorded = {rule["record"] for group in GROUPS for rule in (one.rule() for one in group.rules) if "record" in rule}
    for group in GROUPS:
        for rule in group.rules:
            for name in selectors.metrics(rule.expr):
                assert name in selectors.EXPORTED | recorded, f"{name} in {rule.expr}"


def test_every_alert_is_fired_by_one_case_and_silenced_by_another() -> None:
    for wanted in ("fires", "silent"):
        assert sorted({case.alert for case in CASES if case.kind == wanted}) == sorted(NAMES)


def test_promtool_finds_the_rules_well_formed() -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "rules", *RULES.iterdir()], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_promtool_fires_and_silences_each_alert(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    document = {
        "rule_files": [str(one) for one in RULES.iterdir()],
        "evaluation_interval": "1m",
        "tests": [_promtool(case) for case in CASES],
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    tested = subprocess.run([program("promtool"), "test", "rules", file], check=False, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def _promtool(case: Case) -> dict[str, object]:
    """One test of promtool's: the series, the moment, and what fires then."""
    (alert,) = (one for one in ALERTS if one.name == case.alert)
    annotations = alert.rule()["annotations"] | {"summary": case.summary}
    expected = [
        {
            "exp_labels": {"severity": alert.severity.value, **case.labels},
            "exp_annotations": annotations,
        }
    ]
    return {
        "name": f"{case.alert}: {case.why}",
        "interval": case.interval,
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {
                "eval_time": case.after,
                "alertname": case.alert,
                "exp_alerts": expected if case.kind == "fires" else [],
            }
        ],
    }
