"""Segments that take lists, and cached insights. Code of schema 1 goes on working beside it: it sees a list segment as one
whose outbox is empty.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Double, Integer, MetaData, Table, Text, false
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    schema = "syncd" if postgresql else None
    op.add_column("segments", Column("takes_lists", Boolean, nullable=False, server_default=false()), schema=schema)
    insights = Table(
        "insights",
        MetaData(schema=schema),
        Column("segment_id", Integer, primary_key=True, autoincrement=False),
        Column("question", Text, primary_key=True),
        Column("answer", Text, nullable=False),
        Column("at", TIMESTAMP(timezone=True) if postgresql else Double, nullable=False),
    )
    insights.create(bind)
    state = "syncd.schema_state" if postgresql else "schema_state"
    op.execute(f"update {state} set version = 3 where id = 1")  # noqa: S608 - a name of our own
