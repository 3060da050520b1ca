"""The names under which limits and metrics count a call: few, and never a text that a server chose."""

from __future__ import annotations

from typing import Final

_RESOURCES: Final = {
    "users": "users",
    "companies": "companies",
    "accessToken": "oauth",
    "dmpSegments": "segments",
    "listUploads": "uploads",
    "ambry": "uploads",
    "adTargetingFacets": "targeting",
    "adTargetingEntities": "targeting",
    "targetingAudienceInsights": "insights",
    "adTargetTemplates": "templates",
    "mediaPlanning": "forecasts",
}


def resource(url: str) -> str:
    """The name of the last word of a URL's path that has one."""
    parts = url.partition("?")[0].rstrip("/").split("/")
    return next((_RESOURCES[part] for part in reversed(parts) if part in _RESOURCES), "accounts")
