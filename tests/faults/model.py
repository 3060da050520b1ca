"""What must be at LinkedIn, from the history alone: rows in the order of their ids, folded into members and events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.history import Row
from tests.faults.normaliser import Named, named


@dataclass(frozen=True)
class Event:
    """A row wants a key to join or to leave."""

    row: Row
    key: str
    action: str


@dataclass
class Fold:
    """One segment. `events` by key in the order of the rows; `of_row` what a row asks of LinkedIn; `invalid` rows that
    must become dead letters.
    """

    kind: str
    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    of_row: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    identity_of: dict[int, str] = field(default_factory=dict)
    invalid: set[int] = field(default_factory=set)
    keys: dict[str, dict[str, None]] = field(default_factory=dict)
    former: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    anonymous: set[str] = field(default_factory=set)
    holders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    subjects: dict[str, str | None] = field(default_factory=dict)

    @property
    def members(self) -> set[str]:
        return {key for identity, keys in self.keys.items() if self.is_in(identity) for key in keys}

    def is_in(self, identity: str) -> bool:
        return identity in self.anonymous or bool(self.holders.get(identity))

    def read(self, row: Row) -> None:
        who = named(self.kind, row.payload)
        if row.action not in {"ADD", "REMOVE"} or (row.subject is not None and not 0 < len(row.subject) <= 512):
            self.invalid.add(row.id)
        elif row.subject is None:
            self._anonymous(row, who)
        else:
            self._subject(row, who, row.subject)

    def _anonymous(self, row: Row, who: Named | None) -> None:
        if who is None:
            self.invalid.add(row.id)
            return
        self.identity_of[row.id] = who.identity
        if row.action == "ADD":
            self.anonymous.add(who.identity)
            self._join(row, who)
            return
        self.anonymous.discard(who.identity)
        for subject in self.holders.pop(who.identity, set()):
            self.subjects[subject] = None
        self._leave(row, who.identity, who.keys)

    def _subject(self, row: Row, who: Named | None, subject: str) -> None:
        if who is None and row.action == "ADD":
            self.invalid.add(row.id)
            return
        held = self.subjects.get(subject)
        if row.action == "REMOVE":
            leaving = held or (who.identity if who and subject not in self.subjects else None)
            self.subjects[subject] = None
            if leaving is not None:
                self._let_go(row, leaving, subject, who)
            return
        assert who is not None
        self.identity_of[row.id] = who.identity
        if held is not None and held != who.identity:
            self._let_go(row, held, subject, None)
        self.holders[who.identity].add(subject)
        self.subjects[subject] = who.identity
        self._join(row, who)

    def _let_go(self, row: Row, identity: str, subject: str, who: Named | None) -> None:
        self.holders[identity].discard(subject)
        if not self.is_in(identity):
            self._leave(row, identity, who.keys if who and who.identity == identity else ())

    def _join(self, row: Row, who: Named) -> None:
        known = self.keys.setdefault(who.identity, {})
        if self.kind == "company":
            self._drop_former(row, who.identity)
            known.clear()
            self.former[who.identity].update(dict.fromkeys(who.keys))
        known.update(dict.fromkeys(who.keys))
        for key in known:
            self._event(row, key, "ADD")

    def _leave(self, row: Row, identity: str, own: Iterable[str]) -> None:
        known = self.keys.pop(identity, {})
        if self.kind == "company":
            self._drop_former(row, identity)
        for key in known or own:
            self._event(row, key, "REMOVE")
        for key in own:
            if known and key not in known:
                self._event(row, key, "REMOVE")

    def _drop_former(self, row: Row, identity: str) -> None:
        """Which of a company's metadata LinkedIn holds depends on what was sent: any of them may have to leave."""
        for key in self.former[identity]:
            self._event(row, key, "REMOVE")

    def _event(self, row: Row, key: str, action: str) -> None:
        event = Event(row, key, action)
        self.events[key].append(event)
        self.of_row[row.id].append(event)

    def take_out(self, dead: set[int]) -> None:
        """What an attempt of a row that is dead now may have left at LinkedIn has to leave again."""
        for key, events in self.events.items():
            self.events[key] = [
                each
                for event in events
                for each in (event, *([Event(event.row, key, "REMOVE")] if event.row.id in dead else []))
            ]


def fold(rows: Iterable[Row], kind: str) -> Fold:
    """The rows of one segment that are committed, in the order of their ids."""
    made = Fold(kind)
    for row in sorted(rows, key=lambda one: one.id):
        made.read(row)
    return made
