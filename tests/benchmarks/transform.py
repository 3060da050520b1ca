"""B3: the daemon's own work on a person, on one core and with no database or network: payload to wire."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Sequence
from pathlib import Path

from syncd.domain.batch import pack, shape
from syncd.domain.change import Changes, Kind
from syncd.domain.collapse import Known, collapse
from syncd.linkedin import wire
from syncd.pipeline.intake import prepared
from syncd.service import collect_rarely
from tests.benchmarks.figures import Figure, Size

_BATCH = 5_000


async def transform(_directory: Path, size: Size) -> list[Figure]:
    """Parse, normalise, hash, collapse, pack for the database, serialise; garbage is collected as the daemon does it."""
    texts = [json.dumps(_person(number)) for number in range(size.people)]
    often = gc.get_threshold()
    collect_rarely()
    try:
        begun = time.process_time()
        bodies = [_to_the_wire(start, texts[start : start + _BATCH]) for start in range(0, size.people, _BATCH)]
        seconds = time.process_time() - begun
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()
    sent = [element for body in bodies for element in json.loads(body)["elements"]]
    assert len(sent) == size.people
    assert all(len(element["userIds"][0]["idValue"]) == 64 and element["lastName"] == "Lee" for element in sent)
    return [
        Figure(
            measure="B3",
            what="users a second, payload to wire, one core",
            unit="/s",
            values=[size.people / seconds],
            target=200_000,
        )
    ]


def _to_the_wire(start: int, payloads: Sequence[str]) -> bytes:
    changes = Changes.of(
        (start + place, True, None, payload, 1_700_000_000_000) for place, payload in enumerate(payloads, start=1)
    )
    rows, deaths = prepared(changes, Kind.USER, epoch=1, allow_names_only=False)
    (draft,) = collapse(rows, deaths, Known(0)).drafts
    pack(draft.elements)
    return wire.user_batch(draft.elements, shape(draft.elements))


def _person(number: int) -> dict[str, str]:
    return {
        "email": f"Person{number} @Example{number % 997}.com",
        "first_name": f"Ann{number % 100}",
        "last_name": "Lee",
        "title": "Engineer",
        "company": f"Acme {number % 5000}",
        "country": "US",
    }
