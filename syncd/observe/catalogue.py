"""Every metric syncd exports. The names are pinned by `design.md` §5: dashboards and alerts stand on them.

`EXTRAS` come on top of the pinned ones, `PROCESS` from the client library. `docs/metrics.md` is written from here.
"""

from __future__ import annotations

from typing import Final

from syncd.observe.series import Counter, Definition, Gauge, Histogram

LAGS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
REQUESTS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
WAITS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

BUILD_INFO: Final = Gauge(
    name="syncd_build_info",
    labels=("version", "python"),
    unit="always 1",
    means="The version of syncd and of Python in this process.",
    todo="More than one version at once outside a rollout: finish the rollout.",
)
OUTBOX_PENDING: Final = Gauge(
    name="syncd_outbox_pending",
    labels=("segment",),
    unit="rows",
    means="Outbox rows that were not taken yet; (unknown) counts those of segments that do not exist.",
    todo="It grows: look for a parked segment or member, then at syncd_backoff_seconds. (unknown): create the segment.",
)
OUTBOX_OLDEST_AGE: Final = Gauge(
    name="syncd_outbox_oldest_age_seconds",
    labels=("segment",),
    unit="seconds",
    means="Age of the oldest row in the outbox.",
    todo="Minutes while nothing is parked: look at syncd_requests_last_minute, the member may be at its limit.",
)
OUTBOX_DEAD_TUPLES: Final = Gauge(
    name="syncd_outbox_dead_tuples",
    unit="rows",
    means="Dead tuples of the outbox table (PostgreSQL only).",
    todo="It only grows: find what holds autovacuum back, see syncd_oldest_transaction_age_seconds.",
)
OLDEST_TRANSACTION_AGE: Final = Gauge(
    name="syncd_oldest_transaction_age_seconds",
    unit="seconds",
    means="Age of the oldest open transaction of the database (PostgreSQL only).",
    todo="Over some minutes: end the session that holds it; it stops vacuum and makes resyncs wait.",
)
OPEN_BATCHES: Final = Gauge(
    name="syncd_open_batches",
    labels=("segment",),
    unit="batches",
    means="Batches that are stored and not wholly settled.",
    todo="It stays above zero without traffic: the log's batch_delayed lines have LinkedIn's words.",
)
CHANGES: Final = Counter(
    name="syncd_changes_total",
    labels=("segment", "outcome"),
    unit="rows",
    means="Outbox rows by how they ended: applied, superseded or dead.",
    todo="dead grows: `syncd dead-letters list` has the reasons.",
)
LATE_SUPERSEDED: Final = Counter(
    name="syncd_late_superseded_total",
    labels=("segment",),
    unit="rows",
    means="Rows committed so late that a newer row had gone before them.",
    todo="Often: the CRM's transactions are too long, or write without syncd.enqueue.",
)
BATCHES: Final = Counter(
    name="syncd_batches_total",
    labels=("segment", "outcome"),
    unit="batches",
    means="Closed batches: accepted, partly_refused, refused or superseded.",
    todo="refused grows: see the dead letters of the segment.",
)
ELEMENTS: Final = Counter(
    name="syncd_elements_total",
    labels=("segment", "action", "outcome"),
    unit="elements",
    means="Settled elements by action and outcome.",
    todo="Outcomes other than accepted grow: see the dead letters of the segment.",
)
DELIVERY_LAG: Final = Histogram(
    name="syncd_delivery_lag_seconds",
    labels=("segment",),
    unit="seconds",
    means="From a row written to LinkedIn's acceptance, live changes only.",
    todo="Above the promised time: compare syncd_outbox_oldest_age_seconds with syncd_pacer_wait_seconds.",
    bounds=LAGS,
)
API_REQUESTS: Final = Counter(
    name="syncd_api_requests_total",
    labels=("member", "resource", "status"),
    unit="requests",
    means="Requests to LinkedIn by HTTP status; 0 where no answer came.",
    todo="4xx other than 429: see the parked members and segments. 0 or 5xx: LinkedIn or the network, syncd retries.",
)
API_REQUEST_DURATION: Final = Histogram(
    name="syncd_api_request_duration_seconds",
    labels=("resource",),
    unit="seconds",
    means="Duration of a request to LinkedIn.",
    todo="Near linkedin.request_timeout: LinkedIn or the proxy is slow; nothing to do in syncd.",
    bounds=REQUESTS,
)
PACER_WAIT: Final = Histogram(
    name="syncd_pacer_wait_seconds",
    labels=("resource",),
    unit="seconds",
    means="What a request waited for its turn under LinkedIn's limit.",
    todo="Seconds all day: the member is at its limit; give some segments to another member.",
    bounds=WAITS,
)
REQUESTS_LAST_MINUTE: Final = Gauge(
    name="syncd_requests_last_minute",
    labels=("member", "resource"),
    unit="requests",
    means="Requests in the last 60 seconds.",
    todo="Always near syncd_requests_limit: give some segments to another member.",
)
REQUESTS_LIMIT: Final = Gauge(
    name="syncd_requests_limit",
    labels=("member", "resource"),
    unit="requests",
    means="What LinkedIn allows in 60 seconds.",
    todo="It differs from your agreement with LinkedIn: set limits.users_per_minute, limits.companies_per_minute.",
)
THROTTLED: Final = Counter(
    name="syncd_throttled_total",
    labels=("member", "resource", "scope"),
    unit="answers",
    means="Answers 429 by scope: minute, member_day, application_day, segment_limit or unknown.",
    todo="minute: another program uses the same token. A day's limit: it ends at midnight UTC, or ask LinkedIn for more.",
)
BACKOFF: Final = Gauge(
    name="syncd_backoff_seconds",
    labels=("member", "resource"),
    unit="seconds",
    means="Seconds until a paused resource goes on; 0 when it does.",
    todo="It does not come down: see syncd_throttled_total and syncd_api_requests_total for the cause.",
)
REASSERTED: Final = Counter(
    name="syncd_reasserted_total",
    labels=("segment",),
    unit="identities",
    means="Identities sent once more after a request whose end is unknown.",
    todo="Often: the network to LinkedIn loses answers, or processes die uncleanly.",
)
MEMBER_PARKED: Final = Gauge(
    name="syncd_member_parked",
    labels=("member", "reason"),
    unit="1 while parked",
    means="The member waits for a cause to go away.",
    todo="By reason: token: sign in again, or replace its file; version: set linkedin.api_version.",
)
SEGMENT_PARKED: Final = Gauge(
    name="syncd_segment_parked",
    labels=("segment", "reason"),
    unit="1 while parked",
    means="The segment waits for a cause to go away; its rows stay in the outbox.",
    todo="`syncd segments show KEY` has LinkedIn's words and the commands that help.",
)
TOKEN_EXPIRY: Final = Gauge(
    name="syncd_token_expiry_timestamp_seconds",
    labels=("member", "kind"),
    unit="seconds since 1970",
    means="When the access or refresh token of a member ends.",
    todo="refresh within 30 days: let the member sign in again; its end never moves by use.",
)
SUNSET: Final = Gauge(
    name="syncd_api_version_sunset_timestamp_seconds",
    unit="seconds since 1970",
    means="When LinkedIn is expected to end linkedin.api_version.",
    todo="Within 60 days: move linkedin.api_version, after reading LinkedIn's notes on the newer versions.",
)
SEGMENT_STATUS: Final = Gauge(
    name="syncd_segment_status",
    labels=("segment", "status"),
    unit="0 or 1",
    means="LinkedIn's status of the segment: 1 for what it is, 0 for the others.",
    todo="ARCHIVED, EXPIRED, FAILED or ERROR: `syncd segments show KEY` says what to do; see docs/lifecycle.md.",
)
SEGMENT_TRANSITIONS: Final = Counter(
    name="syncd_segment_transitions_total",
    labels=("segment", "from", "to"),
    unit="transitions",
    means="Changes of status that the tracker saw; (none) before the first.",
    todo="To EXPIRED or ARCHIVED: see syncd_segment_status.",
)
SEGMENT_STATUS_SINCE: Final = Gauge(
    name="syncd_segment_status_since_timestamp_seconds",
    labels=("segment",),
    unit="seconds since 1970",
    means="Since when the segment has its status.",
    todo="BUILDING for more than two days: `syncd segments show KEY` says why.",
)
SEGMENT_INPUT_COUNT: Final = Gauge(
    name="syncd_segment_input_count",
    labels=("segment",),
    unit="identities",
    means="Identities that LinkedIn counts as received in the last 7 days.",
    todo="0 for a week while changes are sent: see syncd_open_batches and the dead letters.",
)
SEGMENT_MATCHED_COUNT: Final = Gauge(
    name="syncd_segment_matched_count",
    labels=("segment",),
    unit="identities",
    means="Identities that LinkedIn matched of those received in the last 7 days.",
    todo="It falls while syncd_segment_input_count stays: `syncd segments show KEY`, the match rate is falling.",
)
SEGMENT_AUDIENCE_SIZE: Final = Gauge(
    name="syncd_segment_audience_size",
    labels=("segment",),
    unit="people",
    means="People that campaigns can reach with the segment.",
    todo="Below 300 LinkedIn does not serve it: send more people.",
)
SEGMENT_LEDGER_SIZE: Final = Gauge(
    name="syncd_segment_ledger_size",
    labels=("segment",),
    unit="identities",
    means="Identities in the segment as LinkedIn last accepted them.",
    todo="It falls much in a short time: ask the CRM's people whether they meant it.",
)
DEAD_LETTERS: Final = Gauge(
    name="syncd_dead_letters",
    labels=("segment", "reason"),
    unit="changes",
    means="Changes that cannot be applied, by reason.",
    todo="`syncd dead-letters list`; mend the CRM's data, then retry or drop them.",
)
LEASE_HELD: Final = Gauge(
    name="syncd_lease_held",
    labels=("member",),
    unit="0 or 1",
    means="Whether this process works for the member.",
    todo="The sum over all processes is 0 for a minute: see the database and the replicas' logs.",
)
RESYNC_PROGRESS: Final = Gauge(
    name="syncd_resync_progress_ratio",
    labels=("segment",),
    unit="0 to 1",
    means="How far a running resync has come; no series where none runs.",
    todo="It stands still: see whether the segment or its member is parked.",
)
EVENT_LOOP_LAG: Final = Gauge(
    name="syncd_event_loop_lag_seconds",
    unit="seconds",
    means="The longest time in the last minute that the event loop was kept from its work.",
    todo="Above 0.5: the process lacks CPU; give it more, or fewer members.",
)

