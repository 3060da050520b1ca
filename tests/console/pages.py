"""Every page of the console that can be opened by its address, by a name for it."""

from __future__ import annotations

from typing import Final

PAGES: Final = {
    "overview": "/",
    "segment": "/segments/trial-signups",
    "parked": "/segments/churned",
    "settings": "/segments/trial-signups/settings",
    "insights": "/segments/trial-signups/insights",
    "forecast": "/segments/trial-signups/forecast?place=urn:li:geo:103644278&budget=500",
    "new-segment": "/new-segment",
    "segment-resync": "/segments/trial-signups/resync",
    "resyncs": "/resyncs",
    "resync": "/resyncs/1",
    "letters": "/dead-letters",
    "drop": "/dead-letters/drop?segment=trial-signups&reason=refused",
    "members": "/members",
    "templates": "/templates",
    "erasure": "/erasure",
    "audit": "/audit",
    "access": "/access",
    "account": "/account",
}
