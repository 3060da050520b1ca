"""The audit: who did what, when and why."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from syncd.admin.api.wire import Paged
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.operations import audit
from syncd.operations.audit import AuditRow, Filter
from syncd.operations.paging import Page

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern="^[^\\x00]+$")]


class Which(Paged, frozen=True, kw_only=True):
    """Filters: who, what (`segment.pause`), to what (a segment's key)."""

    actor: Word | None = None
    action: Word | None = None
    target: Word | None = None


async def _list(call: Call) -> Page[AuditRow]:
    which: Which = call.query
    meant = Filter(actor=which.actor, action=which.action, target=which.target)
    return await audit.listed(call.desk.database, call.caller, meant, which.part)


ROUTES: Final = (
    Route(
        method="GET",
        path="/api/v1/audit",
        handler=_list,
        summary="What people did, the newest first",
        subject="audit",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        query=Which,
        answer=Page[AuditRow],
    ),
)