ROWS_QUARANTINED: Final = Counter(
    name="syncd_rows_quarantined_total",
    labels=("segment",),
    unit="rows",
    means="Rows put aside because they crashed the process again and again.",
    todo="Any: a bug in syncd; report the row's id from the log.",
)
SOURCE_PARKINGS: Final = Counter(
    name="syncd_source_parkings_total",
    unit="times",
    means="How often intake stopped because outbox ids fell back or the database is another one.",
    todo="Any: find out whether a backup was restored, then start a new source epoch.",
)
DATABASE_FAILURES: Final = Counter(
    name="syncd_database_failures_total",
    labels=("where",),
    unit="failures",
    means="Failed work on the database by place; it is done again.",
    todo="It goes on: see the database; the log's database_failed lines have its words.",
)
UNDOCUMENTED_TRANSITIONS: Final = Counter(
    name="syncd_segment_undocumented_transitions_total",
    labels=("segment",),
    unit="transitions",
    means="Changes of status that LinkedIn's documentation does not know.",
    todo="Any: look at the segment in Campaign Manager; tell LinkedIn's support.",
)

ACCOUNT_SEGMENTS: Final = Gauge(
    name="syncd_account_segments",
    labels=("member", "account"),
    unit="segments",
    means="Segments in an ad account, other programs' included; LinkedIn takes 1,000.",
    todo="Above 900: `syncd check` lists what could be cleaned up.",
)
MAY_WRITE: Final = Gauge(
    name="syncd_member_may_write",
    labels=("member", "account"),
    unit="0 or 1",
    means="Whether the member's role in an ad account of its segments lets it change them.",
    todo="0: ask the account's owner for CAMPAIGN_MANAGER.",
)
SEGMENT_PAUSED: Final = Gauge(
    name="syncd_segment_paused",
    labels=("segment",),
    unit="0 or 1",
    means="Whether a person paused the segment or its member; its rows stay in the outbox.",
    todo="1 longer than meant: `syncd segments resume KEY` or `syncd members resume KEY`.",
)

