"""People whom an identity provider vouches for: what they may is what it says at their last sign-in.

A removed one stays out whatever it says, and the last admin of everything is never made less by a claim.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import DAEMON, Role
from syncd.errors import Denied
from syncd.operations import audit, people
from syncd.operations.access import accounts_of, stored_accounts
from syncd.operations.audit import Deed
from syncd.operations.oidc import Known
from syncd.store import people as rows
from syncd.store.engine import Database


async def signed_in(database: Database, known: Known) -> int:
    """The person whom an identity provider vouches for: found by their subject, made at their first sign-in. What they may
    is what the provider says today; with anything else than before their other sessions end, and so they do when it lets
    them do nothing any more. Raises Denied.
    """

    async def work(connection: AsyncConnection) -> int | Denied:
        row = await rows.person_of_subject(connection, known.subject)
        if row is None:
            return known.why_not() or await _made(connection, known)
        if row.removed_at is not None:
            return Denied("you were removed here: an admin has to let you in again")
        loses_all = row.role == Role.ADMIN and row.accounts is None and not known.is_admin_of_all
        is_last = loses_all and not await rows.admins(connection, besides=row.id)
        if (denied := known.why_not()) or is_last:
            if after := await people.shut_out(connection, row.id):
                await audit.record(connection, DAEMON, Deed(action="person.shut-out", target=row.name, after=after))
            return denied or Denied("you are the last admin here, and no admin any more: let another one sign in first")
        return await _as_known(connection, row, known)

    found = await database.transact(work)
    if isinstance(found, Denied):
        raise found
    return found


async def _as_known(connection: AsyncConnection, row: Any, known: Known) -> int:
    """May what the provider says today."""
    assert known.role is not None
    if (row.role, accounts_of(row.accounts)) != (known.role, known.accounts):
        values = {"role": known.role.value, "accounts": stored_accounts(known.accounts)}
        await rows.change_person(connection, row.id, **values)
        made = people.report(await rows.person(connection, row.name))
        after = people.shown(made) | await people.shut_out(connection, row.id, made)
        deed = Deed(action="person.change", target=row.name, before=people.shown(people.report(row)), after=after)
        await audit.record(connection, DAEMON, deed)
    return int(row.id)


async def _made(connection: AsyncConnection, known: Known) -> int:
    """Under the name the provider gives, unless somebody has it: nobody takes over an account by its name."""
    assert known.role is not None
    name = known.name.strip().lower()
    if not people.NAME.fullmatch(name) or await rows.person(connection, name) is not None:
        name = f"oidc-{sha256(known.subject.encode()).hexdigest()[:12]}"
    number = await rows.add_person(
        connection,
        name=name,
        role=known.role,
        accounts=stored_accounts(known.accounts),
        password=None,
        made_by="identity provider",
        subject=known.subject,
    )
    made = people.report(await rows.person(connection, name))
    await audit.record(connection, DAEMON, Deed(action="person.add", target=name, after=people.shown(made)))
    return number
