"""People, API tokens, sessions, idempotency keys and the audit. Code of schema 3 goes on working beside it."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Identity, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0004"
down_revision = "0003"


class _Kit:
    """Columns as `syncd.store.tables` makes them, for one dialect, as they were at this revision."""

    def __init__(self) -> None:
        self.postgresql = op.get_bind().dialect.name == "postgresql"
        self.metadata = MetaData(schema="syncd" if self.postgresql else None)

    def id(self) -> Column[int]:
        return Column("id", BigInteger() if self.postgresql else Integer(), Identity(), primary_key=True)

    def at(self, name: str, *, nullable: bool = False) -> Column[float]:
        return Column(name, self._moment(), nullable=nullable)

    def _moment(self) -> Any:
        return TIMESTAMP(timezone=True) if self.postgresql else Double()

    def stamped(self, name: str) -> Column[float]:
        now = "clock_timestamp()" if self.postgresql else "((julianday('now') - 2440587.5) * 86400.0)"
        return Column(name, self._moment(), nullable=False, server_default=text(now))


def upgrade() -> None:
    kit = _Kit()
    _people(kit)
    _sessions(kit)
    _audit(kit)
    kit.metadata.create_all(op.get_bind())
    state = "syncd.schema_state" if kit.postgresql else "schema_state"
    op.execute(f"update {state} set version = 4 where id = 1")  # noqa: S608 - a name of our own


def _people(kit: _Kit) -> None:
    Table(
        "people",
        kit.metadata,
        kit.id(),
        Column("name", Text, nullable=False, unique=True),
        Column("role", Text, nullable=False),
        Column("accounts", Text),
        Column("password", Text),
        Column("subject", Text, unique=True),
        Column("made_by", Text, nullable=False),
        kit.stamped("created_at"),
    )
    Table(
        "api_tokens",
        kit.metadata,
        kit.id(),
        Column("name", Text, nullable=False),
        Column("prefix", Text, nullable=False, unique=True),
        Column("digest", LargeBinary, nullable=False),
        Column("role", Text, nullable=False),
        Column("accounts", Text),
        Column("made_by", Text, nullable=False),
        kit.stamped("created_at"),
        kit.at("ends_at"),
        kit.at("used_at", nullable=True),
        kit.at("revoked_at", nullable=True),
        Index("api_tokens_ends", "ends_at"),
    )


def _sessions(kit: _Kit) -> None:
    Table(
        "sessions",
        kit.metadata,
        Column("digest", LargeBinary, primary_key=True),
        Column("person_id", BigInteger, nullable=False),
        kit.stamped("created_at"),
        kit.at("idle_until"),
        kit.at("ends_at"),
        Index("sessions_person", "person_id"),
    )
    Table(
        "idempotency_keys",
        kit.metadata,
        Column("caller", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("asked", LargeBinary, nullable=False),
        Column("status", Integer),
        Column("answer", LargeBinary),
        kit.at("claimed_until"),
        kit.at("ends_at"),
        Index("idempotency_keys_ends", "ends_at"),
    )


def _audit(kit: _Kit) -> None:
    Table(
        "audit",
        kit.metadata,
        kit.id(),
        kit.stamped("at"),
        Column("actor", Text, nullable=False),
        Column("door", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("target", Text, nullable=False),
        Column("account", Text),
        Column("reason", Text, nullable=False, server_default=text("''")),
        Column("before", Text, nullable=False, server_default=text("'{}'")),
        Column("after", Text, nullable=False, server_default=text("'{}'")),
        Index("audit_action", "action", "id"),
        Index("audit_account", "account", "id"),
    )
