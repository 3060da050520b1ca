"""Leases under any schedule: replicas that take, renew, freeze, forget and give back; time passes by moving every time
of the tables into the past. A model says who may own what; the tables must agree at every step.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.errors import LeaseLost
from syncd.store import leases
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.tables import leases as rows
from syncd.store.tables import replicas

T = TypeVar("T")
TTL = 15.0
TIMEOUT = 30.0
MEMBERS = ("ads", "bids")
REPLICAS = ("r1", "r2")
_replicas = st.sampled_from(REPLICAS)
_members = st.sampled_from(MEMBERS)


@dataclass(slots=True)
class Belief:
    """What a replica believes: its grant, and until when by its own clock it may send."""

    grant: Grant
    trusted_until: float


@dataclass(slots=True)
class Row:
    """What the database must hold."""

    owner: str | None = None
    token: int = 0
    free_at: float = 0.0
    clean: bool = True


class Leases(RuleBasedStateMachine):
    def __init__(self, loop: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.loop = loop
        self.database = database
        self.now = 0.0
        self.model = {member: Row() for member in MEMBERS}
        self.beliefs: dict[tuple[str, str], Belief] = {}
        self.highest = dict.fromkeys(MEMBERS, 0)

    def do(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return self.loop.run(self.database.transact(work))

    @initialize()
    def begin(self) -> None:
        async def empty(connection: AsyncConnection) -> None:
            await connection.execute(delete(rows))
            await connection.execute(delete(replicas))

        self.do(empty)
        for replica in REPLICAS:
            self.do(lambda connection, name=replica: leases.announce(connection, name, MEMBERS))  # type: ignore[misc]

    @rule(seconds=st.sampled_from([0.5, 5.0, 14.5, 15.5, 30.5, 44.5, 45.5]))
    def time_passes(self, seconds: float) -> None:
        async def move(connection: AsyncConnection) -> None:
            await connection.execute(update(rows).values(free_at=rows.c.free_at - seconds))
            await connection.execute(update(replicas).values(seen_at=replicas.c.seen_at - seconds))

        self.do(move)
        self.now += seconds

    @rule(replica=_replicas, member=_members)
    def takes(self, replica: str, member: str) -> None:
        row = self.model[member]
        grant = self.do(lambda connection: leases.take(connection, member, replica, TTL + TIMEOUT))
        assert (grant is not None) == (row.free_at <= self.now)
        if grant is None:
            return
        assert grant.token > self.highest[member], "a fencing token came again"
        assert grant.clean == row.clean
        for (other, whose), belief in self.beliefs.items():
            if whose == member and other != replica:
                assert belief.trusted_until <= self.now, "another replica still trusts its lease"
                assert row.clean or belief.trusted_until + TIMEOUT <= self.now, "its request may be under way"
        self.highest[member] = grant.token
        self.model[member] = Row(replica, grant.token, self.now + TTL + TIMEOUT, clean=False)
        self.beliefs[replica, member] = Belief(grant, self.now + TTL)

    @rule(replica=_replicas)
    def renews(self, replica: str) -> None:
        mine = {member: belief for (name, member), belief in self.beliefs.items() if name == replica}
        tokens = {member: belief.grant.token for member, belief in mine.items()}
        kept = self.do(lambda connection: leases.renew(connection, replica, tokens, TTL + TIMEOUT))
        for member, belief in mine.items():
            row = self.model[member]
            still = (row.owner, row.token) == (replica, belief.grant.token)
            assert (member in kept) == still
            if still:
                row.free_at = self.now + TTL + TIMEOUT
                belief.trusted_until = self.now + TTL
            else:
                del self.beliefs[replica, member]

    @rule(replica=_replicas, member=_members)
    def writes(self, replica: str, member: str) -> None:
        belief = self.beliefs.get((replica, member))
        if belief is None:
            return
        row = self.model[member]
        try:
            self.do(lambda connection: leases.fence(connection, belief.grant))
            fenced = False
        except LeaseLost:
            fenced = True
        assert fenced == ((row.owner, row.token) != (replica, belief.grant.token))

    @rule(replica=_replicas, member=_members, cut=st.booleans())
    def gives_back(self, replica: str, member: str, *, cut: bool) -> None:
        """`cut`: a request was cut short, so that one request timeout must pass."""
        belief = self.beliefs.pop((replica, member), None)
        if belief is None:
            return
        wait = TIMEOUT if cut else 0.0
        self.do(lambda connection: leases.give_back(connection, belief.grant, wait=wait))
        row = self.model[member]
        if (row.owner, row.token) == (replica, belief.grant.token):
            self.model[member] = Row(None, row.token, self.now + wait, clean=not cut)

    @rule(replica=_replicas)
    def dies(self, replica: str) -> None:
        """It trusts nothing any more; what it sent may be under way as long as it trusted."""
        for key in [key for key in self.beliefs if key[0] == replica]:
            del self.beliefs[key]

    @invariant()
    def the_tables_say_what_the_model_says(self) -> None:
        async def read(connection: AsyncConnection) -> dict[str, tuple[str | None, int, bool]]:
            found = await connection.execute(select(rows.c.member, rows.c.owner, rows.c.token, rows.c.clean))
            return {member: (owner, token, clean) for member, owner, token, clean in found}

        found = self.do(read)
        assert all(found[key] == (row.owner, row.token, row.clean) for key, row in self.model.items() if key in found)

    @invariant()
    def one_replica_at_most_trusts_a_member(self) -> None:
        for member in MEMBERS:
            trusting = [
                name
                for (name, whose), belief in self.beliefs.items()
                if whose == member and belief.trusted_until > self.now
            ]
            assert len(trusting) <= 1


def test_whatever_replicas_do_a_member_has_one_owner_and_older_tokens_write_nothing(
    migrated_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "syncd.db"
    shutil.copyfile(migrated_file, file)
    with asyncio.Runner() as loop:
        database = Database(f"sqlite+aiosqlite:///{file}")
        try:
            run_state_machine_as_test(
                lambda: Leases(loop, database),  # type: ignore[arg-type]  # it takes what makes a machine, too
                settings=settings(max_examples=60, stateful_step_count=50, deadline=None),
            )
        finally:
            loop.run(database.close())
