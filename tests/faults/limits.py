"""Judges how often the server was asked: the rate (S7), the pause after a minute's 429 (S7b), probes under a daily one (S7c)."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.faults.case import Case, Finding, rule

_FIRST, _MOST = 5.0, 300.0
"""Seconds between probes under a daily limit: at first, at most; doubling."""
_SLACK = 0.25
"""Seconds between an answer that leaves the server and a client that has read it."""
_FOLLOW = 1.0
"""Seconds until a member knows of a limit that another one of its application ran into."""
_TINY = 0.05


@rule("S7")
def _rate(case: Case, looked: Counter[str]) -> Finding:
    arrivals: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in case.evidence.requests:
        arrivals[one["application"], one["member"], one["resource"]].append(float(one["arrived"]))
    for (_, member, resource), times in arrivals.items():
        limit = case.evidence.limits.get(resource)
        if limit is None:
            continue
        times.sort()
        most = max(end + 1 - bisect_right(times, times[end] - 60.0) for end in range(len(times)))
        looked["S7"] += len(times)
        if most > limit:
            yield "more requests in 60 seconds than the limit", f"{member}/{resource}: {most} of {limit}"


@rule("S7b")
def _minute_pause(case: Case, looked: Counter[str]) -> Finding:
    for ours in _streams(case).values():
        for one in ours:
            if one["status"] != 429 or _scope(case, one) != "minute" or one["finished"] is None or _cut(case, one):
                continue
            looked["S7b"] += 1
            begin, end = one["finished"] + _SLACK, one["finished"] + case.evidence.minute - _TINY
            for other in ours:
                if begin < other["arrived"] < end:
                    waited = other["arrived"] - one["finished"]
                    yield "a request inside the pause after a 429", f"{other['n']} came {waited:.1f} s after {one['n']}"


@dataclass
class _Daily:
    """A pause under a daily limit, from the answer that began it. `since` is the last refusal, `row` counts them."""

    begun: float
    since: float
    row: int = 1
    stragglers: int = 0
    probed: float = 0.0

    @property
    def until(self) -> float:
        return self.since + min(_FIRST * 2.0 ** (self.row - 1), _MOST) - _TINY


@rule("S7c")
def _daily_probes(case: Case, looked: Counter[str]) -> Finding:
    """Only what was in flight when the limit was answered may still arrive; then nothing but one probe at a time, each when
    it is due. Whose process sends plays no part: the pause outlives it.
    """
    for (_, resource), ours in _streams(case).items():
        places = max(1, min(10, case.evidence.limits.get(resource, 500) // 50))
        pause: _Daily | None = None
        for one in ours:
            refused = one["status"] == 429 and _scope(case, one) in {"day", "application"}
            arrived, finished = float(one["arrived"]), float(one["finished"] or one["arrived"])
            if pause is None:
                pause = _Daily(finished, finished) if refused else None
                continue
            looked["S7c"] += 1
            if arrived <= pause.begun + _SLACK:
                pause.stragglers += arrived > pause.begun
                pause.since = max(pause.since, finished) if refused else pause.since
                if pause.stragglers >= places:
                    yield "more requests after a daily limit than were in flight", f"{one['n']}: {pause.stragglers}"
                continue
            if arrived < pause.until:
                gap = arrived - pause.since
                yield "a probe too early under a daily limit", f"{one['n']}: {gap:.1f} s after refusal {pause.row}"
            elif arrived < pause.probed - _TINY:
                yield "two probes at once under a daily limit", f"{one['n']}"
            pause.probed = finished
            if refused:
                pause.row, pause.since = pause.row + 1, finished
            elif one["status"] == 200:
                pause = None


@rule("S7c")
def _every_member_waits(case: Case, looked: Counter[str]) -> Finding:
    """An application's daily limit stops all of its members."""
    streams = _streams(case)
    for (member, resource), ours in streams.items():
        for one in ours:
            if one["status"] != 429 or _scope(case, one) != "application":
                continue
            begin, end = one["finished"] + _FOLLOW, one["finished"] + _FIRST - _TINY
            for (other, which), theirs in streams.items():
                if other == member or which != resource or theirs[0]["application"] != one["application"]:
                    continue
                looked["S7c"] += 1
                for each in theirs:
                    if begin < each["arrived"] < end:
                        yield "a request while the application is at its daily limit", f"{each['n']} of {other}"


def _streams(case: Case) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in sorted(case.evidence.requests, key=lambda each: float(each["arrived"])):
        if one["resource"] in {"users", "companies"}:
            found[one["member"], one["resource"]].append(one)
    return found


def _cut(case: Case, one: Mapping[str, Any]) -> bool:
    """Whether the answer was cut on its way: who sent the request says that at this moment the connection broke, and of no
    other answer. A refusal that nobody read begins no pause.
    """
    log = case.evidence.logs.get(f"daemon-{str(one['agent']).rpartition('.')[2]}.log", "")
    statuses = set()
    for text in log.splitlines():
        if '"request_ended"' not in text:
            continue
        try:
            line = json.loads(text)
        except ValueError:  # of a process that died in the midst of it
            continue
        ended = datetime.fromisoformat(line["timestamp"]).timestamp()
        during = ended - line["seconds"] - _TINY <= one["wall"] <= ended + _TINY
        if during and (line["member"], line["resource"]) == (one["member"], one["resource"]):
            statuses.add(line["status"])
    return statuses == {0}


def _scope(case: Case, one: Mapping[str, Any]) -> str:
    """Scripted 429s say what they are by the name of their fault."""
    named = {case.evidence.faults.get(number, "") for number in one.get("faults", ())}
    for scope in ("day", "application"):
        if f"429 {scope}" in named:
            return scope
    return "minute" if not named or "429 minute" in named else "unknown"
