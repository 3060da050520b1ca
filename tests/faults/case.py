"""What judges share: the evidence of a run with what follows from it, and the list of the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults.evidence import Evidence
from tests.faults.history import Row
from tests.faults.model import Fold, fold


@dataclass
class Case:
    """The evidence with what follows from it at first sight."""

    evidence: Evidence
    folds: dict[str, Fold] = field(default_factory=dict)
    committed: dict[int, Row] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    honest: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """When LinkedIn last took what a whole and true answer says it took."""
    dead: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, evidence: Evidence) -> Case:
        case = cls(evidence)
        for place, batch in enumerate(evidence.tables.batches):
            for number, fate in batch.fates.items():
                case.places[number].append((place, fate))
        case.dead = {row for row, _ in evidence.tables.letters}
        pending = {row for row, _ in evidence.tables.pending}
        for row in evidence.history.rows:
            seen = row.id in case.places or row.id in pending
            if row.commit in {"acked", "late"} or (row.commit in {"unknown", "open"} and seen):
                case.committed[row.id] = row
        by_segment: dict[str, list[Row]] = defaultdict(list)
        for row in case.committed.values():
            by_segment[row.segment].append(row)
        case.folds = {key: fold(by_segment[key], kind) for key, kind in evidence.kinds.items()}
        for folded in case.folds.values():
            folded.take_out(case.dead)
        true = {one["n"] for one in evidence.requests if evidence.honest(one)}
        for element in evidence.elements:
            if element.n in true and 200 <= element.status < 300:
                for key in element.keys:
                    what = (element.segment, key, element.action)
                    case.honest[what] = max(case.honest.get(what, 0.0), element.arrived)
        return case

    def confirmed(self, segment: str, key: str, action: str, row: Row | None) -> bool:
        """Whether LinkedIn said that it took this, in a request that came after the row was committed."""
        last = self.honest.get((segment, key, action))
        return last is not None and (row is None or last >= row.asked)


Finding = Iterator[tuple[str, str]]
"""What is wrong, and an example."""
Judge = Callable[[Case, Counter[str]], Finding]
RULES: list[tuple[str, bool, Judge]] = []
"""Invariant, whether it holds only once all is quiet, and who judges it."""


def rule(name: str, *, healed: bool = False) -> Callable[[Judge], Judge]:
    """Enters a judge of an invariant; `healed`: of what must be true once all is quiet."""

    def add(judge: Judge) -> Judge:
        RULES.append((name, healed, judge))
        return judge

    return add


def short(key: str) -> str:
    tag, _, value = key.partition(":")
    return f"{tag.partition('_')[0]}:{value[:10]}" if len(value) > 20 else key
