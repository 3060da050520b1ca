"""The chart as Helm renders it: values in, documents out, no cluster."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.chart.reference import HELM as CHART
from tests.chart.tools import HELM, tool

Document = dict[str, Any]
Values = dict[str, Any]

RELEASE = "syncd"
NAMESPACE = "crm"
_MEMBER: Values = {"key": "ads-bot", "existingSecret": "syncd-ads-bot", "keys": ["access_token"]}
SEGMENT: Values = {
    "key": "trial-signups",
    "name": "Trial sign-ups",
    "kind": "user",
    "account": "urn:li:sponsoredAccount:123456",
    "member": "ads-bot",
}
BASE: Values = {
    "image": {"repository": "images.example.com/crm/syncd"},
    "members": [_MEMBER],
    "secrets": {"database_url": {"existingSecret": "syncd-database", "key": "daemon"}},
    "migration": {"existingSecret": "syncd-database", "key": "migrator"},
    "config": {"linkedin": {"source_platform": "ACME_CRM"}, "segments": [SEGMENT]},
}
"""The least a production takes."""


def members(count: int) -> list[Values]:
    return [{**_MEMBER, "key": f"bot-{number}", "existingSecret": f"bot-{number}"} for number in range(count)]


def values(*overrides: Values, base: Values = BASE) -> Values:
    """The base with overrides laid over it, group by group; None takes a key away."""
    merged = copy.deepcopy(base)
    for override in overrides:
        _lay(merged, override)
    return merged


def _lay(lower: Values, upper: Values) -> None:
    for key, value in upper.items():
        if value is None:
            lower.pop(key, None)
        elif isinstance(value, dict) and isinstance(lower.get(key), dict):
            _lay(lower[key], value)
        else:
            lower[key] = copy.deepcopy(value)


@cache
def _chart() -> Any:
    return tool(HELM).Chart.load(str(CHART))


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one set of values installs."""

    documents: list[Document]
    notes: str

    def of(self, kind: str, ending: str = "") -> list[Document]:
        return [one for one in self.documents if one["kind"] == kind and one["metadata"]["name"].endswith(ending)]

    def one(self, kind: str, ending: str = "") -> Document:
        (found,) = self.of(kind, ending)
        return found

    def pods(self) -> list[tuple[str, Document]]:
        """Every pod that would run, with what makes it: name and spec."""
        found = []
        for document in self.documents:
            spec = document.get("spec", {})
            pod = spec if document["kind"] == "Pod" else spec.get("template", {}).get("spec")
            if pod and "containers" in pod:
                found.append((f"{document['kind']} {document['metadata']['name']}", pod))
        return found


def render(given: Values, **release: Any) -> Rendered:
    """Raises Helm's own errors, whose text is what a person would read."""
    told = {"name": RELEASE, "namespace": NAMESPACE, "revision": 1, **release}
    texts: dict[str, str] = _chart().render(given, **told)
    documents = [
        document
        for path, text in sorted(texts.items())
        if not path.endswith("NOTES.txt")
        for document in yaml.load_all(text, yaml.CSafeLoader)
        if document
    ]
    return Rendered(documents, next(text for path, text in texts.items() if path.endswith("NOTES.txt")))


def containers(pod: Document) -> list[Document]:
    return [*pod.get("initContainers", []), *pod["containers"]]
