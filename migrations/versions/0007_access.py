"""Who was removed but is still known to an identity provider, and whose each API token is. Older code works beside it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    schema = "syncd" if postgresql else None
    moment: TypeEngine[Any] = TIMESTAMP(timezone=True) if postgresql else sa.Double()
    op.add_column("people", sa.Column("removed_at", moment), schema=schema)
    op.add_column("api_tokens", sa.Column("person_id", sa.BigInteger), schema=schema)
    state = "syncd.schema_state" if postgresql else "schema_state"
    op.execute(f"update {state} set version = 7 where id = 1")  # noqa: S608 - a name of our own
