"""The OpenAPI 3.1 document, derived from the declared routes and the types they take and return."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_type_hints

import msgspec

from syncd import __version__
from syncd.admin import repeats
from syncd.admin.problems import MEDIA_TYPE, Problem
from syncd.admin.routes import JSON, Face, Route
from syncd.domain.access import Role

_PART: Final = re.compile(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}")
_SCHEMAS: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (400, 401, 403, 404, 429, 503)
_WITH_BODY: Final = (409, 413, 415, 422)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, of the API's routes."""
    served = [route for route in routes if route.face is Face.API]
    types = [Problem, *(one for route in served for one in _types(route))]
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS)
    shown = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in served:
        paths.setdefault(_PART.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route, shown)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "syncd",
            "version": __version__,
            "description": "Keeps LinkedIn audiences equal to what a company's CRM says. Programs send a bearer token; "
            "people's sessions send a cookie and, with every write, X-CSRF-Token.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
        "tags": [{"name": name} for name in sorted({route.subject for route in served})],
    }


def _types(route: Route) -> list[Any]:
    return [one for one in (route.body, route.schema_of, route.answer, *_fields(route).values()) if one is not None]


def _fields(route: Route) -> dict[str, Any]:
    return get_type_hints(route.query, include_extras=True) if route.query is not None else {}


def _operation(route: Route, shown: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _id(route),
        "summary": route.summary,
        "tags": [route.subject],
        "parameters": [*_parts(route.path), *_query(route, shown), *_key(route)],
        "responses": _responses(route, shown),
        "x-role": route.role.value if route.role else "anybody",
    }
    if route.role is None:
        operation["security"] = []
    elif route.role is not Role.VIEWER:
        operation["description"] = f"Needs the role {route.role}."
    if route.body is not None or route.streamed:
        content: dict[str, Any] = {kind: {"schema": shown[repr(route.body)]} for kind in route.takes if route.body}
        line = shown[repr(route.schema_of)] if route.schema_of is not None else {"type": "string"}
        content |= {kind: {"schema": line} for kind in route.streamed}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _id(route: Route) -> str:
    words = re.findall(r"\w+", _PART.sub(r"by \1", route.path.removeprefix("/api/v1")))
    return "_".join((route.method.lower(), *words))


def _parts(path: str) -> list[dict[str, Any]]:
    found = []
    for name, pattern in _PART.findall(path):
        schema: dict[str, Any] = {"type": "string", "pattern": f"^{pattern or '[^/{}]+'}$"}
        if pattern.startswith("[0-9]"):
            schema = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _query(route: Route, shown: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    needed = {one.name for one in msgspec.structs.fields(route.query) if one.required}
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": shown[repr(one)]}
        for name, one in _fields(route).items()
    ]


def _key(route: Route) -> list[dict[str, Any]]:
    if not route.starts_work:
        return []
    schema = {"type": "string", "pattern": "^[!-~]{1,100}$"}
    return [{"name": repeats.HEADER, "in": "header", "required": False, "schema": schema}]


def _responses(route: Route, shown: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if route.answer is not None:
        answer["content"] = {route.answers_with: {"schema": shown[repr(route.answer)]}}
    elif route.answers_with != JSON:
        answer["content"] = {route.answers_with: {"schema": {"type": "string"}}}
    found: dict[str, Any] = {str(route.status): answer}
    refused: Sequence[int] = _ALWAYS if route.is_safe else (*_ALWAYS, 408, *_WITH_BODY)
    if route.is_safe:
        refused = (*refused, 409, 422)
    told = {"description": "Refused", "content": {MEDIA_TYPE: {"schema": shown[repr(Problem)]}}}
    return found | {str(status): told for status in sorted(refused)}
