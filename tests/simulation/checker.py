"""The invariants of `reliability.md` §3 over the records of a run. Imports nothing of syncd.

Every check yields sentences; none means that all held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from tests.simulation.expected import Meaning, company_identity, fold, meaning
from tests.simulation.records import Evidence, Row, Sent

_TINY = 1e-6


def check(evidence: Evidence) -> list[str]:
    """All of them, at most three sentences of each kind."""
    meanings = {
        row.id: meaning(row, evidence.kinds[row.segment]) for row in evidence.history if row.segment in evidence.kinds
    }
    found = [
        *_no_invention(evidence, meanings),
        *_accounted(evidence, meanings),
        *_ledger_not_ahead(evidence),
        *_order(evidence, meanings),
        *_form(evidence),
        *_exclusive(evidence),
        *_rate(evidence),
        *_pauses(evidence),
        *_created_once(evidence),
        *_membership(evidence, meanings),
        *_letters(evidence, meanings),
    ]
    kept: Counter[str] = Counter()
    problems = []
    for problem in found:
        name = problem.partition(" ")[0]
        kept[name] += 1
        if kept[name] <= 3:
            problems.append(problem)
    return problems


def _identity(segment: str, keys: tuple[str, ...], evidence: Evidence) -> str:
    return company_identity(keys[0]) if evidence.kinds.get(segment) == "company" else keys[0]


def _no_invention(evidence: Evidence, meanings: Mapping[int, Meaning | None]) -> Iterator[str]:
    """S1: an ADD was asked for by a row committed before; a REMOVE names somebody some row named before."""
    first: dict[tuple[str, str, bool], float] = {}
    for row in evidence.history:
        meant = meanings.get(row.id)
        if meant is not None and meant.identity:
            named = {(row.segment, key, False) for key in (meant.identity, *meant.keys)}
            for place in {*named, (row.segment, meant.identity, row.action == "ADD")}:
                first[place] = min(first.get(place, row.committed), row.committed)
    for sent in evidence.sent:
        for action, keys in sent.elements:
            place = (sent.segment, _identity(sent.segment, keys, evidence), action == "ADD")
            if first.get(place, float("inf")) > sent.sent:
                yield f"S1 request {sent.number} at {sent.sent:.3f} has {action} {keys} that nobody asked for"


def _accounted(evidence: Evidence, meanings: Mapping[int, Meaning | None]) -> Iterator[str]:
    """S2: every row stands in one batch, and the counts of the batches say what became of it."""
    taken: Counter[int] = Counter()
    letters = {letter.row for letter in evidence.letters}
    newest: dict[tuple[str, str], int] = {}
    for meant in meanings.values():
        if meant is not None:
            place = (meant.row.segment, meant.identity)
            newest[place] = max(newest.get(place, 0), meant.row.id)
    rows = {row.id: row for row in evidence.history}
    for batch in evidence.batches:
        taken.update(list(batch.fates))
        ends = Counter(_end(fate, number in letters) for number, fate in batch.fates.items())
        counted = (batch.applied, batch.superseded, batch.dead)
        if (ends["applied"], ends["superseded"], ends["dead"]) != counted or sum(counted) != batch.rows_taken:
            yield f"S2 batch {batch.id} counts {counted} of {batch.rows_taken} rows, its rows say {dict(ends)}"
        for number, fate in batch.fates.items():
            one = meanings.get(number)
            if one is None or one.row.subject is not None or any(r.subject for r in _of(evidence, batch.segment)):
                continue
            if fate in {"superseded", "late"} and newest[batch.segment, one.identity] <= number:
                yield f"S2 row {number} is superseded by nothing"
    for number, row in rows.items():
        known = row.segment in evidence.kinds
        if taken[number] != known or (number in evidence.waiting) == known:
            yield f"S2 row {number} of {row.segment} was taken {taken[number]} times, waiting {number in evidence.waiting}"


def _of(evidence: Evidence, segment: str) -> list[Row]:
    return [row for row in evidence.history if row.segment == segment]


def _end(fate: str, has_letter: bool) -> str:
    if fate == "taken":
        return "dead" if has_letter else "applied"
    return {"needless": "applied", "late": "superseded"}.get(fate, fate)


def _accepted(evidence: Evidence) -> set[tuple[str, str, str]]:
    """(segment, action, key) of every element that a readable answer called taken."""
    return {
        (sent.segment, action, key)
        for sent in evidence.sent
        if sent.ended is not None and sent.answered
        for (action, keys), status in zip(sent.elements, sent.statuses, strict=False)
        if 200 <= status < 300
        for key in keys
    }


def _ledger_not_ahead(evidence: Evidence) -> Iterator[str]:
    """S3: what the ledger says, LinkedIn has said."""
    accepted = _accepted(evidence)
    for line in evidence.ledger:
        action = "ADD" if line.present else "REMOVE"
        key = line.metadata if evidence.kinds[line.segment] == "company" else line.identity
        if (line.segment, action, key) not in accepted:
            yield f"S3 the ledger of {line.segment} says {action} {key}, LinkedIn never accepted it"


def _order(evidence: Evidence, meanings: Mapping[int, Meaning | None]) -> Iterator[str]:
    """S4: what LinkedIn applied to a person is a walk forwards through the person's history."""
    if evidence.late:
        return
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    refused = {letter.row for letter in evidence.letters if letter.reason == "refused"}
    standing: dict[tuple[str, str], str] = {}
    for number in sorted(meanings):
        meant = meanings[number]
        if meant is None:
            continue
        place, action = (meant.row.segment, meant.identity), meant.row.action
        wanted[place].append(action)
        if number not in refused:
            standing[place] = action
        elif action == "ADD":  # what an attempt of it may have left is taken out again
            wanted[place].append("REMOVE")
        else:  # and who may have left by an attempt of it, but stands in the ledger, is there again
            wanted[place].append(standing.get(place, "REMOVE"))
    plain = {s for s, kind in evidence.kinds.items() if kind == "user" and not any(r.subject for r in _of(evidence, s))}
    applied: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for sent in evidence.sent:
        for (action, keys), took in zip(sent.elements, sent.taken, strict=False):
            if took and sent.segment in plain:
                applied[sent.segment, keys[0]] += [(moment, action) for moment in sent.applied]
    for place, happened in applied.items():
        if place not in wanted and all(action == "REMOVE" for _, action in happened):
            continue  # another id of somebody, taken out on its own: V1 says whether it had to
        moment = _turned_back(wanted[place], sorted(happened))
        if moment is not None:
            yield f"S4 {place} was applied out of order at {moment:.3f}: {[a for _, a in sorted(happened)]}"


