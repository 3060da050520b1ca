"""`python -m tests.chart.reference` writes what the chart says twice; a test holds it to its sources.

`config` and `secrets` in `helm/values.schema.json` are syncd's own settings, taken from their models, without what the
chart decides itself: addresses to listen on, files, and members, whose tokens are Secrets. `helm/README.md` is the schema,
with the defaults of `helm/values.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import yaml

from syncd.settings import Settings
from syncd.settings.catalogue import secrets
from tests.house.test_house import ROOT

HELM: Final = ROOT / "helm"
SCHEMA: Final = HELM / "values.schema.json"
README: Final = HELM / "README.md"
_NOT_HERE: Final = frozenset({"members", "http.host", "http.port", "metrics.host", "metrics.port"})
"""What the chart writes itself."""
_KEPT: Final = (
    *("type", "enum", "pattern", "minLength", "minItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "description",
)
_OPENING: Final = """\
# The chart's values

Written by `python -m tests.chart.reference` from `values.schema.json` and `values.yaml`; do not edit. How to install from
nothing stands in [docs/deploy.md](../docs/deploy.md). An unknown value is refused, and values that contradict each other
are told in one sentence. Secrets are never among the values: every one is a key of a Secret that exists.

| value | type | default | meaning |
| --- | --- | --- | --- |
"""


def schema() -> dict[str, Any]:
    """The schema of the values as it should be: the chart's part as it is, syncd's part from the models."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    found["properties"]["config"] = {
        "description": "Settings of syncd by their names in docs/configuration.md.",
        **_settings(),
    }
    found["properties"]["secrets"] = {
        "description": "Settings that are secret: which key of which Secret holds each. A change needs a restart.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name.replace(".", "__"): _secret(name) for name in secrets()},
    }
    return found


def _secret(name: str) -> dict[str, Any]:
    return {
        "description": f"The setting `{name}`.",
        "type": "object",
        "additionalProperties": False,
        "required": ["existingSecret", "key"],
        "properties": {
            "existingSecret": {
                "description": "Name of the Secret.",
                "type": "string",
                "pattern": "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
            },
            "key": {"description": "Its key.", "type": "string", "pattern": "^[-._a-zA-Z0-9]{1,253}$"},
        },
    }


def _settings() -> dict[str, Any]:
    whole = Settings.model_json_schema()
    return _plain(whole, whole.get("$defs", {}), "")


def _plain(told: dict[str, Any], models: dict[str, Any], name: str) -> dict[str, Any]:
    """One schema without references, unions with null, titles, secrets and files; unknown keys are refused."""
    if "anyOf" in told:
        told = {**next(one for one in told["anyOf"] if one.get("type") != "null"), **told}
    if "$ref" in told:
        told = {**models[told["$ref"].rpartition("/")[2]], **told}
    kept: dict[str, Any] = {key: told[key] for key in _KEPT if key in told}
    if told.get("default") not in (None, []):
        kept["default"] = told["default"]
    if told.get("type") == "array":
        kept["items"] = _plain(told["items"], models, f"{name}[]") if told.get("items") else {}
    if "properties" in told:
        kept = {"type": "object"}
        prefix = f"{name}." if name else ""
        inner = {
            key: plain
            for key, one in told["properties"].items()
            if prefix + key not in _NOT_HERE
            and not _is_secret(one)
            and (plain := _plain(one, models, prefix + key)).get("properties") != {}
        }
        kept |= {"additionalProperties": False, "properties": inner}
        if needed := [key for key in told.get("required", ()) if key in inner]:
            kept["required"] = needed
    return kept


def _is_secret(told: dict[str, Any]) -> bool:
    """Whether a Secret or a file of the chart's stands for it."""
    text = json.dumps(told)
    return '"format": "password"' in text or '"format": "path"' in text


def readme() -> str:
    """The page of all values."""
    told = json.loads(SCHEMA.read_text(encoding="utf-8"))
    values = yaml.safe_load((HELM / "values.yaml").read_text(encoding="utf-8"))
    return _OPENING + "".join(_rows(told["properties"], values, "", told["definitions"]))


_NONE: Final = object()


def _rows(properties: dict[str, Any], values: Any, prefix: str, definitions: dict[str, Any]) -> Iterator[str]:
    for key, one in properties.items():
        name = f"{prefix}{key}"
        default = values.get(key, _NONE) if isinstance(values, dict) else _NONE
        inner = one.get("properties") or one.get("items", {}).get("properties")
        if inner and one.get("description"):
            yield _row(name, one, _NONE if isinstance(default, dict) else default)
        elif not inner:
            yield _row(name, one, default)
        if inner:
            yield from _rows(inner, default, f"{name}[]." if one["type"] == "array" else f"{name}.", definitions)


def _row(name: str, one: dict[str, Any], default: Any) -> str:
    meaning = one.get("description", "As in Kubernetes.").replace("|", "\\|").replace("<", "&lt;")
    kind = " \\| ".join(map(str, one["enum"])) if "enum" in one else _kind(one)
    shown = one.get("default", _NONE) if default is _NONE else default
    shown = "–" if shown is _NONE else f"`{json.dumps(shown)}`"
    return f"| `{name}` | {kind} | {shown} | {meaning} |\n"


def _kind(one: dict[str, Any]) -> str:
    match one.get("type", "object"):
        case "array":
            items = one["items"]
            return "list of peers" if "$ref" in items else f"list of {_kind(items)}"
        case "object" if one.get("additionalProperties"):
            return "map of texts"
        case "string":
            return "text"
        case "integer":
            return "whole number"
        case "boolean":
            return "true or false"
        case kind:
            return str(kind)


def text_of(value: dict[str, Any]) -> str:
    """A schema as it is written."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text_of(schema()), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
