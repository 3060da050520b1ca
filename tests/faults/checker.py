"""Judges what happened by the invariants of reliability.md §3, each by its name, with the smallest example it finds.

It knows the history of the writers, what the sandbox saw, and what the tables say; it imports nothing of syncd.
`check` holds at any moment, under any fault; `check(…, healed=True)` adds what must be true once all is quiet.
Not judged here: V3, V4 and V5 (scenarios of their own, by their measure), growth over time of S12 (the soak).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults import bounds, limits, parkings
from tests.faults.case import RULES, Case, Finding, rule, short
from tests.faults.evidence import Confirmed, Element, Evidence, Move, Taking
from tests.faults.history import CANARY, Row
from tests.faults.model import Fold

CHAMBERS = (bounds, limits, parkings)
"""The modules whose import enters more rules."""

_TAKEN, _SUPERSEDED, _LATE, _DEAD = 0, 1, 2, 3
_ILL_FORMED = {400, 405, 411, 413, 415}
"""What the sandbox answers, as LinkedIn does, to a request without its headers or its version, of a wrong type, too large."""
_HEX = re.compile(r"[0-9a-f]{64}")
_DOCUMENTED = {
    *(("BUILDING", "READY"), ("BUILDING", "FAILED"), ("BUILDING", "ARCHIVED"), ("READY", "UPDATING")),
    *(("UPDATING", "READY"), ("READY", "ARCHIVED"), ("ARCHIVED", "BUILDING"), ("ARCHIVED", "EXPIRED")),
    ("EXPIRED", "BUILDING"),
}
"""Reference 002, "DMP Segment State Transition"."""


@dataclass(frozen=True)
class Broken:
    """One broken invariant. `cases` counts all, `example` is the smallest."""

    invariant: str
    words: str
    cases: int
    example: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.words} ({self.cases}×), e.g. {self.example}"


@dataclass
class Verdict:
    """`looked` counts what each invariant was judged on: zero means that it proved nothing."""

    broken: list[Broken] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)

    @property
    def names(self) -> set[str]:
        return {one.invariant for one in self.broken}


def check(evidence: Evidence, *, healed: bool = False) -> Verdict:
    case = Case.of(evidence)
    verdict = Verdict()
    for name, only_healed, judge in RULES:
        if only_healed and not healed:
            continue
        found: dict[str, list[str]] = defaultdict(list)
        for words, example in judge(case, verdict.looked):
            found[words].append(example)
        for words, examples in found.items():
            smallest = min(examples, key=lambda text: (len(text), text))
            verdict.broken.append(Broken(name, words, len(examples), smallest))
    return verdict


@rule("S1")
def _no_invention(case: Case, looked: Counter[str]) -> Finding:
    """Every element wants what a row committed before its arrival wanted."""
    wanted: dict[tuple[str, str, str], float] = {}
    for segment, folded in case.folds.items():
        for events in folded.events.values():
            for event in events:
                wish = (segment, event.key, event.action)
                wanted[wish] = min(wanted.get(wish, float("inf")), event.row.asked)
    for element in case.evidence.elements:
        if element.segment not in case.folds:
            continue
        for key in element.keys:
            looked["S1"] += 1
            asked = wanted.get((element.segment, key, element.action))
            if asked is None:
                yield "an element that no row asked for", f"request {element.n}: {element.action} {short(key)}"
            elif asked > element.arrived:
                yield "an element before its row was committed", f"request {element.n}: {element.action} {short(key)}"


@rule("S2")
def _conservation(case: Case, looked: Counter[str]) -> Finding:
    """Every acknowledged row is in one place, no other row is in any."""
    tables = case.evidence.tables
    pending = {row for row, _ in tables.pending}
    for row in case.evidence.history.rows:
        here = len(case.places.get(row.id, ())) + (row.id in pending)
        looked["S2"] += 1
        if row.commit == "acked" and here == 0:
            yield "an acknowledged row is nowhere", f"row {row.id}: {row.action} in {row.segment}"
        elif row.commit == "aborted" and here:
            yield "a rolled-back row was found", f"row {row.id}"
        elif here > 1 and not _retried(case, row.id):
            yield "a row in two places", f"row {row.id}: {case.places.get(row.id)}, pending: {row.id in pending}"
    known = {row.id for row in case.evidence.history.rows}
    for number in (*case.places, *pending):
        if number not in known:
            yield "a row that nobody wrote", f"row {number}"
    for batch in tables.batches:
        ended = batch.applied + batch.superseded + batch.dead
        if len(batch.fates) != batch.taken:
            yield "a batch that names other rows than it took", f"batch {batch.id}: {len(batch.fates)} of {batch.taken}"
        if (ended != batch.taken and not batch.open) or ended > batch.taken:
            yield "a batch whose rows do not add up", f"batch {batch.id}: {ended} of {batch.taken}, open: {batch.open}"


def _retried(case: Case, row: int) -> bool:
    return any(case.evidence.tables.batches[place].kind == "retry" for place, _ in case.places[row])


@rule("S2")
def _fates_are_true(case: Case, looked: Counter[str]) -> Finding:
    """Applied means that LinkedIn said so; superseded means that something newer is there; dead has a letter."""
    newest = _newest(case)
    for number, places in case.places.items():
        row = case.committed.get(number)
        place, fate = places[-1]
        batch = case.evidence.tables.batches[place]
        if row is None or row.segment not in case.folds or batch.open:
            continue
        looked["S2 fates"] += 1
        events = case.folds[row.segment].of_row.get(number, [])
        if fate == _TAKEN and number not in case.dead and events:
            if not any(case.confirmed(row.segment, event.key, event.action, row) for event in events):
                yield "a row counts as applied, LinkedIn never accepted it", _told(row, events[0].key)
        elif fate in {_SUPERSEDED, _LATE}:
            if newest.get(_names(case, row), 0) <= number and row.subject is None:
                yield "a row counts as superseded by nothing newer", _told(row, str(fate))
        elif fate == _DEAD and number not in case.dead:
            yield "a dead row without a letter", _told(row, "")


def _newest(case: Case) -> dict[tuple[str, str], int]:
    newest: dict[tuple[str, str], int] = {}
    for number, row in case.committed.items():
        if row.segment in case.folds:
            name = _names(case, row)
            newest[name] = max(newest.get(name, 0), number)
    return newest


def _names(case: Case, row: Row) -> tuple[str, str]:
    return row.segment, case.folds[row.segment].identity_of.get(row.id, f"?{row.id}")


@rule("S3")
def _ledger_not_ahead(case: Case, looked: Counter[str]) -> Finding:
    for line in case.evidence.tables.ledger:
        if line.segment not in case.folds or not line.keys:
            continue
        looked["S3"] += 1
        action = "ADD" if line.present else "REMOVE"
        if not case.confirmed(line.segment, line.keys[0], action, case.committed.get(line.row)):
            yield "the ledger holds what LinkedIn never confirmed", f"row {line.row}: {action} {short(line.keys[0])}"


@rule("S4")
def _order(case: Case, looked: Counter[str]) -> Finding:
    """Per key, what took effect maps onto the history without ever going back."""
    if case.evidence.zombies or any(element.late for element in case.evidence.elements):
        return
    landed: dict[tuple[str, str], list[Element]] = defaultdict(list)
    for element in sorted(
        (one for one in case.evidence.elements if one.order is not None and 200 <= one.status < 300),
        key=lambda one: one.order or 0,
    ):
        for key in element.keys:
            landed[element.segment, key].append(element)
    for (segment, key), elements in landed.items():
        if segment not in case.folds:
            continue
        looked["S4"] += 1
        wanted = case.folds[segment].events.get(key, [])
        place = 0
        for element in elements:
            at = place
            while at < len(wanted) and wanted[at].action != element.action:
                at += 1
            if at == len(wanted):
                took = " ".join(f"{one.action}@{one.n}" for one in elements[-6:])
                asked = " ".join(f"{one.action}#{one.row.id}" for one in wanted[-6:])
                yield "what took effect is not in the order of the rows", f"{short(key)}: {took}; rows: {asked}"
                break
            place = at


@rule("S5")
def _form(case: Case, looked: Counter[str]) -> Finding:
    sizes: Counter[int] = Counter()
    for element in case.evidence.elements:
        sizes[element.n] += 1
        looked["S5"] += 1
        for key in element.keys:
            tag, _, value = key.partition(":")
            if tag == "SHA256_EMAIL" and not re.fullmatch(r"[0-9a-f]{64}", value):
                yield "an id that is no hash", f"request {element.n}"
    for number, size in sizes.items():
        if size > 5000:
            yield "more than 5,000 elements", f"request {number}: {size}"
    for one in case.evidence.requests:
        looked["S5 requests"] += 1
        if one["status"] in _ILL_FORMED and not one["faults"]:
            yield (
                "headers, version or size that LinkedIn refuses",
                f"request {one['n']} of {one['resource']}: {one['status']}",
            )
    for one in case.evidence.violations:
        if one["rule"] == "repeated_identity":
            yield "an identity twice in one batch", f"request {one['n']}: {short(one['detail'])}"


@rule("S6")
def _exclusive(case: Case, looked: Counter[str]) -> Finding:
    """Requests of two replicas for one member never overlap; those that share an identity never do at all."""
    if case.evidence.zombies:
        return
    spans = [
        one for one in case.evidence.requests if one["resource"] in {"users", "companies"} and _is_plain(case, one)
    ]
    spans.sort(key=lambda one: float(one["arrived"]))
    by_member: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in spans:
        by_member[str(each["member"])].append(each)
    for member, ours in by_member.items():
        for one, other in _overlapping(ours):
            if one["agent"] != other["agent"]:
                yield "two replicas send for one member at once", f"{member}: requests {one['n']} and {other['n']}"
    plain = {each["n"]: each for each in spans}
    holding: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for element in case.evidence.elements:
        if element.n in plain:
            for key in element.keys:
                holding[element.segment, key].append(plain[element.n])
    for (_, key), requests in holding.items():
        looked["S6"] += 1
        different = list({each["n"]: each for each in requests}.values())
        for one, other in _overlapping(sorted(different, key=lambda each: float(each["arrived"]))):
            yield "an identity in two requests at once", f"{short(key)}: requests {one['n']} and {other['n']}"


def _is_plain(case: Case, one: Mapping[str, Any]) -> bool:
    """Whether client and server agree on when a request ended."""
    kinds = {case.evidence.faults.get(number, "") for number in one.get("faults", ())}
    if kinds & {"hang", "late", "drip", "endless", "gzip_bomb"} or one["finished"] is None:
        return False
    return bool(one["finished"] - one["arrived"] < case.evidence.timeout) and one["status"] is not None


def _overlapping(spans: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    open_: list[Mapping[str, Any]] = []
    for one in spans:
        open_ = [other for other in open_ if other["finished"] > one["arrived"]]
        for other in open_:
            yield other, one
        open_.append(one)


@rule("S8")
def _one_create(case: Case, looked: Counter[str]) -> Finding:
    names = Counter(str(one["sourceSegmentId"]) for one in case.evidence.dmp)
    for name, count in names.items():
        looked["S8"] += 1
        if count > 1:
            yield "two segments with one sourceSegmentId", f"{name}: {count}"
    for one in case.evidence.violations:
        if one["rule"] == "early_data":
            yield "data before a new segment takes any", f"request {one['n']}"


@rule("S9")
def _statuses(case: Case, looked: Counter[str]) -> Finding:
    """What the tracker wrote down is a chain, and every link of it was served, in that order. A segment that took another
    one's place at LinkedIn begins a chain anew; of those that were deleted there nobody knows what was served.
    """
    served: dict[str, list[list[str]]] = defaultdict(list)
    for one in case.evidence.dmp:
        served[str(one["sourceSegmentId"]).partition(":")[2]].append([str(each["to"]) for each in one["transitions"]])
    lives: dict[str, list[list[Move]]] = defaultdict(list)
    for move in case.evidence.tables.transitions:
        chains = lives[move.segment]
        if not move.before or not chains:
            chains.append([])
        chains[-1].append(move)
    for segment, chains in lives.items():
        known = [None] * (len(chains) - len(served[segment])) + served[segment][-len(chains) :]
        for chain, statuses in zip(chains, known, strict=True):
            looked["S9"] += len(chain)
            yield from _chain(segment, chain, statuses)


def _chain(segment: str, moves: Sequence[Move], statuses: Sequence[str] | None) -> Finding:
    before, left = "", None if statuses is None else iter(statuses)
    for move in moves:
        way = f"{segment}: {move.before or 'nothing'} to {move.after}"
        if move.before != before:
            yield "a transition that does not begin where the one before ended", f"{way}, it was {before}"
        if left is not None and move.after not in left:
            yield "a status that was not served", way
        if move.documented != (not move.before or (move.before, move.after) in _DOCUMENTED):
            yield "a transition flagged wrongly", way
        before = move.after


@rule("S9", healed=True)
def _last_status(case: Case, looked: Counter[str]) -> Finding:
    """In the end the tracker knows the status of every segment that is left."""
    last = {move.segment: move.after for move in case.evidence.tables.transitions}
    for one in case.evidence.dmp:
        segment = str(one["sourceSegmentId"]).partition(":")[2]
        if one["status"] != last.get(segment) and segment in last:
            yield "a status that the tracker missed", f"{segment} is {one['status']}, written down is {last[segment]}"


@rule("S10")
def _fencing(case: Case, looked: Counter[str]) -> Finding:
    for write in case.evidence.tables.writes:
        looked["S10"] += 1
        if write.token is None:
            yield "a write of an owner without a lease", f"{write.table} at {write.at:.1f}"
        elif write.token < write.valid:
            yield "a write under an old lease", f"{write.table}: token {write.token}, valid was {write.valid}"


@rule("S10")
def _only_the_owner_sends(case: Case, looked: Counter[str]) -> Finding:
    """A request is of the replica that took its member last."""
    if case.evidence.zombies:
        return
    takings: dict[str, list[Taking]] = defaultdict(list)
    for taking in case.evidence.owners:
        takings[taking.member].append(taking)
    for one in case.evidence.requests:
        if one["resource"] not in {"users", "companies"} or not takings.get(one["member"]):
            continue
        looked["S10 requests"] += 1
        ours = takings[one["member"]]
        place = bisect_right([taking.at for taking in ours], one["wall"]) - 1
        tag = str(one["agent"]).rpartition(".")[2]
        if place >= 0 and ours[place].tag != tag:
            yield "a request of an owner of the past", f"request {one['n']} of replica {tag}, {ours[place].tag} owns it"


@rule("S11")
def _no_secret(case: Case, looked: Counter[str]) -> Finding:
    hashes = {
        key.partition(":")[2]
        for folded in case.folds.values()
        for key in folded.events
        if key.startswith("SHA256_EMAIL:")
    }
    places = {**case.evidence.logs, **case.evidence.surfaces, "the database": "\n".join(case.evidence.tables.texts)}
    for name, text in places.items():
        looked["S11"] += len(text)
        if CANARY in text.lower():
            yield "an address in a place it must not be in", name
        if any(token in text for token in case.evidence.tokens):
            yield "a token in a place it must not be in", name
        if not hashes.isdisjoint(_HEX.findall(text)):
            yield "a hash of a person in a place it must not be in", name


@rule("V1", healed=True)
def _drained(case: Case, looked: Counter[str]) -> Finding:
    tables = case.evidence.tables
    for row, segment in tables.pending:
        if segment in tables.segments.values():
            yield "a row still waits", f"row {row} of {segment}"
    for batch in tables.batches:
        if batch.open:
            yield "a batch is still open", f"batch {batch.id} of {batch.segment}"
    if tables.owed:
        yield "a re-assertion is still owed", str(tables.owed)
    for segment, folded in case.folds.items():
        if segment not in tables.segments.values():
            continue
        must = folded.members - case.evidence.refused
        held = case.evidence.members.get(segment, set())
        looked["V1"] += len(must | held)
        for key in must - held:
            yield "missing at LinkedIn", f"{segment}: {short(key)} {_story(folded, key)}"
        for key in held - must:
            yield "at LinkedIn and should not be", f"{segment}: {short(key)} {_story(folded, key)}"
        told = {key for line in tables.ledger if line.present and line.segment == segment for key in line.keys}
        for key in told ^ held:
            where = "ledger" if key in told else "LinkedIn"
            yield f"only in {where}", f"{segment}: {short(key)} {_story(folded, key)}"


def _story(folded: Fold, key: str) -> str:
    return " ".join(f"{event.action}#{event.row.id}" for event in folded.events.get(key, [])[-4:])


@rule("V1", healed=True)
def _highest_rank(case: Case, looked: Counter[str]) -> Finding:
    """The row behind a ledger line is the newest that named the key, unless that one was refused."""
    for line in case.evidence.tables.ledger:
        if line.segment not in case.folds or not line.keys or not line.row:
            continue
        events = case.folds[line.segment].events.get(line.keys[0], [])
        alive = [event for event in events if event.row.id not in case.dead]
        looked["V1 rank"] += 1
        if alive and alive[-1].action != _action(line):
            yield (
                "the ledger ends on an older change",
                f"{short(line.keys[0])}: row {line.row}, newest {alive[-1].row.id}",
            )


def _action(line: Confirmed) -> str:
    return "ADD" if line.present else "REMOVE"


@rule("V2", healed=True)
def _dead_letters(case: Case, looked: Counter[str]) -> Finding:
    invalid = {row for folded in case.folds.values() for row in folded.invalid}
    refused = {
        row
        for folded in case.folds.values()
        for row, events in folded.of_row.items()
        if any(event.key in case.evidence.refused for event in events)
    }
    unread = {
        row for row, segment in case.evidence.tables.pending if segment not in case.evidence.tables.segments.values()
    }
    for row in invalid - case.dead - unread:
        yield "an invalid row has no dead letter", f"row {row}"
    for row in case.dead - invalid - refused - case.evidence.killers:
        yield "a dead letter for a good row", f"row {row}: {dict(case.evidence.tables.letters)[row]}"
    for row in case.evidence.killers - case.dead:
        yield "a killer that was not put aside", f"row {row}"
    twice = [row for row, count in Counter(row for row, _ in case.evidence.tables.letters).items() if count > 1]
    for row in twice:
        yield "two dead letters for one row", f"row {row}"
    looked["V2"] += len(case.dead | invalid)


def _told(row: Row, more: str) -> str:
    return f"row {row.id} ({row.action}) {short(more)}"