def _turned_back(history: list[str], happened: list[tuple[float, str]]) -> float | None:
    """When it first went back."""
    at = 0
    for moment, action in happened:
        while at < len(history) and history[at] != action:
            at += 1
        if at == len(history):
            return moment
    return None


def _form(evidence: Evidence) -> Iterator[str]:
    """S5: at most 5,000 elements, each key once, values that fit their type."""
    for sent in evidence.sent:
        keys = Counter(key for _, listed in sent.elements for key in listed)
        if sent.wire_problem or len(sent.elements) > 5_000 or any(count > 1 for count in keys.values()):
            yield f"S5 request {sent.number}: {sent.wire_problem or keys.most_common(1)}"


def _exclusive(evidence: Evidence) -> Iterator[str]:
    """S6: requests that share a key of a segment never overlap, nor do those of two processes for one member."""
    busy: dict[tuple[str, str], tuple[float, Sent]] = {}
    owners: dict[str, dict[str, tuple[float, Sent]]] = defaultdict(dict)
    for sent in evidence.sent:
        end = min(sent.ended if sent.ended is not None else float("inf"), sent.sent + evidence.request_timeout)
        for key in {key for _, keys in sent.elements for key in keys}:
            before = busy.get((sent.segment, key))
            if before is not None and before[0] > sent.sent + _TINY:
                yield f"S6 requests {before[1].number} and {sent.number} are under way with {key} at {sent.sent:.3f}"
            busy[sent.segment, key] = (end, sent)
        for replica, (until, other) in owners[sent.member].items():
            if replica != sent.replica and until > sent.sent + _TINY:
                yield f"S6 {sent.replica} sends {sent.number} while {other.number} of {replica} is under way"
        known = owners[sent.member].get(sent.replica)
        if known is None or known[0] < end:
            owners[sent.member][sent.replica] = (end, sent)


def _rate(evidence: Evidence) -> Iterator[str]:
    """S7: no 60 seconds hold more arrivals than the limit."""
    arrivals: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sent in evidence.sent:
        if sent.arrived is not None:
            arrivals[sent.member, sent.resource].append(sent.arrived)
    for (member, resource), moments in arrivals.items():
        moments.sort()
        start = 0
        for end, moment in enumerate(moments):
            while moments[start] <= moment - 60.0:
                start += 1
            if end - start + 1 > evidence.limits[resource]:
                yield f"S7 {end - start + 1} {resource} of {member} in the minute before {moment:.3f}"
                break


