"""The first schema: outbox, segments, leases, batches, ledger and what stands around them.

A frozen copy of the tables as they were; later migrations change them, this one never changes.
"""

from __future__ import annotations

from pathlib import Path
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
    SmallInteger,
    Table,
    Text,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    metadata = _tables("syncd" if postgresql else None, postgresql=postgresql)
    metadata.create_all(bind)
    tables = {table.name: table for table in metadata.sorted_tables}
    op.execute(tables["source"].insert().values(id=1, epoch=1))
    op.execute(tables["schema_state"].insert().values(id=1, version=1, works_for=1))
    if postgresql:
        for statement in _STORAGE:
            op.execute(statement)
        for statement in (_SQL / "enqueue.sql").read_text(encoding="utf-8").split(";\n\n"):
            bind.exec_driver_sql(statement)


_STORAGE = (
    # Every finished row of the outbox is a dead tuple: vacuum by count, not by share, and without pauses.
    """alter table syncd.outbox set (
         autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
         autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000)""",
    "alter table syncd.batches set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
    "alter table syncd.ledger set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02)",
    # Bodies are hashes, which do not compress: out of line, uncompressed.
    "alter table syncd.batches alter column body set storage external",
    "alter table syncd.batches alter column row_fates set storage external",
)


def _tables(schema: str | None, *, postgresql: bool) -> MetaData:
    metadata = MetaData(schema=schema)
    moment: TypeEngine[Any] = TIMESTAMP(timezone=True) if postgresql else Double()
    json: TypeEngine[Any] = JSONB() if postgresql else Text()
    clock = text("clock_timestamp()" if postgresql else "((julianday('now') - 2440587.5) * 86400.0)")

    def big_id(*, always: bool = False) -> Column[int]:
        kind: TypeEngine[int] = BigInteger() if postgresql else Integer()
        return Column("id", kind, Identity(always=always), primary_key=True)

    def at(name: str, *, nullable: bool = False) -> Column[Any]:
        return Column(name, moment, nullable=nullable)

    Table(
        "outbox",
        metadata,
        big_id(always=True),
        Column("segment_key", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject_id", Text),
        Column("payload", json, nullable=False),
        Column("created_at", moment, nullable=False, server_default=clock),
        Index("outbox_segment", "segment_key", "id"),
        sqlite_autoincrement=True,
    )

    Table(
        "segments",
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("key", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("account", Text, nullable=False),
        Column("member", Text, nullable=False),
        Column("declared", Boolean, nullable=False, server_default=false()),
        Column("dmp_id", BigInteger),
        Column("ad_segment", Text),
        Column("order_given", Text),
        Column("ignored_dmp_ids", Text, nullable=False, server_default=text("'[]'")),
        at("create_intended_at", nullable=True),
        at("bound_at", nullable=True),
        Column("paused", Boolean, nullable=False, server_default=false()),
        Column("parked", Text),
        Column("parked_words", Text, nullable=False, server_default=text("''")),
        at("parked_at", nullable=True),
        Column("high_water", BigInteger, nullable=False, server_default=text("0")),
        Column("has_subjects", Boolean, nullable=False, server_default=false()),
        Column("intake_crashes", Integer, nullable=False, server_default=text("0")),
        Column("suspect_id", BigInteger),
        Column("suspects_until", BigInteger),
        Column("status", Text, nullable=False, server_default=text("''")),
        at("status_since", nullable=True),
        at("status_seen_at", nullable=True),
        Column("input_count", BigInteger),
        Column("matched_count", BigInteger),
        Column("audience_size", BigInteger),
        Column("created_at", moment, nullable=False, server_default=clock),
    )

    Table(
        "members",
        metadata,
        Column("key", Text, primary_key=True),
        Column("application", Text, nullable=False),
        Column("paused", Boolean, nullable=False, server_default=false()),
        Column("parked", Text),
        Column("parked_words", Text, nullable=False, server_default=text("''")),
        at("parked_at", nullable=True),
    )

    Table(
        "leases",
        metadata,
        Column("member", Text, primary_key=True),
        Column("owner", Text),
        Column("token", BigInteger, nullable=False),
        at("free_at"),
        Column("clean", Boolean, nullable=False, server_default=true()),
    )

    Table("replicas", metadata, Column("id", Text, primary_key=True), at("seen_at"))

    Table(
        "tokens",
        metadata,
        Column("member", Text, primary_key=True),
        Column("sealed", LargeBinary, nullable=False),
        at("claimed_until", nullable=True),
        at("saved_at"),
    )

    Table(
        "throttles",
        metadata,
        Column("application", Text, primary_key=True),
        Column("member", Text, primary_key=True),
        Column("resource", Text, primary_key=True),
        Column("scope", Text, nullable=False),
        Column("in_a_row", Integer, nullable=False),
        at("not_before"),
    )

    Table(
        "batches",
        metadata,
        big_id(),
        Column("segment_id", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("elements", Integer, nullable=False),
        Column("first_id", BigInteger),
        Column("last_id", BigInteger),
        Column("rows_taken", Integer, nullable=False),
        Column("rows_applied", Integer, nullable=False, server_default=text("0")),
        Column("rows_superseded", Integer, nullable=False, server_default=text("0")),
        Column("rows_dead", Integer, nullable=False, server_default=text("0")),
        Column("accepted", Integer, nullable=False, server_default=text("0")),
        Column("refused", Integer, nullable=False, server_default=text("0")),
        Column("dropped", Integer, nullable=False, server_default=text("0")),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("words", Text, nullable=False, server_default=text("''")),
        Column("uuid", Text, nullable=False, server_default=text("''")),
        Column("created_at", moment, nullable=False, server_default=clock),
        at("closed_at", nullable=True),
        Column("body", LargeBinary),
        Column("states", LargeBinary),
        Column("row_fates", LargeBinary),
        Index("batches_open", "segment_id", "id", postgresql_where=text("open"), sqlite_where=text("open")),
        Index("batches_ids", "last_id", "first_id"),
    )

    Table(
        "ledger",
        metadata,
        Column("rank", BigInteger, nullable=False),
        Column("batch_id", BigInteger, nullable=False),
        at("at"),
        Column("segment_id", Integer, primary_key=True, autoincrement=False),
        Column("present", Boolean, nullable=False),
        Column("anonymous", SmallInteger, nullable=False),
        Column("identity", LargeBinary, primary_key=True),
        Column("sent", LargeBinary),
    )

    Table(
        "subjects",
        metadata,
        Column("rank", BigInteger, nullable=False),
        Column("segment_id", Integer, primary_key=True, autoincrement=False),
        Column("subject", Text, primary_key=True),
        Column("identity", LargeBinary),
        at("at"),
        Index("subjects_identity", "segment_id", "identity"),
    )

    Table(
        "dead_letters",
        metadata,
        big_id(),
        Column("segment_id", Integer, nullable=False),
        Column("outbox_id", BigInteger, nullable=False),
        Column("batch_id", BigInteger),
        Column("reason", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("status", SmallInteger),
        Column("element", LargeBinary),
        Column("retry", Boolean, nullable=False, server_default=false()),
        Column("created_at", moment, nullable=False, server_default=clock),
        Index("dead_letters_outbox", "outbox_id"),
        Index("dead_letters_segment", "segment_id", "id"),
    )

    Table(
        "reassertions",
        metadata,
        big_id(),
        Column("segment_id", Integer, nullable=False),
        at("due_at"),
        Column("identities", LargeBinary, nullable=False),
        Index("reassertions_due", "segment_id", "due_at"),
    )

    Table(
        "transitions",
        metadata,
        big_id(),
        Column("segment_id", Integer, nullable=False),
        Column("from_status", Text, nullable=False),
        Column("to_status", Text, nullable=False),
        Column("documented", Boolean, nullable=False),
        at("at"),
        Index("transitions_segment", "segment_id", "id"),
    )

    Table(
        "source",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("epoch", Integer, nullable=False),
        Column("system_identifier", Text, nullable=False, server_default=text("''")),
        Column("timeline", Integer, nullable=False, server_default=text("0")),
        Column("parked_words", Text),
    )

    Table("horizons", metadata, big_id(), at("at"), Column("xid", BigInteger, nullable=False))

    Table(
        "schema_state",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("works_for", Integer, nullable=False),
    )
    return metadata
