"""Rows become elements one by one, however many there are and whichever of them are usual."""

from __future__ import annotations

import json
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.batch import Element, Flag
from syncd.domain.change import Changes, Kind, Reason, rank
from syncd.domain.collapse import Death, Rows
from syncd.domain.company import prepare_company
from syncd.domain.identity import Invalid
from syncd.domain.user import prepare_user
from syncd.pipeline.intake import prepared

EPOCH = 3
Row: TypeAlias = tuple[int, bool | None, str | None, str, int]

_payloads = st.sampled_from(
    [
        json.dumps(one)
        for one in (
            {"email": "ann@example.com", "first_name": "Ann"},
            {"email": "bob@example.com", "google_aid": "38400000-8cf0-11bd-b23e-10b96e40000d"},
            {"email": "no address"},
            {"first_name": "Ann", "last_name": "Lee"},
            {"website_domain": "acme.example", "name": "Acme"},
            {"organization_urn": "no urn"},
            {},
        )
    ]
    + ["no JSON"]
)
_subjects = st.sampled_from([None, None, None, "", "s", "s" * 512, "s" * 513])
_rows = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([True, True, False, None]), _subjects, _payloads, st.integers(0, 9)),
    max_size=12,
)


@given(_rows, st.sampled_from(Kind), st.booleans())
def test_many_rows_are_what_each_is_by_the_rules(given_rows: list[Row], kind: Kind, names: bool) -> None:
    rows: list[Row] = []
    for step, add, subject, payload, created in given_rows:
        rows.append(((rows[-1][0] if rows else 0) + step, add, subject, payload, created))
    elements, subjects, deaths = [], {}, []
    for one in rows:
        found = _by_the_rules(one, kind, names=names)
        if isinstance(found, Death):
            deaths.append((found.row, found.reason))
            continue
        elements.append(found)
        if one[2] is not None:
            subjects[one[0]] = one[2]
    told, dead = prepared(Changes.of(rows), kind, epoch=EPOCH, allow_names_only=names)
    assert (list(told.elements), told.subjects) == (elements, subjects)
    assert [(death.row, death.reason) for death in dead] == deaths


def _by_the_rules(one: Row, kind: Kind, *, names: bool) -> Element | Death:
    row, add, subject, payload, created = one
    if add is None:
        return Death(row, Reason.UNKNOWN_ACTION, "")
    if subject is not None and not 1 <= len(subject) <= 512:
        return Death(row, Reason.BAD_SUBJECT, "")
    found = prepare_user(payload, allow_names_only=names) if kind is Kind.USER else prepare_company(payload)
    flags = int(Flag.NONE if subject is not None else Flag.ANONYMOUS)
    if not isinstance(found, Invalid):
        return Element(add, found.ids, found.fields, rank(EPOCH, row), row, flags, created)
    if subject is not None and not add:
        return Element(add, (), b"", rank(EPOCH, row), row, flags, created)
    return Death(row, found.reason, "")


def test_rows_that_are_left_out_take_what_the_crm_calls_them_along() -> None:
    rows = Changes.of([(row, True, f"s{row}", '{"email": "ann@example.com"}', 0) for row in (1, 2)])
    found, _ = prepared(rows, Kind.USER, epoch=EPOCH, allow_names_only=False)
    left = found.without({1})
    assert left == Rows([found.elements[1]], {2: "s2"})
