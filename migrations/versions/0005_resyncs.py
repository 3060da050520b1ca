"""Resyncs: plans, the sources they speak of, and their progress.

A frozen copy of the tables as they were when this migration was written. Code of schema 4 goes on working beside it.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"

_COUNTS = ("held", "adds", "removes", "changes", "unchanged", "newer", "elements")
_DONE = ("looked_at", "added", "removed", "changed", "skipped", "sent", "accepted", "refused", "dropped")


def upgrade() -> None:
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    schema = "syncd" if postgresql else None
    metadata = MetaData(schema=schema)
    moment: TypeEngine[Any] = TIMESTAMP(timezone=True) if postgresql else Double()
    _resyncs(metadata, moment, postgresql=postgresql)
    Table(
        "resync_items",
        metadata,
        Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
        Column("identity", LargeBinary, primary_key=True),
        Column("wanted", Boolean, nullable=False),
        Column("anonymous", Boolean, nullable=False),
        Column("sent", LargeBinary),
    )
    Table(
        "resync_subjects",
        metadata,
        Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
        Column("subject", Text, primary_key=True),
        Column("identity", LargeBinary),
    )
    Table(
        "resync_files",
        metadata,
        Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
        Column("place", Integer, primary_key=True, autoincrement=False),
        Column("body", LargeBinary, nullable=False),
    )
    Table(
        "resync_schedules",
        metadata,
        Column("segment_id", Integer, primary_key=True, autoincrement=False),
        Column("mode", Text, primary_key=True),
        Column("cron", Text, nullable=False),
        Column("next_at", moment, nullable=False),
    )
    metadata.create_all(bind)
    op.add_column("batches", Column("resync_id", BigInteger), schema=schema)
    given = text("resync_id is not null")
    op.create_index(
        "batches_resync", "batches", ["resync_id"], schema=schema, postgresql_where=given, sqlite_where=given
    )
    state = "syncd.schema_state" if postgresql else "schema_state"
    op.execute(f"update {state} set version = 5 where id = 1")  # noqa: S608 - a name of our own


def _resyncs(metadata: MetaData, moment: TypeEngine[Any], *, postgresql: bool) -> None:
    now = text("clock_timestamp()" if postgresql else "((julianday('now') - 2440587.5) * 86400.0)")
    is_open = text("ended_at is null")
    Table(
        "resyncs",
        metadata,
        Column("id", BigInteger() if postgresql else Integer(), Identity(), primary_key=True),
        Column("segment_id", Integer, nullable=False),
        Column("mode", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("asked_by", Text, nullable=False),
        Column("reason", Text, nullable=False, server_default=text("''")),
        Column("words", Text, nullable=False, server_default=text("''")),
        Column("automatic", Boolean, nullable=False, server_default=false()),
        Column("as_of", moment),
        Column("boundary", BigInteger),
        Column("rejected", Text, nullable=False, server_default=text("'{}'")),
        *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in _COUNTS),
        Column("position", LargeBinary),
        Column("subject_position", Text),
        Column("subjects_done", Boolean, nullable=False, server_default=false()),
        Column("exhausted", Boolean, nullable=False, server_default=false()),
        *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in _DONE),
        Column("created_at", moment, nullable=False, server_default=now),
        Column("planned_at", moment),
        Column("started_at", moment),
        Column("ended_at", moment),
        Index("resyncs_segment", "segment_id", "id"),
        Index("resyncs_open", "segment_id", unique=True, postgresql_where=is_open, sqlite_where=is_open),
    )
