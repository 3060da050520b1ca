"""Reads the environment and the file into Settings, or says in one line what keeps syncd from starting.

Every problem of both sources is reported at once. What cannot be read takes its value's place as a Flaw, so that
validation reports it where it stands.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from syncd.errors import BadConfiguration
from syncd.settings.catalogue import FILE_FORM, PREFIX, describe, env_name, secrets
from syncd.settings.models import Settings
from syncd.settings.problems import Flaw, sentence, unknown_variable

DEFAULT_FILE: Final = Path("config/syncd.yaml")
CONFIG: Final = "SYNCD_CONFIG"
URL: Final = "SYNCD_URL"
TOKEN: Final = "SYNCD_TOKEN"  # noqa: S105 - the name of a variable, no secret
TOKEN_FILE: Final = "SYNCD_TOKEN_FILE"  # noqa: S105 - the name of a variable, no secret

Layer: TypeAlias = dict[str, Any]
Labels: TypeAlias = dict[str, str]  # dotted name of a setting → where the user wrote it

_CLIENT: Final = (URL, TOKEN, TOKEN_FILE)  # of commands that ask an API and need no settings; empty, they are unset
_BOTH_FORMS: Final = "is set beside its file form; keep one of the two"
_JSON: Final = ("members", "segments")  # lists of groups, which a variable can only hold as JSON
_TESTS: Final = "SYNCD_TEST_"
_REFERENCE: Final = re.compile(r"(\$?)\$\{([^}]*)\}")
# Kubernetes announces each Service of a namespace to its pods; one named syncd arrives as SYNCD_PORT=tcp://10.0.0.1:80.
_SERVICE: Final = re.compile(r"SYNCD_\w*?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_URL: Final = re.compile(r"(tcp|udp|sctp)://.+")


def load(env: Mapping[str, str] = os.environ, *, config: Path | None = None) -> Settings:
    """The settings of an environment and of the file `config`, else `SYNCD_CONFIG`, else `config/syncd.yaml`.

    Raises BadConfiguration with one line that names every problem.
    """
    named = config or (Path(env[CONFIG]) if env.get(CONFIG) else None)
    file = named or DEFAULT_FILE
    referenced: set[str] = set()
    written = _expanded(_parsed(file, required=named is not None), env, referenced)
    lower, lower_labels = _file_layer(written, file)
    upper, upper_labels = _env_layer(env)
    labels = {each.name: each.env for each in describe() if each.env is not None} | lower_labels | upper_labels
    problems = [unknown_variable(name, _known_variables()) for name in _unknown_variables(env, referenced)]
    layer = _merged(lower, upper)
    settings = None
    try:
        settings = Settings(**{key: value for key, value in layer.items() if not key.startswith("_")})
    except ValidationError as invalid:
        problems += [sentence(error, labels) for error in invalid.errors(include_url=False)]
    problems += [f"{key} ({file}): is no setting of syncd; remove it" for key in layer if key.startswith("_")]
    if settings is None or problems:
        raise BadConfiguration(" ".join("; ".join(problems).split()))
    return settings


def _parsed(file: Path, *, required: bool) -> Layer:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # it is a SafeLoader
    except FileNotFoundError:
        if not required:
            return {}
        raise BadConfiguration(f"{file}: no such file; correct {CONFIG} or create it") from None
    except yaml.MarkedYAMLError as broken:  # its own words may quote the line, and so a secret
        at = broken.problem_mark
        where = f" near line {at.line + 1}, column {at.column + 1}" if at else ""
        repeated = "a key stands twice" if isinstance(broken, _RepeatedKey) else "not valid YAML"
        raise BadConfiguration(f"{file}: {repeated}{where}; correct it") from None
    except (yaml.YAMLError, UnicodeError):
        raise BadConfiguration(f"{file}: not valid YAML in UTF-8; correct it") from None
    except (OSError, ValueError) as problem:
        reason = (problem.strerror if isinstance(problem, OSError) else None) or "bad path"
        raise BadConfiguration(f"{file}: cannot be read ({reason.lower()})") from None
    if not isinstance(content, dict | None):
        raise BadConfiguration(f"{file}: must hold settings as 'name: value'")
    return content or {}


class _RepeatedKey(yaml.constructor.ConstructorError):
    pass


class _Loader(yaml.SafeLoader):
    """YAML as it is meant: a key that stands twice is an error, where PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        scalars = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        seen: set[str] = set()
        for key in scalars:
            if key.value in seen:
                raise _RepeatedKey(problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _expanded(value: Any, env: Mapping[str, str], referenced: set[str]) -> Any:
    """Each `${NAME}` in a text becomes the variable's value (`$${` stays `${`). Notes the names it met."""
    match value:
        case dict():
            return {str(key): _expanded(each, env, referenced) for key, each in value.items()}
        case list():
            return [_expanded(each, env, referenced) for each in value]
        case str() if "${" in value:
            names = {name for escaped, name in _REFERENCE.findall(value) if not escaped}
            referenced |= names
            if unset := sorted(name for name in names if name not in env):
                listed = ", ".join(f"${{{name}}}" for name in unset)
                return Flaw(f"needs {listed}, which the environment does not set")
            return _REFERENCE.sub(lambda found: found[0][1:] if found[1] else env[found[2]], value)
        case _:
            return value


def _file_layer(written: Layer, file: Path) -> tuple[Layer, Labels]:
    """What the file sets, its file forms read. A group with nothing in it is as good as none."""
    layer = {key: value for key, value in written.items() if value is not None}
    labels = {name: str(file) for name in _names(layer)}
    for secret in secrets():
        group, leaf = _place(layer, secret)
        path = group.pop(leaf + FILE_FORM, None)
        if path is not None:
            labels[secret] = f"{secret}{FILE_FORM} in {file}"
            group[leaf] = Flaw(_BOTH_FORMS) if leaf in group else _content(path)
    return layer, labels


def _names(layer: Layer) -> Iterator[str]:
    for key, value in layer.items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)


