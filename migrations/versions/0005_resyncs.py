"""Resyncs: plans, the sources they speak of, and their progress."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    state = "syncd.schema_state" if op.get_bind().dialect.name == "postgresql" else "schema_state"
    op.execute(f"update {state} set version = 5 where id = 1")  # noqa: S608 - a name of our own
