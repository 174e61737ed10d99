"""The validation of a bulk request's body (``datamodels/common.py``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.answers import Error, Refusal, plain_failure, unprocessable
from reconciler.sandbox.calls import Call
from reconciler.sandbox.v2_bodies import post_columns
from reconciler.sandbox.v2_writes import refuse_unloggable, team_error
from reconciler.sandbox.validation import Loc, error, validated

_ON_CONFLICT = {
    "create": ("action_on_existence", ("fail", "skip", "overwrite")),
    "update": ("action_on_non_existence", ("fail", "skip")),
    "delete": ("action_on_non_existence", ("fail", "skip")),
}


@dataclass(frozen=True)
class Action:
    """One action: its entities by key, a deleted one without fields."""

    name: str
    entities: tuple[tuple[str, Mapping[str, Any]], ...]
    on_conflict: str
    update_mask: tuple[str, ...] | None


def parsed(call: Call) -> list[Action]:
    """The body's actions; raises Refusal with everything that is wrong anywhere in it."""
    if call.body is not None:
        refuse_unloggable(call)
    errors = list(_errors(call))
    if errors:
        raise Refusal(unprocessable(errors, twice=call.personality.bulk_errors_twice))
    return [_action(call, action) for action in call.body["actions"]]


def _errors(call: Call) -> Iterator[Error]:
    body = call.body
    if body is None:
        yield error("missing", ("body",), "Field required", None)
    elif not isinstance(body, Mapping):
        _, wrong = validated((), body)
        yield from wrong
    elif "actions" not in body:
        yield error("missing", ("body", "actions"), "Field required", dict(body))
    elif not isinstance(body["actions"], list):
        yield error("list_type", ("body", "actions"), "Input should be a valid list", body["actions"])
    else:
        for index, action in enumerate(body["actions"]):
            yield from _action_errors(call, action, index)
    if isinstance(body, Mapping):
        yield from _extra(body, {"actions"}, ("body",))


def _extra(given: Mapping[str, Any], known: set[str], loc: Loc) -> Iterator[Error]:
    for name, value in given.items():
        if name not in known:
            yield error("extra_forbidden", (*loc, name), "Extra inputs are not permitted", value)


def _action_errors(call: Call, action: Any, index: int) -> Iterator[Error]:
    if not isinstance(action, Mapping) or action.get("action") not in _ON_CONFLICT:
        raise Refusal(plain_failure())
    name = action["action"]
    loc: Loc = ("body", "actions", index, name)
    choice, choices = _ON_CONFLICT[name]
    yield from _entities_errors(call, action, (*loc, "entities"))
    masked = name == "update" and call.personality.bulk_update_mask
    if masked:
        yield from _mask_errors(action.get("update_mask"), (*loc, "update_mask"))
    if action.get(choice, "fail") not in choices:
        *others, last = map(repr, choices)
        wanted = f"{', '.join(others)} or {last}"
        yield error("enum", (*loc, choice), f"Input should be {wanted}", action[choice], expected=wanted)
    yield from _extra(action, {"action", "entities", choice, *(["update_mask"] if masked else [])}, loc)


def _mask_errors(mask: Any, loc: Loc) -> Iterator[Error]:
    if mask is not None and not isinstance(mask, list):
        yield error("list_type", loc, "Input should be a valid list", mask)
    for index, name in enumerate(mask if isinstance(mask, list) else ()):
        if not isinstance(name, str):
            yield error("string_type", (*loc, index), "Input should be a valid string", name)


def _entities_errors(call: Call, action: Mapping[str, Any], loc: Loc) -> Iterator[Error]:
    if "entities" not in action:
        yield error("missing", loc, "Field required", dict(action))
        return
    if not isinstance(action["entities"], list):
        yield error("list_type", loc, "Input should be a valid list", action["entities"])
        return
    check = _deleted_errors if action["action"] == "delete" else _entity_errors
    for index, entity in enumerate(action["entities"]):
        yield from check(call, entity, (*loc, index))


def _entity_errors(call: Call, entity: Any, loc: Loc) -> list[Error]:
    _, errors = validated(post_columns(call.personality, call.kind), entity, loc)
    return errors or team_error(call, entity, loc)


def _deleted_errors(call: Call, entity: Any, loc: Loc) -> Iterator[Error]:
    """A key or, in newer versions, a whole entity, which passes here and fails later."""
    if isinstance(entity, str):
        return
    bodies = call.personality.bulk_deletes_bodies
    wrong = _entity_errors(call, entity, (*loc, _model(call))) if bodies else []
    if wrong or not bodies:
        where = (*loc, "str") if bodies else loc
        yield error("string_type", where, "Input should be a valid string", entity)
        yield from wrong


def _model(call: Call) -> str:
    """How pydantic calls the model of an entity in a ``loc``."""
    model = f"{call.kind.name.capitalize()}Body"
    return f"function-after[validate_team_name(), {model}]" if call.personality.team_name_refused else model


def _action(call: Call, action: Mapping[str, Any]) -> Action:
    choice, _ = _ON_CONFLICT[action["action"]]
    mask = action.get("update_mask")
    return Action(
        action["action"],
        tuple(_entity(call, action["action"], entity) for entity in action["entities"]),
        action.get(choice, "fail"),
        None if mask is None else tuple(mask),
    )


def _entity(call: Call, name: str, entity: Any) -> tuple[str, Mapping[str, Any]]:
    if name == "delete":
        if not isinstance(entity, str):
            raise Refusal(plain_failure())
        return entity, {}
    fields, _ = validated(post_columns(call.personality, call.kind), entity)
    return fields.pop(call.kind.id_field), fields
