"""What arrived, as the server saw it: the request log that proofs about rate, order and exclusivity are made of.

Entries are opened at arrival and filled in as the request goes on; the newest `MOST` are kept. Beside them stand
violations: things LinkedIn would take in silence but no correct client does.
"""

import base64
import hashlib
from collections import Counter, deque
from collections.abc import Iterator

import msgspec

from .clock import SandboxClock

MOST = 1_000_000


class Entry(msgspec.Struct, kw_only=True):
    """`arrived` and `finished` are monotonic seconds; `status` is None when the client saw no answer; `path` is what the
    request line named, query included.
    """

    n: int
    arrived: float
    finished: float | None = None
    wall: float
    member: str = ""
    application: str = ""
    resource: str = ""
    method: str = ""
    segment: str = ""
    elements: int = 0
    status: int | None = None
    applied: bool = False
    order: int | None = None
    uuid: str
    late: bool = False
    faults: list[int] = []
    agent: str = ""
    path: str = ""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    rule: str
    segment: str
    detail: str


class Journal:
    def __init__(self, clock: SandboxClock, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._opened = 0
        self._applied = 0
        self._entries: deque[Entry] = deque(maxlen=MOST)
        self.violations: list[Violation] = []
        self.by_status: Counter[str] = Counter()

    def open(self, arrived: float) -> Entry:
        self._opened += 1
        entry = Entry(n=self._opened, arrived=arrived, wall=self._clock.wall(), uuid=self._uuid(self._opened))
        self._entries.append(entry)
        return entry

    def finish(self, entry: Entry, status: int | None) -> None:
        entry.status = status
        entry.finished = self._clock.real()
        self.by_status[str(status or "none")] += 1

    def applied(self, entry: Entry) -> None:
        """The request took effect; `order` says when among all others."""
        self._applied += 1
        entry.applied = True
        entry.order = self._applied

    def violate(self, entry: Entry, rule: str, detail: str) -> None:
        self.violations.append(Violation(n=entry.n, rule=rule, segment=entry.segment, detail=detail))

    def since(self, n: int) -> Iterator[Entry]:
        """Entries numbered above `n`, oldest first."""
        skip = max(0, n - (self._opened - len(self._entries)))
        kept = list(self._entries)
        return iter(kept[skip:])

    @property
    def opened(self) -> int:
        return self._opened

    def _uuid(self, n: int) -> str:
        digest = hashlib.blake2b(f"{self._seed}:{n}".encode(), digest_size=15).digest()
        return base64.urlsafe_b64encode(digest).decode()
