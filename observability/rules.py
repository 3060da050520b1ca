"""An alert and a recording as values, and the rule file they become.

Written for Prometheus 2.42 and later. Series are told apart by `namespace` and `job`, so that several installations can
share one Prometheus; where there is no namespace, the label is empty and everything works all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

from observability.places import runbook

INSTALLATION: Final = "namespace, job"
"""Labels of one installation."""
DAY: Final = 86_400


class Severity(StrEnum):
    CRITICAL = "critical"
    """Somebody looks now."""
    WARNING = "warning"
    """Somebody looks today."""
    INFO = "info"
    """Somebody plans it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A series that several alerts and panels read."""

    name: str
    expr: str

    def rule(self) -> dict[str, Any]:
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`hold` is how long it must be true first. `summary` may name labels; `todo` is the first thing to do."""

    name: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    todo: str

    def rule(self) -> dict[str, Any]:
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {"severity": self.severity.value},
            "annotations": {"summary": self.summary, "description": self.todo, "runbook_url": runbook(self.name)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    rules: Sequence[Recording | Alert]


def by(*labels: str) -> str:
    """What a sum is kept apart by: the installation, and these."""
    return f"by ({', '.join((INSTALLATION, *labels))})"


def on(*labels: str) -> str:
    """The labels by which two sides meet."""
    return f"on ({', '.join((INSTALLATION, *labels))})"


def grew(selector: str, *labels: str) -> str:
    """True for an hour after a rare counter grew. `increase` is blind to a series that is born with its first event, and
    such an event can be the first thing a process does after its start.
    """
    now, before = f"sum {by(*labels)} ({selector})", f"sum {by(*labels)} ({selector} offset 1h)"
    return f"({now} - {before}) > 0 or ({now} unless {on(*labels)} {before}) > 0"


def document(groups: Sequence[Group]) -> str:
    """The rule file."""
    body = {"groups": [{"name": group.name, "rules": [rule.rule() for rule in group.rules]} for group in groups]}
    head = "# Written by `python -m observability`; do not edit.\n"
    return head + yaml.safe_dump(body, sort_keys=False, width=120, allow_unicode=True)
