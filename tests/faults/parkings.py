"""Judges how parkings are told (S12): once in the log, and by a metric that is 1 while they last and gone afterwards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from tests.faults.case import Case, Finding, rule
from tests.faults.evidence import parkings

Parking = tuple[str, str, str]
"""`segment` or `member`, its key, the reason."""
_SERIES = re.compile(r"^syncd_(segment|member)_parked\{(.*)\} 1\.0$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_LEASE = {"lease_taken", "lease_ended"}


@rule("S12")
def _said_once(case: Case, looked: Counter[str]) -> Finding:
    """However often it is tried again: one line for each parking. A new owner says what the one before said."""
    for name, log in case.evidence.logs.items():
        known: dict[tuple[str, str], str] = {}
        for event, line in _events(log):
            if event in _LEASE:
                known.clear()
                continue
            what, _, how = event.partition("_")
            key, reason = line[what], line["reason"]
            if how == "resumed":
                known.pop((what, key), None)
                continue
            looked["S12 parkings"] += 1
            if known.get((what, key)) == reason:
                yield "a parking that is said again", f"{what} {key}, {reason}, in {name}"
            if len(line.get("words", "")) < 4:
                yield "a parking without a word why", f"{what} {key}, {reason}, in {name}"
            known[what, key] = reason


def _events(log: str) -> Iterator[tuple[str, dict[str, str]]]:
    for text in log.splitlines():
        if "_parked" not in text and "_resumed" not in text and "lease_" not in text:
            continue
        try:
            line = json.loads(text)
        except ValueError:  # of a process that died in the midst of it
            continue
        event = str(line.get("event", ""))
        if event in {*_LEASE, "segment_parked", "segment_resumed", "member_parked", "member_resumed"}:
            yield event, line


@rule("S12")
def _measured_while_it_lasts(case: Case, looked: Counter[str]) -> Finding:
    """What was parked before and after the metrics were read is told by the replica that holds the member."""
    for what, key, reason in case.evidence.parked:
        member = key if what == "member" else case.evidence.members_of.get(key, "")
        held = f'syncd_lease_held{{member="{member}"}} 1.0'
        owners = [told(text) for text in case.evidence.surfaces.values() if held in text]
        looked["S12 metrics"] += bool(owners)
        if owners and not any((what, key, reason) in one for one in owners):
            yield "a parking that no metric tells", f"{what} {key}, {reason}"


@rule("S12", healed=True)
def _cleared(case: Case, looked: Counter[str]) -> Finding:
    """What goes on is told to be parked no more."""
    parked = parkings(case.evidence.tables)
    for name, text in case.evidence.surfaces.items():
        looked["S12 metrics"] += "syncd_lease_held" in text
        for what, key, reason in told(text) - parked:
            yield "a metric of a parking that is over", f"{what} {key}, {reason}, in {name}"


def told(text: str) -> set[Parking]:
    """What a replica's metrics say is parked."""
    found = set()
    for what, labels in _SERIES.findall(text):
        named = dict(_LABEL.findall(labels))
        found.add((what, named[what], named["reason"]))
    return found
