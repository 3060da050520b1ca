"""Lists: a CSV file fills a segment of its own kind, which is then followed like any other and never streamed to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.change import Kind
from syncd.domain.outcome import NotThere
from syncd.errors import Rejected
from syncd.operations import audit, listfiles, segments, voices
from syncd.operations.audit import Deed
from syncd.operations.importfiles import Progress
from syncd.operations.listfiles import ListFile
from syncd.operations.listsuppression import without_suppressed
from syncd.operations.refusals import told
from syncd.operations.targets import account_of, member_of
from syncd.operations.voices import Clock
from syncd.reconcile.upload import Filled, Foreign, Uploader
from syncd.settings import Settings
from syncd.store import segments as rows
from syncd.store.engine import Database
from syncd.store.segments import Binding, Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to upload, and where to; `name` and `account` are for a segment that is not there yet."""

    path: Path
    segment: str
    name: str | None = None
    account: str | None = None
    skip_rejects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadReport:
    """What was uploaded; `new` says that the segment was made for it. `repeated`: rows that stand in the
    list before, once hashed; `skipped`: rows left out, by reason.
    """

    segment: str
    kind: Kind
    dmp_id: int
    new: bool
    rows: int
    repeated: int
    skipped: dict[str, int]
    media: str


async def upload(
    database: Database,
    settings: Settings,
    order: Order,
    progress: Progress,
    clock: Clock = Clock(),
    *,
    by: By = COMMAND_LINE,
) -> UploadReport:
    """Reads the whole file before LinkedIn is asked for anything."""
    async with database.read() as connection:
        known = await rows.find(connection, order.segment)
    if known is not None and not known.segment.takes_lists:
        raise Rejected(f"segment {order.segment} is streamed to and takes no list: upload to another one")
    with order.path.open("rb") as file:
        taken = listfiles.read(
            file,
            order.path,
            allow_names_only=settings.users.allow_names_only,
            skip_rejects=order.skip_rejects,
            progress=progress,
        )
    taken = await without_suppressed(database, settings, taken)
    wanted = _wanted(settings, order, known, taken)
    async with voices.speaking(settings, member_of(settings, wanted.member), database, clock) as caller:
        uploader = Uploader(database=database, caller=caller, instance=settings.instance, sleep=clock.sleep)
        done = await uploader.upload(wanted, taken.body)
    if isinstance(done, Foreign):
        raise Rejected(
            f"LinkedIn has a list segment {done.dmp_id} for {order.segment} that this database did not make: "
            "upload under another key, or delete it there"
        )
    if isinstance(done, NotThere) and known is not None:
        raise Rejected(
            f"LinkedIn does not know the segment of {order.segment} any more: "
            f"`syncd segments delete {order.segment}`, then upload again"
        )
    if not isinstance(done, Filled):
        raise told(done)
    after = {"rows": taken.rows, "dmp_id": done.dmp_id}
    deed = Deed(action="segment.upload", target=order.segment, account=wanted.account, after=after)
    await audit.record_alone(database, by, deed)
    return UploadReport(
        segment=order.segment,
        kind=taken.kind,
        dmp_id=done.dmp_id,
        new=done.is_new,
        rows=taken.rows,
        repeated=taken.repeated,
        skipped=taken.skipped,
        media=done.media,
    )


def _wanted(settings: Settings, order: Order, known: Binding | None, taken: ListFile) -> Declared:
    """The segment as it is, or as it will be."""
    if known is None:
        account, member = account_of(settings, order.account)
        wanted = Declared(
            key=order.segment,
            name=order.name or order.segment,
            kind=taken.kind.value,
            account=account,
            member=member.key,
        )
        segments.check(wanted, settings, settings.members)
        return wanted
    segment = known.segment
    if segment.kind is not taken.kind:
        raise Rejected(f"segment {order.segment} takes lists of the kind {segment.kind}, the file holds {taken.kind}")
    if order.account not in (None, segment.account):
        raise Rejected(f"segment {order.segment} belongs to {segment.account} and stays there")
    return Declared(
        key=order.segment,
        name=order.name or segment.name,
        kind=segment.kind.value,
        account=segment.account,
        member=segment.member,
    )
