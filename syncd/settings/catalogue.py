"""The list of all settings, taken from the models: what reading accepts, and what documentation and tests compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from syncd.settings.models import Settings

PREFIX: Final = "SYNCD_"
NESTED: Final = "__"
FILE_FORM: Final = "_file"

_TYPES: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "file",
    SecretStr: "secret",
}


class Described(NamedTuple):
    """One setting. `env` is None for what stands inside a list, `default` None where there is none."""

    name: str
    env: str | None
    type: str
    default: str | None
    comment: str


def describe() -> list[Described]:
    """Every setting there is, in the order of the models; a secret is followed by its file form."""
    return list(_described(Settings, ""))


def env_name(dotted: str) -> str:
    """`limits.users_per_minute` is `SYNCD_LIMITS__USERS_PER_MINUTE`."""
    return PREFIX + dotted.replace(".", NESTED).upper()


def secrets() -> list[str]:
    """The dotted names of the settings that are secret, and so have a file form."""
    return [each.name for each in describe() if each.env is not None and each.type.endswith("secret")]


def _described(model: type[BaseModel], prefix: str) -> Iterator[Described]:
    for key, field in model.model_fields.items():
        name, inner = prefix + key, _model_in(field.annotation)
        optional = get_origin(field.annotation) in (Union, UnionType)
        if inner is not None and get_origin(field.annotation) is None:
            yield from _described(inner, f"{name}.")
            continue
        env, type_ = None if "[]" in name else env_name(name), _type(field.annotation)
        yield Described(name, env, type_, _default(field), field.description or "")
        if inner is not None:
            yield from _described(inner, f"{name}." if optional else f"{name}[].")
        elif env is not None and type_.endswith("secret"):
            yield Described(
                name + FILE_FORM,
                env_name(name + FILE_FORM),
                "file",
                None,
                f"File that holds {name}, read at start, instead of the value itself.",
            )


def _type(annotation: object) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return _type(next(each for each in arguments if each is not NoneType))
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__.lower()
    return _TYPES[annotation]  # type: ignore[index]  # an unnamed type fails the documentation's test


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model a field holds, by itself, in a tuple, or where there may be none."""
    if get_origin(annotation) in (Union, UnionType):
        return _model_in(next(each for each in get_args(annotation) if each is not NoneType))
    if get_origin(annotation) is tuple:
        return _model_in(get_args(annotation)[0])
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _default(field: FieldInfo) -> str | None:
    """The default as one would write it in the environment."""
    match field.default:
        case None | () | _ if field.default in (None, (), PydanticUndefined):
            return None
        case bool(flag):
            return str(flag).lower()
        case SecretStr() as secret:  # a default is public
            return secret.get_secret_value()
        case tuple(parts):
            return ",".join(map(str, parts))
        case value:
            return str(value)
