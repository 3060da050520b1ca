"""A CSV list as LinkedIn reads it: the two templates, the bounds, and what becomes of its rows (linkedin-api.md §5).

A list is judged after it was taken: a wrong one makes its segment FAILED, it is not refused. So reading never raises;
it says what is wrong.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

import msgspec

from .elements import Company, User, UserId, company_keys, user_keys
from .matching import Kind

FEWEST_ROWS, MOST_ROWS = 300, 300_000
MOST_BYTES = 20 * 1024 * 1024

CONTACT_COLUMNS = ("email", "firstname", "lastname", "jobtitle", "employeecompany", "country", "googleaid")
ACCOUNT_FIELDS = {
    "companyname": "companyName",
    "companywebsite": "companyWebsiteDomain",
    "companyemaildomain": "companyEmailDomain",
    "linkedincompanypageurl": "companyPageUrl",
    "stocksymbol": "stockSymbol",
    "industry": "industry",
    "city": "city",
    "state": "state",
    "companycountry": "country",
    "zipcode": "postalCode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadList:
    """What stands in a list; `flaw` says why it fails, None when it does not."""

    kind: Kind | None = None
    rows: int = 0
    keys: frozenset[bytes] = frozenset()
    skipped: int = 0
    plain_emails: int = 0
    flaw: str | None = None


def read_list(body: bytes) -> ReadList:
    try:
        lines = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip().lower() for name in next(lines, [])]
        rows = [row for row in lines if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        return ReadList(flaw="the list is not UTF-8")
    except csv.Error as wrong:
        return ReadList(flaw=f"the list is not CSV: {wrong}")
    kind = _kind_of(header)
    if kind is None:
        return ReadList(rows=len(rows), flaw=f"the header fits neither template: {','.join(header)}")
    if not FEWEST_ROWS <= len(rows) <= MOST_ROWS:
        return ReadList(
            kind=kind, rows=len(rows), flaw=f"a list has {FEWEST_ROWS} to {MOST_ROWS} rows, not {len(rows)}"
        )
    return _take(kind, header, rows)


def _kind_of(header: list[str]) -> Kind | None:
    if len(set(header)) != len(header):
        return None
    if set(header) <= set(CONTACT_COLUMNS) and {"email", "googleaid", "lastname"} & set(header):
        return "USER"
    if set(header) <= ACCOUNT_FIELDS.keys() and header:
        return "COMPANY"
    return None


def _take(kind: Kind, header: list[str], rows: list[list[str]]) -> ReadList:
    keys: set[bytes] = set()
    skipped = plain = 0
    for row in _cells(header, rows):
        try:
            keys.update(_contact_keys(row) if kind == "USER" else _account_keys(row))
        except ValueError:
            skipped += 1
            plain += "@" in row.get("email", "")
    flaw = None if keys else "no row of the list can be used"
    return ReadList(kind=kind, rows=len(rows), keys=frozenset(keys), skipped=skipped, plain_emails=plain, flaw=flaw)


def _cells(header: list[str], rows: list[list[str]]) -> Iterator[dict[str, str]]:
    for row in rows:
        cells = zip(header, row, strict=False)
        yield {name: text for name, cell in cells if (text := cell.strip())}


def _contact_keys(row: dict[str, str]) -> tuple[bytes, ...]:
    """SHA-256 only (reference 002): a plain address or a SHA-512 is not taken."""
    ids = [UserId("SHA256_EMAIL", row["email"])] if "email" in row else []
    ids += [UserId("GOOGLE_AID", row["googleaid"])] if "googleaid" in row else []
    return user_keys(User("ADD", ids, row.get("firstname"), row.get("lastname"), country=row.get("country")))


def _account_keys(row: dict[str, str]) -> tuple[bytes, ...]:
    fields = {ACCOUNT_FIELDS[name]: text for name, text in row.items()}
    return company_keys(msgspec.convert({"action": "ADD", **fields}, Company))
