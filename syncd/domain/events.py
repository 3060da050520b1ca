"""What happens on the road, as values. Stages emit them; metrics and logs subscribe; nothing here names a person.

An event's class name is its one stable name: logs print it in snake case. Seconds are durations unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.domain.resync_events import ResyncEnded, ResyncMoved, ResyncPlanned, ResyncStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsTaken:
    """Intake took rows of a segment; counts of what it decided at once. `dead` counts by reason."""

    segment: str
    batches: Sequence[int]
    rows: int
    elements: int
    needless: int
    superseded: int
    late: int
    dead: Mapping[str, int] = field(default_factory=dict)
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettled:
    """One answer was written to the ledger. Elements by (action, outcome); rows by outcome; `lags` from row written to
    accepted, of live changes only.
    """

    segment: str
    batch: int
    elements: Mapping[tuple[str, str], int]
    rows: Mapping[str, int]
    lags: Sequence[float]
    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchClosed:
    """Nothing in a batch is unsettled. `outcome` is accepted, partly_refused, refused or superseded."""

    segment: str
    batch: int
    kind: str
    outcome: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDelayed:
    """An attempt settled nothing; LinkedIn's words say why."""

    segment: str
    batch: int
    attempts: int
    words: str
    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """One request to LinkedIn; `status` is 0 where no answer came."""

    member: str
    resource: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PacerWaited:
    resource: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceThrottled:
    """A 429; the resource pauses for the member, or for the whole application."""

    member: str
    resource: str
    scope: str
    seconds: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceBackedOff:
    """Nothing of a resource succeeds: it pauses until one request does. 0 seconds when it goes on."""

    member: str
    resource: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentParked:
    segment: str
    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentResumed:
    segment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentProvisioned:
    """A segment is bound to its DMP segment, or called as it is here: `how` is found, created or renamed."""

    segment: str
    dmp_id: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDeleted:
    segment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    segment: str
    before: str
    after: str
    documented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSeen:
    """What the tracker read; counts are None until LinkedIn knows them. `since` is seconds since 1970."""

    segment: str
    status: str
    since: float
    input_count: int | None
    matched_count: int | None
    audience_size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """How many segments an ad account holds, everybody's, as the tracker listed them."""

    member: str
    account: str
    segments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCrowded:
    """An ad account comes near the 1,000 segments that LinkedIn takes; said once until there is room again."""

    member: str
    account: str
    segments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSeen:
    """A member's role in an ad account of its segments, empty where it has none; `may_write` says whether it is enough."""

    member: str
    account: str
    role: str
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEnds:
    """An access or refresh token (`kind`) ends within so many days, 0 if it has; said at 60, 30, 14 and 7."""

    member: str
    kind: str
    days: int
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEnds:
    """The API version in use is about to end, or has ended (negative days)."""

    version: str
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberParked:
    member: str
    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResumed:
    member: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefreshed:
    """Ends are seconds since 1970, None where unknown."""

    member: str
    access_ends: float | None
    refresh_ends: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTaken:
    member: str
    token: int
    clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded:
    """`how` is given_back or lost."""

    member: str
    token: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasserted:
    """The last state of identities after an uncertain request goes out once more."""

    segment: str
    identities: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuarantined:
    """A row that crashed the process again and again was put aside."""

    segment: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceParked:
    """Outbox ids fell back, or the database is another one: intake waits for a new source epoch."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSegments:
    """Rows wait for segments that do not exist. The keys come from the CRM."""

    keys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFailed:
    where: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed:
    """The tracker could not read a member's segments, or rename one; LinkedIn's words say why."""

    member: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstonesPruned:
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsExpired:
    """Rows of a table that were kept long enough are deleted."""

    table: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureEnded:
    """A person is out of every segment, or for good (`kind`); nothing says who."""

    erasure: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """Something wants a person, or got worse; said once."""

    kind: str
    about: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHealed:
    kind: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFailed:
    """A notification did not arrive; it is tried again."""

    notification: int
    attempts: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is read from the database now and then, for the segments and members this process owns. Ages in seconds;
    `dead_letters` by (segment, reason); `pending` by segment: rows and age of the oldest; `paused`
    says of each segment whether it or its member is.
    """

    pending: Mapping[str, tuple[int, float]]
    open_batches: Mapping[str, int]
    ledger_sizes: Mapping[str, int]
    dead_letters: Mapping[tuple[str, str], int]
    dead_tuples: int | None
    oldest_transaction: float | None
    paused: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSeen:
    """Requests a member made to a resource in the last 60 seconds, beside its limit."""

    member: str
    resource: str
    last_minute: int
    limit: int


Event = (
    RowsTaken
    | StepSettled
    | BatchClosed
    | BatchDelayed
    | RequestEnded
    | PacerWaited
    | ResourceThrottled
    | ResourceBackedOff
    | SegmentParked
    | SegmentResumed
    | SegmentProvisioned
    | SegmentDeleted
    | StatusChanged
    | StatusSeen
    | AccountSeen
    | AccountCrowded
    | RoleSeen
    | TokenEnds
    | VersionEnds
    | MemberParked
    | MemberResumed
    | TokenRefreshed
    | LeaseTaken
    | LeaseEnded
    | Reasserted
    | ResyncPlanned
    | ResyncStarted
    | ResyncMoved
    | ResyncEnded
    | RowQuarantined
    | SourceParked
    | UnknownSegments
    | DatabaseFailed
    | LookFailed
    | TombstonesPruned
    | RowsExpired
    | ErasureEnded
    | AlertRaised
    | AlertHealed
    | WebhookFailed
    | Measured
    | LimitSeen
)
Emit = Callable[[Event], None]
