"""An uploaded list passes the suppression too."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from syncd.domain.change import Kind
from syncd.errors import Rejected
from syncd.operations import optouts
from syncd.operations.listfiles import ListFile
from syncd.operations.listsuppression import without_suppressed
from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.privacy.test_erasure import ANN


def a_list(people: int) -> ListFile:
    lines = [hashlib.sha256(f"p{number}@example.com".encode()).hexdigest() + ",Ann" for number in range(people)]
    body = "\n".join(("email,firstname", *lines, "")).encode()
    return ListFile(kind=Kind.USER, rows=people, repeated=0, skipped={}, body=body)


async def test_people_on_the_opt_out_list_are_left_out_of_a_list(database: Database, settings: Settings) -> None:
    given = a_list(302)
    assert await without_suppressed(database, settings, given) is given
    await optouts.add(database, settings, ["p7@example.com"], by=ANN)
    taken = await without_suppressed(database, settings, given)
    assert (taken.rows, taken.skipped) == (301, {"suppressed": 1})
    assert len(taken.body.splitlines()) == 302
    assert hashlib.sha256(b"p7@example.com").hexdigest().encode() not in taken.body
    companies = replace(given, kind=Kind.COMPANY)
    assert await without_suppressed(database, settings, companies) is companies


async def test_a_list_that_becomes_too_short_is_refused(database: Database, settings: Settings) -> None:
    await optouts.add(database, settings, ["p7@example.com"], by=ANN)
    with pytest.raises(Rejected, match="a list needs 300"):
        await without_suppressed(database, settings, a_list(300))
