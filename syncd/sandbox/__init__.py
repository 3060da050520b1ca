"""Our own LinkedIn, because LinkedIn has none to try things on.

It is written from the API description alone and imports nothing of syncd, so that client and sandbox cannot agree on
the same mistake. It plays LinkedIn's rules (roles, versions, limits, statuses) and, on request, every way in which a
network or a server can fail.
"""

from .app import create_app, serve
from .options import SandboxOptions

__all__ = ["SandboxOptions", "create_app", "serve"]
