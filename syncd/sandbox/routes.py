"""Which handler answers which Rest.li method of which resource: the index of the Rest API."""

from . import accounts, dmp_segments, insights, planning, streaming, targeting, templates, uploads
from .answers import RefusedError
from .call import Handler
from .restli import Target

ROUTES: dict[str, dict[str, Handler]] = {
    "dmpSegments": {
        "CREATE": dmp_segments.create,
        "FINDER": dmp_segments.find,
        "BATCH_DELETE": dmp_segments.batch_delete,
        "ACTION": uploads.act,
    },
    "dmpSegments/*": {
        "GET": dmp_segments.get,
        "PARTIAL_UPDATE": dmp_segments.update,
        "DELETE": dmp_segments.delete,
    },
    "dmpSegments/*/users": {"BATCH_CREATE": streaming.stream_users},
    "dmpSegments/*/companies": {"BATCH_CREATE": streaming.stream_companies},
    "dmpSegments/*/listUploads": {"CREATE": uploads.attach},
    "dmpSegments/*/destinations": {"CREATE": dmp_segments.add_destination, "GET": dmp_segments.list_destinations},
    "dmpSegments/*/destinations/*": {"GET": dmp_segments.get_destination},
    "adSegments": {"FINDER": accounts.find_ad_segments},
    "adAccounts": {"FINDER": accounts.find_accounts},
    "adAccountUsers": {"FINDER": accounts.find_account_users},
    "adAccountUsers/*": {"GET": accounts.get_account_user},
    "adTargetTemplates": {
        "CREATE": templates.create,
        "FINDER": templates.find,
        "BATCH_DELETE": templates.batch_delete,
    },
    "adTargetTemplates/*": {
        "GET": templates.get,
        "PARTIAL_UPDATE": templates.update,
        "DELETE": templates.delete,
    },
    "mediaPlanning": {"ACTION": planning.act},
    "targetingAudienceInsights": {"ACTION": insights.act},
    "adTargetingFacets": {"GET": targeting.list_facets},
    "adTargetingEntities": {"FINDER": targeting.find_entities, "GET": targeting.find_entities},
}

RESOURCES = {
    "dmpSegments": "segments",
    "adSegments": "ad_segments",
    "adAccounts": "accounts",
    "adAccountUsers": "accounts",
    "targetingAudienceInsights": "insights",
    "mediaPlanning": "planning",
    "adTargetTemplates": "templates",
    "adTargetingFacets": "targeting",
    "adTargetingEntities": "targeting",
}


def resource_of(target: Target) -> str:
    """The name limits, faults and logs use."""
    if len(target.parts) == 3 and target.parts[2] in {"users", "companies"}:
        return target.parts[2]
    if target.parts[-1] == "listUploads" or target.value("action") == "generateUploadUrl":
        return "uploads"
    return RESOURCES.get(target.parts[0], target.parts[0])


def handler_of(target: Target, method: str) -> Handler:
    shape = "/".join("*" if i % 2 else part for i, part in enumerate(target.parts))
    methods = ROUTES.get(shape)
    if methods is None:
        raise RefusedError(404, f"No virtual resource found for {target.path}", "RESOURCE_NOT_FOUND")
    handler = methods.get(method)
    if handler is not None:
        return handler
    if "BATCH_CREATE" in methods:
        raise RefusedError(400, "This resource takes POST with the header X-RestLi-Method: BATCH_CREATE")
    raise RefusedError(405, f"Method {method} is not allowed on {shape}", "METHOD_NOT_ALLOWED")
