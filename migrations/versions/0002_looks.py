"""What LinkedIn said of each segment over time, and what role each member was found to have.

A frozen copy of the tables as they were when this migration was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    schema = "syncd" if postgresql else None
    moment: TypeEngine[Any] = TIMESTAMP(timezone=True) if postgresql else sa.Double()
    op.create_table(
        "looks",
        sa.Column("id", sa.BigInteger() if postgresql else sa.Integer(), sa.Identity(), primary_key=True),
        sa.Column("segment_id", sa.Integer, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("input_count", sa.BigInteger),
        sa.Column("matched_count", sa.BigInteger),
        sa.Column("audience_size", sa.BigInteger),
        schema=schema,
    )
    op.create_index("looks_segment", "looks", ["segment_id", "id"], schema=schema)
    op.create_table(
        "role_checks",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("role", sa.Text),
        sa.Column("checked_at", moment, nullable=False),
        schema=schema,
    )
    op.execute(sa.table("schema_state", sa.column("version"), schema=schema).update().values(version=2))
