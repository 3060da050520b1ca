"""Erasures, the suppression of who was erased or opted out, and alerts told to people.

A frozen copy of the tables as they were when this migration was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    moment: TypeEngine[Any] = TIMESTAMP(timezone=True) if postgresql else sa.Double()
    now = sa.text("clock_timestamp()" if postgresql else "((julianday('now') - 2440587.5) * 86400.0)")
    metadata = sa.MetaData(schema="syncd" if postgresql else None)
    _suppressions(metadata, moment, now)
    _erasures(metadata, moment, now)
    _alerts(metadata, moment)
    metadata.create_all(bind)
    bind.execute(metadata.tables[_named(metadata, "suppression_state")].insert().values(id=1))
    state = "syncd.schema_state" if postgresql else "schema_state"
    op.execute(f"update {state} set version = 6 where id = 1")  # noqa: S608 - a name of our own


def _named(metadata: sa.MetaData, name: str) -> str:
    return f"{metadata.schema}.{name}" if metadata.schema else name


def _id(metadata: sa.MetaData) -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger() if metadata.schema else sa.Integer(), sa.Identity(), primary_key=True)


def _suppressions(metadata: sa.MetaData, moment: TypeEngine[Any], now: sa.TextClause) -> None:
    sa.Table(
        "suppressions",
        metadata,
        _id(metadata),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("erasure_id", sa.BigInteger),
        sa.Column("created_at", moment, nullable=False, server_default=now),
        sqlite_autoincrement=True,
    )
    sa.Table(
        "suppression_state",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entries", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("last", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("key_id", sa.Text),
    )


def _erasures(metadata: sa.MetaData, moment: TypeEngine[Any], now: sa.TextClause) -> None:
    sa.Table(
        "erasures",
        metadata,
        _id(metadata),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("begun_at", moment, nullable=False, server_default=now),
        sa.Column("finished_at", moment),
        sa.Column("learned", sa.Integer, nullable=False),
        sa.Column("ids", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    nothing = sa.text("0")
    sa.Table(
        "erasure_places",
        metadata,
        sa.Column("erasure_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("segment_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("searched", sa.Integer, nullable=False, server_default=nothing),
        sa.Column("words", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("orders", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("subjects", sa.LargeBinary),
        sa.Column("outbox_rows", sa.Integer, nullable=False, server_default=nothing),
        sa.Column("ledger_rows", sa.Integer, nullable=False, server_default=nothing),
        sa.Column("subject_lines", sa.Integer, nullable=False, server_default=nothing),
        sa.Column("dead_letters", sa.Integer, nullable=False, server_default=nothing),
        sa.Column("batch_id", sa.BigInteger),
        sa.Column("support_id", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("accepted_at", moment),
        sa.Column("finished_at", moment),
    )


def _alerts(metadata: sa.MetaData, moment: TypeEngine[Any]) -> None:
    standing = sa.text("healed_at is null")
    sa.Table(
        "alerts",
        metadata,
        _id(metadata),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("healed_at", moment),
        sa.Index("alerts_standing", "kind", "about", unique=True, postgresql_where=standing, sqlite_where=standing),
    )
    unsent = sa.text("sent_at is null")
    sa.Table(
        "notifications",
        metadata,
        _id(metadata),
        sa.Column("alert_id", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("sent_at", moment),
        sa.Column("failure", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Index("notifications_due", "due_at", postgresql_where=unsent, sqlite_where=unsent),
    )