def _pauses(evidence: Evidence) -> Iterator[str]:
    """S7b: after a minute-429 its process sends nothing of that scope for 60 seconds."""
    until: dict[tuple[str, str, str], float] = {}
    events = [(sent.sent, 1, sent) for sent in evidence.sent]
    events += [(sent.ended, 0, sent) for sent in evidence.sent if sent.ended is not None and sent.told == "minute"]
    for moment, is_departure, sent in sorted(events, key=lambda event: (event[0], event[1], event[2].number)):
        scope = (sent.replica, sent.member, sent.resource)
        if not is_departure:
            until[scope] = moment + 60.0
        elif moment < until.get(scope, 0.0) - _TINY:
            yield f"S7b request {sent.number} went {until[scope] - moment:.3f} s too early after a 429"


def _created_once(evidence: Evidence) -> Iterator[str]:
    """S8: one creation for a key, and no element within 5 seconds of it."""
    for key, count in Counter((dmp.account, dmp.key) for dmp in evidence.created).items():
        if count > 1:
            yield f"S8 {key} was created {count} times"
    born = {dmp.id: dmp.created for dmp in evidence.created}
    for sent in evidence.sent:
        if sent.sent < born.get(sent.dmp_id, 0.0) + 5.0 - _TINY:
            yield f"S8 request {sent.number} went {sent.sent - born[sent.dmp_id]:.3f} s after the creation"


def _membership(evidence: Evidence, meanings: Mapping[int, Meaning | None]) -> Iterator[str]:
    """V1: LinkedIn holds what the ledger says, and what the history says of everybody who was never refused."""
    there = {dmp.key.partition(":")[2]: dmp.members for dmp in evidence.created}
    for segment, kind in evidence.kinds.items():
        members = there.get(segment, set())
        company = kind == "company"
        lines = [line for line in evidence.ledger if line.segment == segment and line.present]
        listed = {key for line in lines for key in ([line.metadata] if company else line.keys)}
        letters = [letter for letter in evidence.letters if letter.segment == segment and letter.reason == "refused"]
        stuck = {key for letter in letters if letter.add is False for key in letter.keys}  # LinkedIn lets them not go
        if listed - stuck != members - stuck:
            yield f"V1 {segment}: only in the ledger {sorted(listed - members)[:2]}, only at LinkedIn {sorted(members - listed)[:2]}"
        refused = {key for letter in evidence.letters if letter.segment == segment for key in letter.keys}
        folded = fold(meant for meant in meanings.values() if meant is not None and meant.row.segment == segment)
        for identity, every in folded.every.items():
            if refused & ({identity} | every):
                continue
            have = every & members
            want = set(folded.present.get(identity, ()))
            right = have == want if company or not want else {identity} <= have
            if not right:
                yield f"V1 {segment} {identity}: LinkedIn has {sorted(have)}, the history says {sorted(want)}"


def _letters(evidence: Evidence, meanings: Mapping[int, Meaning | None]) -> Iterator[str]:
    """V2: dead are the rows that mean nothing and the elements that LinkedIn refused by themselves; no others. A departure
    that no row asked for may go out again and be refused again: it has as many letters as refusals at most.
    """
    invalid = {number for number, meant in meanings.items() if meant is None}
    rejected = Counter(letter.row for letter in evidence.letters if letter.reason != "refused")
    for number in sorted(invalid ^ set(rejected)):
        reasons = [letter.reason for letter in evidence.letters if letter.row == number]
        yield f"V2 row {number} ({'invalid' if number in invalid else 'valid'}) has letters {reasons}"
    refusals: Counter[tuple[str, str]] = Counter()
    for sent in evidence.sent:
        alone = len(sent.elements) == 1 and sent.status in {400, 422} and sent.answered
        for place, (_, keys) in enumerate(sent.elements):
            if alone or (place < len(sent.statuses) and 400 <= sent.statuses[place] < 429):
                refusals.update((sent.segment, key) for key in keys)
    told: Counter[tuple[int, str, tuple[str, ...], bool | None]] = Counter()
    for letter in evidence.letters:
        told[letter.row, letter.segment, letter.keys, letter.add] += 1
        if letter.reason == "refused" and not any((letter.segment, key) in refusals for key in letter.keys):
            yield f"V2 row {letter.row} is dead, but LinkedIn never refused it by itself"
    for (number, segment, keys, _), count in told.items():
        if count > (1 if number else max(refusals[segment, key] for key in keys)):
            yield f"V2 row {number} has {count} letters that are the same"
