"""Rest.li 2.0 on the wire: which method a request means, what its query says, how a finder pages.

The references print URNs unencoded and leave `List(…)` away here and there; a client should encode, the sandbox
takes both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote, unquote_plus

import msgspec

from .answers import RefusedError, bad_request, error_body
from .options import SandboxOptions

LONGEST_URL = 8 * 1024
LONGEST_QUERY = 4 * 1024
FORM = "application/x-www-form-urlencoded"
MOST_PER_PAGE = 100

Found = TypeVar("Found")
Body = TypeVar("Body")


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    patch: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes once tunnelling is undone: `segments` of the path are decoded, query values are not."""

    verb: str
    path: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    tunnelled: bool = False

    def value(self, name: str) -> str | None:
        raw = self.query.get(name)
        return None if raw is None else unquote_plus(raw)

    def required(self, name: str) -> str:
        value = self.value(name)
        if value is None:
            raise RefusedError(400, f"Parameter '{name}' is required", "PARAM_MISSING")
        return value

    def values(self, name: str) -> list[str]:
        """`List(a,b)`, encoded as a whole or not, or a bare value as a list of one."""
        raw = self.query.get(name)
        if raw is None:
            return []
        if raw.startswith("List%28"):
            raw = unquote_plus(raw)
        if not raw.startswith("List("):
            return [unquote_plus(raw)]
        return [unquote_plus(item).strip() for item in split_list(raw[len("List(") :].removesuffix(")"))]

    def number(self, name: str, default: int) -> int:
        text = self.value(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise bad_request(f"Parameter '{name}' must be a number, 0 or more")
        return int(text)


def split_list(text: str) -> list[str]:
    """At its commas, except those within brackets: an unencoded `urn:li:staffCountRange:(2,10)` is one item."""
    items, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            items.append("")
        else:
            items[-1] += letter
    return [item for item in items if item]


def read_target(verb: str, raw_path: str, headers: Mapping[str, str], body: bytes) -> Target:
    """Undo query tunnelling; RefusedError 414 when the URL is longer than LinkedIn takes."""
    path, _, query = raw_path.partition("?")
    if len(raw_path) > LONGEST_URL or len(query) > LONGEST_QUERY:
        raise RefusedError(414, "URI Too Long")
    override = headers.get("X-HTTP-Method-Override")
    tunnelled = override is not None and verb == "POST"
    if override is not None and tunnelled:
        if not headers.get("Content-Type", "").startswith(FORM):
            raise bad_request(f"X-HTTP-Method-Override needs Content-Type {FORM}")
        verb = override.upper()
        query = "&".join(part for part in (query, body.decode("latin-1")) if part)
    parts = tuple(unquote(part) for part in path.removeprefix("/rest").strip("/").split("/"))
    return Target(verb=verb, path=path, parts=parts, query=_read_query(query), tunnelled=tunnelled)


def _read_query(query: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote_plus(name): value for name, _, value in pairs}


def method_of(target: Target, named: str | None) -> str:
    """The Rest.li method; a POST without the header is a plain CREATE, or an ACTION when the query says so."""
    query = target.query
    match target.verb:
        case "GET":
            return "FINDER" if "q" in query else "BATCH_GET" if "ids" in query else "GET"
        case "DELETE":
            return "BATCH_DELETE" if "ids" in query else "DELETE"
        case "POST" if "action" in query:
            return "ACTION"
        case "POST":
            return (named or "CREATE").upper()
        case other:
            return other


def read_body(body: bytes, shape: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise bad_request(f"The request body is wrong: {wrong}") from wrong


def read_patch(body: bytes) -> dict[str, Any]:
    """What a partial update sets."""
    return read_body(body, Patch).patch.get("$set", {})


def delete_each(target: Target, delete: Callable[[str], None]) -> dict[str, dict[str, object]]:
    """What a batch delete answers: an id is deleted, or refused, for itself."""
    results: dict[str, object] = {}
    errors: dict[str, object] = {}
    for one in target.values("ids"):
        try:
            delete(one)
        except RefusedError as refused:
            errors[one] = error_body(refused.status, refused.message, refused.code)
        else:
            results[one] = {"status": 204}
    return {"results": results, "errors": errors}


def read_compound_key(text: str) -> dict[str, str]:
    """`(account:urn%3Ali%3A…,user:urn:li:person:x)`, encoded or not."""
    inner = text.strip("()")
    pairs = (part.partition(":") for part in inner.split(","))
    return {name: unquote(value) for name, _, value in pairs}


def page(
    target: Target, found: Sequence[Found], show: Callable[[Found], object], options: SandboxOptions
) -> dict[str, object]:
    """One page of `found`, each as `show` writes it, with Rest.li's paging block."""
    start = target.number("start", 0)
    count = target.number("count", 10)
    if not 1 <= count <= MOST_PER_PAGE:
        raise bad_request(f"Parameter 'count' must be 1 to {MOST_PER_PAGE}")
    elements = [show(one) for one in found[start : start + count]]
    links = []
    if start + count < len(found):
        links.append(_link(target, "next", start + count, count))
    if start > 0:
        links.append(_link(target, "prev", max(0, start - count), count))
    paging: dict[str, object] = {"start": start, "count": count, "links": links}
    if options.paging_total:
        paging["total"] = len(found)
    return {"elements": elements, "paging": paging}


def _link(target: Target, rel: str, start: int, count: int) -> dict[str, str]:
    kept = [f"{quote(name)}={value}" for name, value in target.query.items() if name not in {"start", "count"}]
    href = f"{target.path}?{'&'.join([*kept, f'start={start}', f'count={count}'])}"
    return {"rel": rel, "href": href, "type": "application/json"}
