"""The one schema, for PostgreSQL (in schema `syncd`) and SQLite (without a schema).

Times are seconds since 1970 in Python and `timestamptz` in PostgreSQL. Keys of people and companies are bytes
(`domain.identity`); nothing here holds a plain address but `outbox.payload`, whose rows leave when they are taken.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Dialect,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    false,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

SCHEMA: Final = "syncd"


class Moment(TypeDecorator[float]):
    """Seconds since 1970: `timestamptz` in PostgreSQL, a real number in SQLite."""

    impl = Double
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Double())

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "postgresql":
            return value
        return datetime.fromtimestamp(value, UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        return value.timestamp() if isinstance(value, datetime) else value


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock at the moment of the statement; no local clock is ever compared with it."""

    inherit_cache = True
    type = Moment()


class later(FunctionElement[float]):  # noqa: N801 - likewise
    """`later(seconds)`: the database's clock that many seconds on."""

    inherit_cache = True
    type = Moment()


class epoch(FunctionElement[float]):  # noqa: N801 - likewise
    """`epoch(moment)`: a moment as seconds since 1970, without a datetime object per row."""

    inherit_cache = True
    type = Double()


_SQLITE_NOW: Final = "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _(_element: now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(now, "sqlite")
def _(_element: now, _compiler: SQLCompiler, **_options: Any) -> str:
    return _SQLITE_NOW


@compiles(later, "postgresql")
def _(element: later, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => ({seconds})::double precision))"


@compiles(later, "sqlite")
def _(element: later, compiler: SQLCompiler, **options: Any) -> str:
    return f"({_SQLITE_NOW} + ({compiler.process(element.clauses, **options)}))"


@compiles(epoch, "postgresql")
def _(element: epoch, compiler: SQLCompiler, **options: Any) -> str:
    return f"date_part('epoch', {compiler.process(element.clauses, **options)})"


@compiles(epoch, "sqlite")
def _(element: epoch, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


metadata = MetaData(schema=SCHEMA)

BigId = BigInteger().with_variant(Integer(), "sqlite")
Json = JSONB().with_variant(Text(), "sqlite")


def big_id(*, always: bool = False) -> Column[int]:
    return Column("id", BigId, Identity(always=always), primary_key=True)


def at(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Moment(), nullable=nullable)


outbox = Table(
    "outbox",
    metadata,
    big_id(always=True),
    Column("segment_key", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_id", Text),
    Column("payload", Json, nullable=False),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    Index("outbox_segment", "segment_key", "id"),
    sqlite_autoincrement=True,
)
"""The contract with the CRM (`design.md` §4)."""

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("declared", Boolean, nullable=False, server_default=false()),
    Column("takes_lists", Boolean, nullable=False, server_default=false()),
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
    Column("created_at", Moment(), nullable=False, server_default=now()),
)
"""`takes_lists`: filled by uploaded lists and by nothing else; no row of the outbox belongs to it."""

MEMBERS: Final[BindParameter[str]] = bindparam("members", type_=Text, expanding=True)
"""Of statements that are built once, for they run all day; given as a list."""
THEIRS: Final = select(segments.c.id).where(segments.c.member.in_(MEMBERS))
"""Their segments, for statements that need no more of them."""


members = Table(
    "members",
    metadata,
    Column("key", Text, primary_key=True),
    Column("application", Text, nullable=False),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("parked", Text),
    Column("parked_words", Text, nullable=False, server_default=text("''")),
    at("parked_at", nullable=True),
)

leases = Table(
    "leases",
    metadata,
    Column("member", Text, primary_key=True),
    Column("owner", Text),
    Column("token", BigInteger, nullable=False),
    at("free_at"),
    Column("clean", Boolean, nullable=False, server_default=true()),
)
"""`token` fences; `free_at` is when another replica may take the member; `clean` says that no request was cut."""

replicas = Table("replicas", metadata, Column("id", Text, primary_key=True), at("seen_at"))

tokens = Table(
    "tokens",
    metadata,
    Column("member", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    at("claimed_until", nullable=True),
    at("saved_at"),
)

throttles = Table(
    "throttles",
    metadata,
    Column("application", Text, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("in_a_row", Integer, nullable=False),
    at("not_before"),
)
"""Waits after a 429, so that they outlive a process; `member` is empty where the whole application waits."""

batches = Table(
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
    Column("created_at", Moment(), nullable=False, server_default=now()),
    at("closed_at", nullable=True),
    Column("body", LargeBinary),
    Column("states", LargeBinary),
    Column("row_fates", LargeBinary),
    Column("resync_id", BigInteger),
    Index("batches_open", "segment_id", "id", postgresql_where=text("open"), sqlite_where=text("open")),
    Index("batches_ids", "last_id", "first_id"),
    Index(
        "batches_resync",
        "resync_id",
        postgresql_where=text("resync_id is not null"),
        sqlite_where=text("resync_id is not null"),
    ),
)
"""`body` and `states` (a byte an element) live while the batch is open; `row_fates` stays for `changes show`; `resync_id`
says which resync a batch is of.
"""

ledger = Table(
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
"""Who is in each segment as LinkedIn last accepted it; an absent one is a tombstone that late commits are held against.
`anonymous` is 1 where a row without a subject holds the identity.
"""

subjects = Table(
    "subjects",
    metadata,
    Column("rank", BigInteger, nullable=False),
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),
    Column("identity", LargeBinary),
    at("at"),
    Index("subjects_identity", "segment_id", "identity"),
)

dead_letters = Table(
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
    Column("created_at", Moment(), nullable=False, server_default=now()),
    Index("dead_letters_outbox", "outbox_id"),
    Index("dead_letters_segment", "segment_id", "id"),
)
"""`element` is what was prepared, hashed, where it got that far: only such a letter can be retried."""

reassertions = Table(
    "reassertions",
    metadata,
    big_id(),
    Column("segment_id", Integer, nullable=False),
    at("due_at"),
    Column("identities", LargeBinary, nullable=False),
    Index("reassertions_due", "segment_id", "due_at"),
)

transitions = Table(
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

looks = Table(
    "looks",
    metadata,
    big_id(),
    Column("segment_id", Integer, nullable=False),
    at("at"),
    Column("status", Text, nullable=False),
    Column("input_count", BigInteger),
    Column("matched_count", BigInteger),
    Column("audience_size", BigInteger),
    Index("looks_segment", "segment_id", "id"),
)
"""What LinkedIn said of each segment over the last half year: changes of status, and counts a few times a day."""

role_checks = Table(
    "role_checks",
    metadata,
    Column("member", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("role", Text),
    at("checked_at"),
)
"""What the watchdog last found: the member's role in each ad account of its segments, null where it has none."""

insights = Table(
    "insights",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("question", Text, primary_key=True),
    Column("answer", Text, nullable=False),
    at("at"),
)
"""What LinkedIn last answered to a question about a segment's audience; `question` is its digest."""

source = Table(
    "source",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("system_identifier", Text, nullable=False, server_default=text("''")),
    Column("timeline", Integer, nullable=False, server_default=text("0")),
    Column("parked_words", Text),
)
"""One row: which source epoch the outbox ids belong to, and the database they were drawn in."""

horizons = Table("horizons", metadata, big_id(), at("at"), Column("xid", BigInteger, nullable=False))
"""Now and then: which transaction id was next at which time, so that pruning knows what older transactions remain."""

schema_state = Table(
    "schema_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("works_for", Integer, nullable=False),
)
"""One row: the schema's version, and the lowest version of code it still works for."""
