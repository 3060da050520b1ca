"""What a person sees who opens the sandbox in a browser: what this is, what it holds, how to point a client at it."""

from collections.abc import Sequence
from html import escape

from aiohttp import web

from .world import WORLD, World

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>LinkedIn sandbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2226 }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd }}
code, pre {{ background: #f3f2ef; padding: .1rem .3rem; border-radius: 3px }}
pre {{ padding: .8rem; overflow-x: auto }}
</style></head><body>
<h1>LinkedIn sandbox</h1>
<p>A stand-in for LinkedIn's Audience APIs. It is not LinkedIn, it sends nothing anywhere, and it forgets everything
when it stops. Control it under <a href="/_sandbox"><code>/_sandbox</code></a>.</p>
<h2>Point a client here</h2>
<pre>SYNCD_LINKEDIN__BASE_URL={origin}/rest
SYNCD_LINKEDIN__OAUTH_URL={origin}/oauth/v2</pre>
<p>The members below take their tokens from the options; the demo member's is <code>sandbox-token</code>.</p>
<h2>Segments</h2>{segments}
<h2>Members</h2>{members}
<h2>Limits in use</h2>{limits}
</body></html>
"""


async def homepage(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    page = PAGE.format(
        origin=escape(str(request.url.origin())),
        segments=_segments(world),
        members=_table(
            ("Member", "Application", "Roles"),
            [
                (member.urn, member.application, ", ".join(f"{role} on {on}" for on, role in member.roles.items()))
                for member in world.directory.members.values()
            ],
        ),
        limits=_limits(world),
    )
    return web.Response(text=page, content_type="text/html")


def _segments(world: World) -> str:
    rows = [
        (one.id, one.name, one.account, one.source_segment_id or "", one.type, one.life.status, len(one.members))
        for one in world.segments
    ]
    return _table(("Id", "Name", "Account", "Source id", "Type", "Status", "Members"), rows)


def _limits(world: World) -> str:
    rows = [
        (
            use["member"],
            use["resource"],
            f"{use['last_minute']} of {use['limit']}",
            use["max_in_window"],
            use["throttled"],
        )
        for use in world.quotas.report(world.clock.real(), world.options)
    ]
    return _table(("Member", "Resource", "Last minute", "Most in 60 s", "Throttled"), rows)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return "<p>None yet.</p>"
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
