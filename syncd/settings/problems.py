"""What is wrong with the configuration, in words: each problem names the setting as the user wrote it.

Values of secrets, of files and of anything that looks as if it held a login are never shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import ErrorDetails

from syncd.settings.catalogue import FILE_FORM, describe

_SHOWN: Final = re.compile(r"[\w.:+-]{1,40}")
_EXPECTED: Final = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text (in YAML, put it in quotes)",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must not be empty",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "tuple_type": "must be a list",
    "model_type": "must be a group of settings",
    "path_type": "must be the path of a file",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands where a value could not be read, so that validation reports it where it stands, once."""

    reason: str


def sentence(error: ErrorDetails, labels: Mapping[str, str]) -> str:
    """One of pydantic's errors as `setting (where it was written): what it must be, is what it is`.

    `labels` says where each setting was written, by its dotted name.
    """
    name = dotted(error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{_labelled(name, labels)}: is no setting of syncd{_meant(name)}"
    return f"{_labelled(name, labels)}: {_expectation(error)}{_shown(name, error)}"


def unknown_variable(name: str, known: Iterable[str]) -> str:
    return f"{name}: is no setting of syncd{_nearest(name, known)}"


def dotted(place: Iterable[int | str]) -> str:
    """`("segments", 0, "kind")` is `segments[0].kind`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _labelled(name: str, labels: Mapping[str, str]) -> str:
    within = [each for each in labels if name == each or name.startswith((f"{each}.", f"{each}["))]
    return f"{name} ({labels[max(within, key=len)]})" if within else name


def _expectation(error: ErrorDetails) -> str:
    if isinstance(error["input"], Flaw):
        return error["input"].reason
    context = error.get("ctx", {})
    if error["type"] == "value_error":  # one of our own checks, whose words hold no value
        return str(context["error"])
    return _EXPECTED.get(error["type"], "is not valid").format(**context)


def _shown(name: str, error: ErrorDetails) -> str:
    value: Any = error["input"]
    settings = {each.name: each.type for each in describe()}
    kind = settings.get(re.sub(r"\[\d+\]", "[]", name), "secret")
    if kind == "file" or kind.endswith("secret") or error["type"] in ("value_error", "missing"):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f", is {text}" if isinstance(value, str | int | float) and _SHOWN.fullmatch(text) else ""


def _meant(name: str) -> str:
    """The settings beside an unknown one, of which the nearest is probably meant."""
    group, _, key = re.sub(r"\[\d+\]", "[]", name).rpartition(".")
    prefix = f"{group}." if group else ""
    beside = {
        each.name.removeprefix(prefix).split(".")[0].split("[")[0]
        for each in describe()
        if each.name.startswith(prefix)
    }
    if group.endswith("[]") and f"{key}{FILE_FORM}" in beside:
        return f"; put it into a file and set {key}{FILE_FORM}"
    return _nearest(key, beside)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else "; remove it"
