"""Erasures, the suppression of who was erased or opted out, and alerts told to people."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    state = "syncd.schema_state" if op.get_bind().dialect.name == "postgresql" else "schema_state"
    op.execute(f"update {state} set version = 6 where id = 1")  # noqa: S608 - a name of our own
