"""Saved audience templates: read, make, change, delete, list (reference 003)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Failure
from syncd.domain.template import Change, Draft, Template
from syncd.linkedin import batchdelete, criteria
from syncd.linkedin.answers import created, decoded, failed
from syncd.linkedin.batchdelete import Deletions
from syncd.linkedin.paging import pages
from syncd.linkedin.transport import Transport

_PATH: Final = "/adTargetTemplates"


class SortField(StrEnum):
    ID = "ID"
    NAME = "NAME"


class SortOrder(StrEnum):
    ASCENDING = "ASCENDING"
    DESCENDING = "DESCENDING"


class _Stamp(msgspec.Struct):
    time: float | None = None


class _Template(msgspec.Struct, rename="camel"):
    """The id is a string in the reference's schema and a number in its samples."""

    id: int | str
    account: str | None = None
    name: str | None = None
    description: str | None = None
    targeting_criteria: criteria.Wire = msgspec.field(default_factory=criteria.Wire)
    approximate_member_count: int | None = None
    created: _Stamp | None = None
    last_modified: _Stamp | None = None


async def get(transport: Transport, *, token: str, template: str) -> Template | Failure:
    raw = decoded(await transport.call("GET", _path(template), token=token), _Template)
    return _template(raw) if isinstance(raw, _Template) else raw


async def create(transport: Transport, *, token: str, draft: Draft) -> str | Failure:
    """The new template's id."""
    body: dict[str, Any] = {
        "account": draft.account,
        "name": draft.name,
        "targetingCriteria": criteria.written(draft.criteria),
    }
    if draft.description:
        body["description"] = draft.description
    return created(await transport.call("POST", _PATH, token=token, body=msgspec.json.encode(body)))


async def update(transport: Transport, *, token: str, template: str, change: Change) -> Failure | None:
    """Changes what `change` names; the account stands for good and is never sent."""
    new: dict[str, Any] = {}
    if change.name is not None:
        new["name"] = change.name
    if change.description is not None:
        new["description"] = change.description
    if change.criteria is not None:
        new["targetingCriteria"] = criteria.written(change.criteria)
    body = msgspec.json.encode({"patch": {"$set": new}})
    answer = await transport.call("POST", _path(template), token=token, body=body, restli_method="PARTIAL_UPDATE")
    return failed(answer)


async def delete(transport: Transport, *, token: str, template: str) -> Failure | None:
    return failed(await transport.call("DELETE", _path(template), token=token))


async def delete_all(transport: Transport, *, token: str, templates: Collection[str]) -> Deletions | Failure:
    """Deletes several in one call, which says of each what became of it."""
    return await batchdelete.delete(transport, token=token, path=_PATH, ids=templates)


async def of_account(
    transport: Transport,
    *,
    token: str,
    account: str,
    sort: SortField = SortField.ID,
    order: SortOrder = SortOrder.ASCENDING,
) -> AsyncIterator[list[Template] | Failure]:
    """Every template of an ad account, page by page; a failure is the last item."""
    query = f"q=account&account={quote(account, safe='')}&sortField={sort}&sortOrder={order}"
    async for page in pages(transport, token=token, path=_PATH, query=query, shape=_Template):
        yield [_template(one) for one in page] if isinstance(page, list) else page


def _path(template: str) -> str:
    return f"{_PATH}/{quote(template, safe='')}"


def _template(raw: _Template) -> Template:
    return Template(
        id=str(raw.id),
        account=raw.account or "",
        name=raw.name or "",
        description=raw.description or "",
        criteria=criteria.read(raw.targeting_criteria),
        members=raw.approximate_member_count,
        created=_seconds(raw.created),
        modified=_seconds(raw.last_modified),
    )


def _seconds(stamp: _Stamp | None) -> float | None:
    return None if stamp is None or stamp.time is None else stamp.time / 1000
