"""People, API tokens, sessions, idempotency keys and the audit."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    state = "syncd.schema_state" if op.get_bind().dialect.name == "postgresql" else "schema_state"
    op.execute(f"update {state} set version = 4 where id = 1")  # noqa: S608 - a name of our own
