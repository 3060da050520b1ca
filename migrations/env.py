"""Alembic's entry: migrations run inside the connection that `syncd.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from syncd.store.schema import SCHEMA, metadata

connection = context.config.attributes["connection"]
postgresql = connection.dialect.name == "postgresql"

context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table="alembic_version",
    version_table_schema=SCHEMA if postgresql else None,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
