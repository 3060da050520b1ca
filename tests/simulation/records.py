"""What a run leaves behind for the checker: plain values, nothing of syncd's."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """A committed outbox row, as its writer remembers it. Times are virtual seconds."""

    id: int
    segment: str
    action: str
    subject: str | None
    payload: str
    committed: float
    late: bool


@dataclass(slots=True)
class Sent:
    """One request to a stream, as LinkedIn and the client saw it. `ended` is when the client stopped waiting (None if its
    process died), `applied` when LinkedIn made it true; `statuses` are those of its elements, where there were any.
    """

    number: int
    replica: str
    member: str
    resource: str
    dmp_id: int
    segment: str
    elements: list[tuple[str, tuple[str, ...]]]
    sent: float
    kind: str
    wire_problem: str = ""
    arrived: float | None = None
    applied: list[float] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    ended: float | None = None
    status: int = 0
    told: str = ""
    statuses: list[int] = field(default_factory=list)
    answered: bool = False
    lingers: bool = False


@dataclass(slots=True)
class Dmp:
    """A DMP segment at LinkedIn; `members` are id keys, or whole metadata of companies."""

    id: int
    key: str
    account: str
    kind: str
    platform: str
    name: str
    created: float
    members: set[str] = field(default_factory=set)
    visible: float = 0.0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    segment: str
    identity: str
    present: bool
    keys: tuple[str, ...]
    row: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Letter:
    row: int
    segment: str
    reason: str
    status: int | None
    add: bool | None
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """`fates` by row: taken, superseded, late, dead, needless."""

    id: int
    segment: str
    kind: str
    is_open: bool
    rows_taken: int
    applied: int
    superseded: int
    dead: int
    fates: dict[int, str]


@dataclass(slots=True)
class Evidence:
    """Everything about one run. `kinds` by segment: user or company; `limits` by resource; `problems` were seen while it
    ran. `zombies`: a process was frozen; `late`: LinkedIn applied after the client had given up.
    """

    kinds: dict[str, str]
    limits: dict[str, int]
    request_timeout: float
    history: list[Row] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    created: list[Dmp] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    late: bool = False
    database_faults: bool = False