def _env_layer(env: Mapping[str, str]) -> tuple[Layer, Labels]:
    """What the environment sets, its file forms read."""
    names = [each.name for each in describe() if each.env is not None and each.env in env]
    plain = {env_name(name): env[env_name(name)] for name in names if name not in _file_forms()}
    labels = {name: env_name(name) for name in names}
    flaws = {
        name: Flaw("must be a list in JSON") for name in _JSON if not _is_json_list(plain.get(env_name(name), "[]"))
    }
    for name in flaws:
        del plain[env_name(name)]
    layer = _Environment(plain)()
    for name, flaw in flaws.items():
        layer[name] = flaw
    for form in (name for name in names if name in _file_forms()):
        group, leaf = _place(layer, form.removesuffix(FILE_FORM))
        labels[form.removesuffix(FILE_FORM)] = env_name(form)
        group[leaf] = Flaw(_BOTH_FORMS) if leaf in group else _content(env[env_name(form)])
    return layer, labels


def _file_forms() -> set[str]:
    return {secret + FILE_FORM for secret in secrets()}


def _place(layer: Layer, name: str) -> tuple[Layer, str]:
    """The group that holds a setting, made if need be, and the setting's key in it."""
    *groups, leaf = name.split(".")
    for key in groups:
        inner = layer.get(key, {})
        if not isinstance(inner, dict):
            return {}, leaf  # validation says that it is no group
        layer = layer.setdefault(key, inner)
    return layer, leaf


def _content(path: object) -> str | Flaw:
    """What a secret's file holds, without the white space around it."""
    if isinstance(path, Flaw):
        return path
    try:
        content = Path(str(path)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as problem:
        reason = (problem.strerror if isinstance(problem, OSError) else None) or "not text in UTF-8"
        return Flaw(f"must be a readable file ({reason.lower()})")
    return content or Flaw("must be a file that holds something; it is empty")


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def _merged(lower: Layer, upper: Layer) -> Layer:
    """Group by group, `upper` over `lower`."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _known_variables() -> list[str]:
    return [CONFIG, *(each.env for each in describe() if each.env is not None)]


def _unknown_variables(env: Mapping[str, str], referenced: set[str]) -> Iterator[str]:
    """Variables that look like settings and are none. One the file refers to by `${NAME}` is the user's own."""
    known = {*_known_variables(), *referenced}
    for name, value in sorted(env.items()):
        if name in _CLIENT and not value:
            continue
        if not name.startswith(PREFIX) or name in known or name.startswith(_TESTS) or _SERVICE.fullmatch(name):
            continue
        if not (name.endswith("_PORT") and _SERVICE_URL.fullmatch(value)):
            yield name


class _Environment(EnvSettingsSource):
    """pydantic-settings' reading of variables, over a mapping that is handed in."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items()}
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variables