EXTRAS: Final = (
    ROWS_QUARANTINED,
    SOURCE_PARKINGS,
    DATABASE_FAILURES,
    UNDOCUMENTED_TRANSITIONS,
    ACCOUNT_SEGMENTS,
    MAY_WRITE,
    SEGMENT_PAUSED,
)
ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Definition))

PROCESS: Final = (
    Counter(
        name="process_cpu_seconds_total",
        unit="seconds",
        means="User and system time of this process.",
        todo="A rate near 1: one core is full; add a replica, or give the member one of its own.",
    ),
    Gauge(
        name="process_resident_memory_bytes",
        unit="bytes",
        means="Memory of this process.",
        todo="It grows without end: report it with the number of members and segments.",
    ),
    Gauge(
        name="process_virtual_memory_bytes",
        unit="bytes",
        means="Address space of this process.",
        todo="Nothing; see process_resident_memory_bytes.",
    ),
    Gauge(
        name="process_start_time_seconds",
        unit="seconds since 1970",
        means="When this process started.",
        todo="It changes outside a rollout: the log's last lines of the process before say why.",
    ),
    Gauge(
        name="process_open_fds",
        unit="descriptors",
        means="Open file descriptors.",
        todo="Near process_max_fds: raise the limit.",
    ),
    Gauge(name="process_max_fds", unit="descriptors", means="The limit of open file descriptors.", todo="Nothing."),
)
"""What the client library tells of the process, on Linux, under the names that every exporter uses."""

UNDRAWN: Final = {
    "process_virtual_memory_bytes": "an address space is no memory",
    "process_start_time_seconds": "Kubernetes shows restarts",
    "process_open_fds": "a connection for each request in flight, far below any limit",
    "process_max_fds": "a constant",
}
"""Metrics that no dashboard needs, and why."""
