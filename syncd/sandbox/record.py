"""The file a checker reads: every users and companies request with its elements, in the order they took effect.

`applied` lines are written at the moment the elements land (late ones too), `finished` lines when the client has its
answer or lost its connection; those of a request that never took effect carry its elements.
"""

from pathlib import Path

import msgspec

from .elements import Batch
from .journal import Entry
from .membership import key_text

ADDED = 201


class Record:
    def __init__(self, path: str) -> None:
        self._file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - closed with the world

    def applied(self, entry: Entry, batch: Batch, at: float, *, landed: bool, segment: dict[str, object]) -> None:
        statuses = [batch.refusals[i].status if i in batch.refusals else ADDED for i in range(len(batch))]
        self._write(
            {
                "event": "applied",
                **_head(entry),
                **segment,
                "order": entry.order,
                "applied_at": at,
                "landed": landed,
                "late": entry.late,
                "statuses": statuses,
                "elements": _elements(batch),
            }
        )

    def finished(self, entry: Entry, batch: Batch | None) -> None:
        """`batch` is given when the request has not taken effect."""
        line = {"event": "finished", **_head(entry), "finished": entry.finished, "status": entry.status}
        line["applied"] = entry.applied
        if batch is not None:
            line["elements"] = _elements(batch)
        self._write(line)

    def close(self) -> None:
        self._file.close()

    def _write(self, line: dict[str, object]) -> None:
        if not self._file.closed:
            self._file.write(msgspec.json.encode(line) + b"\n")


def _head(entry: Entry) -> dict[str, object]:
    return {
        "n": entry.n,
        "arrived": entry.arrived,
        "wall": entry.wall,
        "member": entry.member,
        "application": entry.application,
        "resource": entry.resource,
        "segment": entry.segment,
        "uuid": entry.uuid,
    }


def _elements(batch: Batch) -> list[dict[str, object]]:
    return [
        {"action": action, "ids": [key_text(key) for key in keys]}
        for action, keys in zip(batch.actions, batch.keys, strict=True)
    ]
