"""`/adTargetTemplates` (reference 003): audiences saved under a name, for campaigns to come."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

import msgspec

from .answers import NO_CONTENT, Answer, RefusedError, bad_request, json_answer
from .call import Call
from .clock import millis
from .criteria import WrittenCriteria, read_criteria
from .crowd import crowd_of, rounded
from .people import require_reader, require_scope, require_writer
from .restli import delete_each, page, read_patch
from .world import World

READ, WRITE = ("r_ads", "rw_ads"), ("rw_ads",)
FIRST_ID = 10_000_001
ID_HEADER = "x-linkedin-id"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Description = Annotated[str, msgspec.Meta(max_length=500)]
Shape = TypeVar("Shape")


class NewTemplate(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    account: str
    name: Name
    targeting_criteria: WrittenCriteria
    description: Description | None = None


class TemplatePatch(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    name: Name | None = None
    targeting_criteria: WrittenCriteria | None = None
    description: Description | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    actor: str
    at: float

    def shown(self) -> dict[str, object]:
        return {"actor": self.actor, "time": millis(self.at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """`members` is how many the criteria reached when they were saved."""

    id: int
    account: str
    name: str
    targeting_criteria: WrittenCriteria
    description: str | None
    members: int
    created: Stamp
    modified: Stamp


def create(world: World, call: Call) -> Answer:
    require_scope(call.token, *WRITE)
    new = _read(call.body, NewTemplate)
    require_writer(call.member, new.account)
    now = _now(world, call)
    template = Template(
        id=FIRST_ID + world.templates_made,
        account=new.account,
        name=new.name,
        targeting_criteria=new.targeting_criteria,
        description=new.description,
        members=_members(world, new.targeting_criteria, new.account),
        created=now,
        modified=now,
    )
    world.templates_made += 1
    world.templates[str(template.id)] = template
    world.journal.applied(call.entry)
    return world.created(str(template.id), ID_HEADER)


def get(world: World, call: Call) -> Answer:
    require_scope(call.token, *READ)
    template = _found(world, call.target.parts[1])
    require_reader(call.member, template.account)
    return json_answer(200, _show(world, template))


def find(world: World, call: Call) -> Answer:
    """`q=account`: by id, or by name as code points order it."""
    require_scope(call.token, *READ)
    if call.target.value("q") != "account":
        raise bad_request("adTargetTemplates has no such finder; it has q=account")
    account, by = call.target.required("account"), call.target.required("sortField")
    order = call.target.value("sortOrder") or "ASCENDING"
    if by not in {"ID", "NAME"} or order not in {"ASCENDING", "DESCENDING"}:
        raise bad_request("sortField must be ID or NAME, sortOrder ASCENDING or DESCENDING")
    require_reader(call.member, account)
    found = sorted(
        (one for one in world.templates.values() if one.account == account),
        key=lambda one: (one.name if by == "NAME" else "", one.id),
        reverse=order == "DESCENDING",
    )
    return json_answer(200, page(call.target, found, lambda one: _show(world, one), world.options))


def update(world: World, call: Call) -> Answer:
    require_scope(call.token, *WRITE)
    template = world.templates.get(call.target.parts[1])
    if template is None:
        raise RefusedError(404, "Cannot find entity to update")
    require_writer(call.member, template.account)
    changes = read_patch(call.body)
    if "account" in changes:
        raise RefusedError(422, "account::CreateOnly field present in a partial_update request")
    patch = _read(msgspec.json.encode(changes), TemplatePatch)
    if patch.targeting_criteria is not None:
        members = _members(world, patch.targeting_criteria, template.account)
        template = replace(template, targeting_criteria=patch.targeting_criteria, members=members)
    world.templates[str(template.id)] = replace(
        template,
        name=patch.name or template.name,
        description=template.description if patch.description is None else patch.description,
        modified=_now(world, call),
    )
    world.journal.applied(call.entry)
    return NO_CONTENT


def delete(world: World, call: Call) -> Answer:
    require_scope(call.token, *WRITE)
    _delete(world, call, call.target.parts[1])
    world.journal.applied(call.entry)
    return NO_CONTENT


def batch_delete(world: World, call: Call) -> Answer:
    require_scope(call.token, *WRITE)
    answer = delete_each(call.target, lambda one: _delete(world, call, one))
    if answer["results"]:
        world.journal.applied(call.entry)
    return json_answer(200, answer)


def _delete(world: World, call: Call, template_id: str) -> None:
    template = _found(world, template_id)
    require_writer(call.member, template.account)
    del world.templates[template_id]


def _found(world: World, template_id: str) -> Template:
    template = world.templates.get(template_id)
    if template is None:
        raise RefusedError(404, f"Key not found: {template_id}")
    return template


def _read(body: bytes, shape: type[Shape]) -> Shape:
    """A field that is missing, too long or not known is 422; what is no JSON is 400."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as wrong:
        raise RefusedError(422, f"The template is wrong: {wrong}") from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise bad_request("The request body is not valid JSON") from broken


def _members(world: World, written: WrittenCriteria, account: str) -> int:
    return rounded(crowd_of(world, read_criteria(world, written, account)).total)


def _now(world: World, call: Call) -> Stamp:
    return Stamp(actor=call.member.urn, at=world.clock.now())


def _show(world: World, template: Template) -> dict[str, Any]:
    """The id is a string in the schema and a number in the samples."""
    document = {
        "id": template.id if world.options.template_id == "number" else str(template.id),
        "account": template.account,
        "name": template.name,
        "targetingCriteria": template.targeting_criteria,
        "approximateMemberCount": template.members,
        "created": template.created.shown(),
        "lastModified": template.modified.shown(),
    }
    return document if template.description is None else document | {"description": template.description}
