"""What a person sees who opens the sandbox in a browser: what this is, what it holds, how to point a client at it."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

from .options import SandboxOptions
from .routes import ROUTES
from .versions import newest_active
from .world import WORLD, World


@cache
def _page() -> Template:
    return Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))


async def homepage(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    page = _page().substitute(
        facts=_facts(world),
        origin=escape(str(request.url.origin())),
        version=escape(newest_active(world.clock.now(), world.options.active_versions)),
        members=_members(world),
        limits=_limits(world),
        segments=_segments(world),
        options=_options(world.options),
        routes=_table(("Resource", "Methods"), [(f"/rest/{path}", ", ".join(ROUTES[path])) for path in sorted(ROUTES)]),
    )
    return web.Response(text=page, content_type="text/html")


def _facts(world: World) -> str:
    facts = {
        "Sandbox time (UTC)": f"{datetime.fromtimestamp(world.clock.now(), UTC):%Y-%m-%d %H:%M}",
        "Clock": f"{world.clock.factor:g}x",
        "Requests": f"{world.journal.opened:,}",
        "Segments": len(world.segments),
        "Templates": len(world.templates),
        "Faults armed": len(world.faults.armed),
        "Violations": len(world.journal.violations),
    }
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())


def _members(world: World) -> str:
    rows = [
        (member.urn, member.application, ", ".join(f"{role} on {_account(on)}" for on, role in member.roles.items()))
        for member in world.directory.members.values()
    ]
    return _table(("Member", "Application", "Roles"), rows)


def _account(name: str) -> str:
    return "every account" if name == "*" else name


def _segments(world: World) -> str:
    now = world.clock.now()
    rows = [
        (
            *(one.id, one.name, one.account, one.source_segment_id or "", one.type, one.life.status),
            *(_count(len(one.members)), _count(one.members.matched_count(now)), _count(world.segments.audience(one))),
        )
        for one in world.segments
    ]
    counts = ("Members", "Matched in 7 days", "Audience")
    return _table(("Id", "Name", "Account", "Source id", "Type", "Status", *counts), rows)


def _limits(world: World) -> str:
    rows = [
        (
            *(use["member"], use["application"], use["resource"], f"{use['last_minute']} of {use['limit']}"),
            *(use["max_in_window"], use["passed_today"], use["throttled"]),
        )
        for use in world.quotas.report(world.clock.real(), world.options)
    ]
    heads = ("Member", "Application", "Resource", "Last minute", "Most in 60 s", "Today", "Throttled")
    return _table(heads, rows) if rows else '<p class="none">Nobody has streamed yet.</p>'


def _options(options: SandboxOptions) -> str:
    plain = SandboxOptions()
    changed = [one for one in fields(options) if getattr(options, one.name) != getattr(plain, one.name)]
    rows = [(one.name, getattr(options, one.name), getattr(plain, one.name)) for one in changed if _tellable(one.name)]
    return _table(("Option", "Value", "Default"), rows)


def _tellable(name: str) -> bool:
    """Members carry tokens: they are no secrets, but nobody should get used to reading tokens on pages."""
    return name not in {"members", "client_secret"}


def _table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return '<p class="none">None.</p>'
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(one))}</td>" for one in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
