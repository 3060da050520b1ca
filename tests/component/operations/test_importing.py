"""Files become outbox rows: whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.change import Action
from syncd.errors import Rejected
from syncd.operations import importing
from syncd.operations.importing import Order, Survey
from syncd.settings import Settings
from syncd.store import outbox
from syncd.store.engine import Database

PEOPLE = "E-Mail,First Name,shoe size,id\nann@example.com,Ann,38,1\nbob@example.com,,44,2\n"


async def run(
    database: Database, settings: Settings, file: Path, segment: str = "trial", **options: Any
) -> tuple[Survey, int]:
    """Both passes, whatever the first one finds."""
    order = Order(path=file, segment=segment, **options)
    with file.open("rb") as opened:
        importer = await importing.importer(database, settings, order, opened)
        survey = importer.survey(lambda _done: None)
        return survey, await importer.write(database, survey, lambda _done: None)


async def taken(database: Database, segment: str = "trial") -> list[tuple[str, str | None, Any]]:
    async with database.begin() as connection:
        changes = await outbox.take(connection, segment, 5_000)
    payloads = map(json.loads, changes.payloads)
    actions = ["ADD" if add else "REMOVE" for add in changes.adds]
    return list(zip(actions, changes.subjects, payloads, strict=True))


def written(tmp_path: Path, content: str | bytes, name: str = "people.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


async def test_columns_are_known_by_many_names(database: Database, settings: Settings, tmp_path: Path) -> None:
    survey, count = await run(database, settings, written(tmp_path, "\ufeff" + PEOPLE), subject_column="ID")
    assert (count, survey.rejected, survey.ignored_columns) == (2, 0, ("shoe size",))
    assert await taken(database) == [
        ("ADD", "1", {"email": "ann@example.com", "first_name": "Ann"}),
        ("ADD", "2", {"email": "bob@example.com"}),
    ]


async def test_companies_have_columns_of_their_own(database: Database, settings: Settings, tmp_path: Path) -> None:
    file = written(tmp_path, 'companyname,companywebsite,Land\n"Acme, Inc.\nBerlin",acme.example,DE\n')
    await run(database, settings, file, "firms", mapping={"land": "country"})
    company = {"name": "Acme, Inc.\nBerlin", "website_domain": "acme.example", "country": "DE"}
    assert await taken(database, "firms") == [("ADD", None, company)]


async def test_a_remove_may_name_subjects_only(database: Database, settings: Settings, tmp_path: Path) -> None:
    file = written(tmp_path, "id\n7\n8\n")
    await run(database, settings, file, action=Action.REMOVE, subject_column="id")
    assert await taken(database) == [("REMOVE", "7", {}), ("REMOVE", "8", {})]


async def test_lines_of_json_are_payloads(database: Database, settings: Settings, tmp_path: Path) -> None:
    file = written(tmp_path, '{"mail":"a@example.com","id":5}\n\n{"mail":"b@example.com","id":6}', "people.ndjson")
    await run(database, settings, file, subject_column="id", mapping={"mail": "email"})
    assert await taken(database) == [
        ("ADD", "5", {"email": "a@example.com"}),
        ("ADD", "6", {"email": "b@example.com"}),
    ]


async def test_lines_that_cannot_be_sent_are_named_and_can_be_skipped(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    file = written(
        tmp_path, "email,id\nnobody@nowhere,1\nann@example.com,2\n\n,3\nbob@example.com,\nc\0@example.com,5\n"
    )
    survey, count = await run(database, settings, file, subject_column="id")
    assert (survey.rows, count) == (1, 1)
    assert [(reject.line, reject.reason) for reject in survey.rejects] == [
        (2, "invalid_email"),
        (5, "no_identifier"),
        (6, "bad_payload"),
        (7, "bad_payload"),
    ]
    assert not any("nowhere" in reject.detail for reject in survey.rejects)
    assert [subject for _, subject, _ in await taken(database)] == ["2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("ann@example.com,Ann\nbob@example.com,Bob\n", "has no header"),
        ("shoe size,hat\n38,56\n", "names no column that says who is meant"),
        ("email;first name\na@example.com;Ann\n", "separated by ';'.*--delimiter"),
        ("email\tfirst name\n", "separated by a tab"),
        ("email,E-Mail\na@example.com,b@example.com\n", "two columns hold email"),
        ("email,name\na@example.com\n", "line 2 has 1 columns where the header has 2"),
        ("email\na@example.com\nb@example.com,x\n", "line 3 has 2 columns where the header has 1"),
        ('email\n"a@example.com\nb@example.com\n', "line 2 is not CSV"),
        (b"email\na\xff@example.com\n", "not in UTF-8"),
        ("email\na@example.com\n".encode("utf-16"), "is in UTF-16"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_in_one_sentence_without_a_value(
    database: Database, settings: Settings, tmp_path: Path, content: str | bytes, words: str
) -> None:
    with pytest.raises(Rejected, match=words) as refused:
        await run(database, settings, written(tmp_path, content))
    assert "example.com" not in str(refused.value)
    assert await taken(database) == []


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        (("p.xlsx", "x"), {}, "must end in .csv, .ndjson or .jsonl"),
        (("p.ndjson", '{"email":"a@example.com"}\n[2]\n'), {}, "line 2 is not a JSON object"),
        (("p.csv", PEOPLE), {"mapping": {"Mail": "email"}}, "has no column for some of --map"),
        (("p.csv", PEOPLE), {"mapping": {"id": "shoe"}}, "a user has no shoe; it has email"),
        (("p.csv", PEOPLE), {"subject_column": "number"}, "has no column"),
    ],
)
async def test_a_file_that_is_not_what_was_said_is_refused(
    database: Database, settings: Settings, tmp_path: Path, file: tuple[str, str], options: Any, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await run(database, settings, written(tmp_path, file[1], file[0]), **options)


async def test_a_long_file_arrives_whole_and_in_order(database: Database, settings: Settings, tmp_path: Path) -> None:
    lines = "".join(f"p{number}@example.com\n" for number in range(12_000))
    _, count = await run(database, settings, written(tmp_path, "email\n" + lines))
    assert count == 12_000
    first = await taken(database)
    assert [payload["email"] for _, _, payload in first[:3]] == [f"p{number}@example.com" for number in range(3)]


async def test_a_file_that_breaks_off_in_the_second_pass_leaves_nothing_behind(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    file = written(tmp_path, "email\n" + "".join(f"p{number}@example.com\n" for number in range(6_000)))
    with file.open("rb") as opened:
        importer = await importing.importer(database, settings, Order(path=file, segment="trial"), opened)
        survey = importer.survey(lambda _done: None)
        file.write_text("email\n" + "".join(f"p{number}@example.com\n" for number in range(5_500)))
        with pytest.raises(Rejected, match="changed while it was read"):
            await importer.write(database, survey, lambda _done: None)
    assert await taken(database) == []
