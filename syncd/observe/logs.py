"""One way out for every log line: syncd's own, the standard library's, warnings and uncaught exceptions.

Records of structlog and of `logging` meet in one handler; there exceptions become data without variables, everything
is redacted, and only then rendered. Loggers of other people start at warning: some of them print the parameters of a
query at debug.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from dataclasses import fields
from types import TracebackType
from typing import Any, Final, Literal, TextIO, assert_never

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from syncd.domain import events, resync_events
from syncd.domain.events import Event
from syncd.observe import redact
from syncd.observe.traces import traces

Format = Literal["json", "console", "auto"]
OURS: Final = "syncd"
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_FRAME: Final = "    {file}:{line} in {function}"
_log = structlog.get_logger("syncd.events")


def configure(format: Format, level: str, stream: TextIO = sys.stderr) -> None:  # noqa: A002  # the setting's name
    """Sends everything that is logged in this process to `stream`; may be called again. Levels as `log.level` has them."""
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_stamps(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _explain,
                _redact,
                _renderer(format, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    logging.getLogger(OURS).setLevel(least)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *_stamps(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _catch_the_uncaught()


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Python's own would print the record's arguments to stderr, as they are."""
        error = type(sys.exception()).__name__
        said = {"event": "log_record_failed", "level": "error", "logger": redact.text(record.name), "error": error}
        try:
            self.stream.write(json.dumps(said) + self.terminator)
        except (OSError, ValueError):
            return  # nowhere left to say it


def _stamps() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _explain(_logger: WrappedLogger, _method: str, said: EventDict) -> EventDict:
    """Turns an exception into data. A stack that was asked for holds source lines: it is not logged."""
    said.pop("stack_info", None)
    said.pop("stack", None)
    error = said.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error is not None and not isinstance(error, BaseException):
        error = sys.exception() if error else None
    if error is not None:
        said["exception"] = traces(error)
    return said


def _redact(_logger: WrappedLogger, _method: str, said: EventDict) -> EventDict:
    safe = redact.anything(said)
    assert isinstance(safe, dict)
    return safe


def _renderer(format: Format, stream: TextIO) -> Processor:  # noqa: A002
    if format == "json" or (format == "auto" and not stream.isatty()):
        return structlog.processors.JSONRenderer()
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )

    def render(logger: WrappedLogger, method: str, said: EventDict) -> str:
        if isinstance(said.get("exception"), list):
            said["exception"] = "\n".join(_readable(said["exception"]))
        return console(logger, method, said)

    return render


def _readable(errors: list[dict[str, Any]]) -> list[str]:
    lines = []
    for error in errors:
        lines.append(f"  {error['how']}: {error['type']}: {error['message']}")
        lines += [_FRAME.format_map(frame) for frame in error["frames"] if isinstance(frame, dict)]
    return lines


def _catch_the_uncaught() -> None:
    log = logging.getLogger(OURS)

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("uncaught_exception", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log.critical("uncaught_exception_in_thread", exc_info=args.exc_value)

    def of_nowhere(args: Any) -> None:
        log.error("exception_ignored", exc_info=args.exc_value)

    sys.excepthook = of_process
    threading.excepthook = of_thread
    sys.unraisablehook = of_nowhere


def log_events(event: Event) -> None:
    """One record per event, named by its class in snake case."""
    level = level_of(event)
    if logging.getLogger("syncd.events").isEnabledFor(level):
        _log.log(level, _CAPITAL.sub("_", type(event).__name__).lower(), **_fields(event))


def level_of(event: Event) -> int:
    """Warnings want a person; debug is what happens many times a second."""
    match event:
        case events.SourceParked():
            return logging.ERROR
        case (
            events.SegmentParked()
            | events.MemberParked()
            | events.ResourceThrottled()
            | events.RowQuarantined()
            | events.UnknownSegments()
            | events.DatabaseFailed()
            | events.LookFailed()
            | events.AccountCrowded()
            | events.TokenEnds()
            | events.VersionEnds()
            | events.AlertRaised()
            | events.WebhookFailed()
        ):
            return logging.WARNING
        case events.ResourceBackedOff(seconds=seconds):
            return logging.WARNING if seconds > 0 else logging.INFO
        case events.LeaseEnded(how=how):
            return logging.WARNING if how == "lost" else logging.INFO
        case resync_events.ResyncEnded(how=how):
            return logging.WARNING if how in {"failed", "blown"} else logging.INFO
        case events.StatusChanged(documented=documented):
            return logging.INFO if documented else logging.WARNING
        case events.RoleSeen(may_write=may_write):
            return logging.DEBUG if may_write else logging.WARNING
        case (
            events.BatchClosed()
            | events.BatchDelayed()
            | events.SegmentResumed()
            | events.SegmentProvisioned()
            | events.SegmentDeleted()
            | events.MemberResumed()
            | events.TokenRefreshed()
            | events.LeaseTaken()
            | events.Reasserted()
            | events.ErasureEnded()
            | events.AlertHealed()
            | resync_events.ResyncPlanned()
            | resync_events.ResyncStarted()
        ):
            return logging.INFO
        case (
            events.RowsTaken()
            | events.StepSettled()
            | events.RequestEnded()
            | events.PacerWaited()
            | events.StatusSeen()
            | events.AccountSeen()
            | events.TombstonesPruned()
            | events.RowsExpired()
            | events.Measured()
            | events.LimitSeen()
            | resync_events.ResyncMoved()
        ):
            return logging.DEBUG
        case _:
            assert_never(event)


def _fields(event: Event) -> dict[str, object]:
    said = {one.name: getattr(event, one.name) for one in fields(event)}
    if isinstance(event, events.StepSettled):
        said |= {"lags": len(event.lags), "slowest": max(event.lags, default=None)}
    return said
