"""The example CRM: contacts and companies in tables of its own, and beside every change the outbox rows that tell of it,
in the same transaction. It knows of syncd nothing but the table `outbox`, as any CRM would.

Its data is made up from a seed, so that a run can be repeated. Some e-mails are wrong, as in any CRM, and some people
share one.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NEWSLETTER: Final = "newsletter"
CUSTOMERS: Final = "customers"
ACCOUNTS: Final = "target-accounts"

_FIRST: Final = ("Ada", "Bo", "Chloé", "Dina", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Léa", "Max", "Noor")
_LAST: Final = ("Abel", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haas", "Ito", "Jensen", "Kaya")
_TITLES: Final = ("Engineer", "Head of Marketing", "CFO", "Buyer", "Founder")
_COUNTRIES: Final = ("US", "DE", "FR", "GB", "ES", "JP", "BR", "IN")
_INDUSTRIES: Final = ("Software", "Retail", "Energy", "Banking", "Media")
_WRONG: Final = ("no-at-sign.example.com", "two@@example.com", "nobody@nowhere", "@example.com", "")

_TABLES: Final = """
create table if not exists contacts (
  id integer primary key, email text not null, first_name text, last_name text, title text, country text,
  subscribed integer not null, customer integer not null
);
create table if not exists companies (
  id integer primary key, name text not null, website_domain text, industry text, country text, target integer not null
);
"""
_OUT: Final = "insert into outbox (segment_key, action, subject_id, payload) values (?, ?, ?, ?)"

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    id: int
    email: str
    first_name: str
    last_name: str
    title: str
    country: str
    subscribed: bool
    customer: bool

    @property
    def payload(self) -> str:
        person = {
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "title": self.title,
            "country": self.country,
        }
        return json.dumps(person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    id: int
    name: str
    website_domain: str | None
    industry: str
    country: str
    target: bool

    @property
    def payload(self) -> str:
        company = {"name": self.name, "industry": self.industry, "country": self.country}
        return json.dumps(company | ({"website_domain": self.website_domain} if self.website_domain else {}))


class Closed(Exception):
    """The CRM was closed while it worked: what it had not committed is not there."""


class Crm:
    """One connection, which works in a thread and may be closed from another. `rows` counts what was committed to the
    outbox.
    """

    def __init__(self, file: Path, seed: int = 1) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - made-up people
        self._connection = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.executescript(_TABLES)
        self._lock = threading.Lock()
        self._closed = False
        self._contacts = 0
        self._companies = 0
        self.rows = 0

    def close(self) -> None:
        """Waits for the transaction that runs; none begins any more."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def fill(self, contacts: int, companies: int) -> None:
        """More contacts and companies, some hundred in a transaction."""
        for start in range(0, contacts, 2_000):
            self.new_contacts(min(2_000, contacts - start))
        for start in range(0, companies, 500):
            self.new_companies(min(500, companies - start))

    def new_contacts(self, number: int) -> None:
        people = [self._person(self._contacts + offset + 1) for offset in range(number)]
        self._contacts += number
        rows = [
            (segment, "ADD", f"contact-{one.id}", one.payload)
            for one in people
            for segment, member in ((NEWSLETTER, one.subscribed), (CUSTOMERS, one.customer))
            if member
        ]
        values = [
            (p.id, p.email, p.first_name, p.last_name, p.title, p.country, p.subscribed, p.customer) for p in people
        ]
        self._commit([("insert into contacts values (?, ?, ?, ?, ?, ?, ?, ?)", values)], rows)

    def new_companies(self, number: int) -> None:
        firms = [self._firm(self._companies + offset + 1) for offset in range(number)]
        self._companies += number
        values = [(f.id, f.name, f.website_domain, f.industry, f.country, f.target) for f in firms]
        rows = [(ACCOUNTS, "ADD", f"company-{one.id}", one.payload) for one in firms if one.target]
        self._commit([("insert into companies values (?, ?, ?, ?, ?, ?)", values)], rows)

    def change(self, number: int) -> None:
        """A bit of a working day: people come, change address, unsubscribe and come back; companies are renamed."""
        self.new_contacts(max(1, number // 4))
        self._move(self._some("contacts", number // 2))
        self._subscribe(self._some("contacts", number // 4))
        self._rename(self._some("companies", max(1, number // 10)))

    def _move(self, ids: Iterable[int]) -> None:
        """New e-mail addresses, good ones: the old identity leaves with the row that brings the new one."""
        values, rows = [], []
        for contact in self._people(ids):
            email = f"{contact.first_name}.{contact.last_name}.{contact.id}@{self._dice.randrange(10**6)}.example.org"
            moved = Contact(**(_as_dict(contact) | {"email": email}))
            values.append((email, contact.id))
            rows += _told(moved)
        self._commit([("update contacts set email = ? where id = ?", values)], rows)

    def _subscribe(self, ids: Iterable[int]) -> None:
        """Who was subscribed is not any more, and the other way round."""
        values, rows = [], []
        for contact in self._people(ids):
            values.append((not contact.subscribed, contact.id))
            action, payload = ("REMOVE", "{}") if contact.subscribed else ("ADD", contact.payload)
            rows.append((NEWSLETTER, action, f"contact-{contact.id}", payload))
        self._commit([("update contacts set subscribed = ? where id = ?", values)], rows)

    def _rename(self, ids: Iterable[int]) -> None:
        values, rows = [], []
        for company in self.companies(ids):
            name = f"{company.name.partition(' (')[0]} ({self._dice.randrange(10**4)})"
            renamed = Company(**(_as_dict(company) | {"name": name}))
            values.append((name, company.id))
            rows += [(ACCOUNTS, "ADD", f"company-{company.id}", renamed.payload)] if company.target else []
        self._commit([("update companies set name = ? where id = ?", values)], rows)

    def contacts(self) -> list[Contact]:
        return [_contact(row) for row in self._read("select * from contacts")]

    def companies(self, ids: Iterable[int] | None = None) -> list[Company]:
        if ids is None:
            return [_company(row) for row in self._read("select * from companies")]
        chosen = "select * from companies where id in (select value from json_each(?))"
        return [_company(row) for row in self._read(chosen, json.dumps(list(ids)))]

    def _people(self, ids: Iterable[int]) -> list[Contact]:
        chosen = "select * from contacts where id in (select value from json_each(?))"
        return [_contact(row) for row in self._read(chosen, json.dumps(list(ids)))]

    def _read(self, statement: str, *given: str) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(statement, given).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise Closed
            yield self._connection

    def _commit(self, changes: Sequence[tuple[str, Sequence[Sequence[Any]]]], rows: Sequence[Row]) -> None:
        """The CRM's own change and the outbox rows that tell of it: both or none."""
        with self._open() as connection:
            connection.execute("begin immediate")
            try:
                for statement, values in changes:
                    connection.executemany(statement, values)
                connection.executemany(_OUT, rows)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
            self.rows += len(rows)

    def _some(self, table: str, number: int) -> list[int]:
        most = self._contacts if table == "contacts" else self._companies
        return self._dice.sample(range(1, most + 1), min(number, most))

    def _person(self, number: int) -> Contact:
        dice = self._dice
        first, last = dice.choice(_FIRST), dice.choice(_LAST)
        return Contact(
            id=number,
            email=self._email(number, first, last),
            first_name=first,
            last_name=last,
            title=dice.choice(_TITLES),
            country=dice.choice(_COUNTRIES),
            subscribed=dice.random() < 0.7,
            customer=dice.random() < 0.35,
        )

    def _email(self, number: int, first: str, last: str) -> str:
        kind = self._dice.random()
        if kind < 0.01:
            return self._dice.choice(_WRONG)
        if kind < 0.02:
            return f"office{number // 100}@shared.example.com"
        if kind < 0.1:
            return f" {first}.{last}+{number}@Example.COM "
        return f"{first}.{last}.{number}@example.com".lower()

    def _firm(self, number: int) -> Company:
        dice = self._dice
        return Company(
            id=number,
            name=f"{dice.choice(_LAST)} & {dice.choice(_LAST)} {number}",
            website_domain=f"firm{number}.example.net" if dice.random() < 0.8 else None,
            industry=dice.choice(_INDUSTRIES),
            country=dice.choice(_COUNTRIES),
            target=dice.random() < 0.9,
        )


def _told(contact: Contact) -> list[Row]:
    """What the outbox hears of a contact that changed: an ADD for every segment it is in."""
    segments = ((NEWSLETTER, contact.subscribed), (CUSTOMERS, contact.customer))
    return [(segment, "ADD", f"contact-{contact.id}", contact.payload) for segment, member in segments if member]


def _contact(row: tuple[Any, ...]) -> Contact:
    number, email, first, last, title, country, subscribed, customer = row
    return Contact(
        id=number,
        email=email,
        first_name=first,
        last_name=last,
        title=title,
        country=country,
        subscribed=bool(subscribed),
        customer=bool(customer),
    )


def _company(row: tuple[Any, ...]) -> Company:
    number, name, domain, industry, country, target = row
    return Company(id=number, name=name, website_domain=domain, industry=industry, country=country, target=bool(target))


def _as_dict(of: Contact | Company) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__dataclass_fields__}
