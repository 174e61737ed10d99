"""The ledger as the JSON document that a store keeps, and the schema of it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from reconciler.errors import WrongLedger
from reconciler.kinds import KINDS
from reconciler.ledger import Binding, Entry, Lease, Ledger, Pending
from reconciler.model import Key
from reconciler.plan import Action
from reconciler.records import Record

FORMAT = "reconciler.ledger/1"


def dump(ledger: Ledger) -> str:
    """The document's text, the same for the same ledger."""
    return json.dumps(document(ledger), sort_keys=True) + "\n"


def document(ledger: Ledger) -> dict[str, Any]:
    """The ledger as JSON values: no value of a resource is among them."""
    return {
        "format": FORMAT,
        "environment": vars(ledger.binding),
        "serial": ledger.serial,
        "salt": base64.b64encode(ledger.salt).decode(),
        "lease": None if ledger.lease is None else vars(ledger.lease),
        "owned": {
            kind.name: {
                key.id: _entry(entry)
                for key, entry in sorted(ledger.entries.items())
                if key.kind == kind.name
            }
            for kind in KINDS
        },
    }


def _entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if entry.record is not None:
        found = {"marks": dict(entry.record.marks), "secrets": dict(entry.record.secrets)}
        found |= {"protect": entry.record.protect, "secret_version": entry.record.secret_version}
    if entry.pending is not None:
        pending = entry.pending
        found["pending"] = {
            "action": pending.action.value,
            "marks": dict(pending.marks),
            "secrets": dict(pending.secrets),
            "protect": pending.protect,
        }
    return found


def parse(text: str, place: str) -> Ledger:
    """The ledger in a document; raises WrongLedger for anything that ``dump`` does not write."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise WrongLedger(f"{place} is no ledger of the format {FORMAT}; nothing was written")
        return _checked(_ledger(found), found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        what = "cannot be read as a ledger; restore it from an older version, or move it away to start anew"
        raise WrongLedger(f"{place} {what}") from None


def _checked(ledger: Ledger, found: Mapping[str, Any]) -> Ledger:
    """The ledger if nothing of its document is lost, which may be older than a kind; raises ValueError."""
    owned = {kind.name: {} for kind in KINDS} | found["owned"]
    if ledger.serial < 0 or {**found, "owned": owned} != document(ledger):
        raise ValueError
    return ledger


def _ledger(found: Mapping[str, Any]) -> Ledger:
    return Ledger(
        binding=Binding(**_typed(found["environment"], name=str, target=str, account=str | None)),
        salt=base64.b64decode(found["salt"]),
        serial=_typed(found, serial=int)["serial"],
        lease=None if found["lease"] is None else _lease(found["lease"]),
        entries={
            Key(kind, id_): _parsed_entry(entry)
            for kind, entries in found["owned"].items()
            for id_, entry in entries.items()
        },
    )


def _lease(found: Mapping[str, Any]) -> Lease:
    return Lease(**_typed(found, id=str, holder=str, since=str, seconds=int | float))


def _parsed_entry(found: Mapping[str, Any]) -> Entry:
    record = pending = None
    if "marks" in found:
        version = _typed(found, protect=bool, secret_version=int | None)
        record = Record(_texts(found["marks"]), _texts(found["secrets"]), **version)
    if "pending" in found:
        one = found["pending"]
        protect = _typed(one, protect=bool)["protect"]
        pending = Pending(Action(one["action"]), _texts(one["marks"]), _texts(one["secrets"]), protect)
    if (record is None and pending is None) or (pending is not None and pending.action.only_ledger):
        raise ValueError
    return Entry(record, pending)


def _typed(found: Mapping[str, Any], **types: Any) -> dict[str, Any]:
    """The named members; raises KeyError or TypeError where one is missing or of another type."""
    for name, type_ in types.items():
        value = found[name]
        if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
            raise TypeError
    return {name: found[name] for name in types}


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in found.values()):
        raise TypeError
    return dict(found)


def ledger_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    text_or_null = {"type": ["string", "null"]}
    lease = _object({"id": _TEXT, "holder": _TEXT, "since": _TEXT, "seconds": {"type": "number"}})
    actions = {"enum": ["create", "update", "replace", "delete"]}
    pending = _object({"action": actions, "marks": texts, "secrets": texts, "protect": _FLAG})
    record = {
        "marks": {
            **texts,
            "description": "What was last written, as digests, by the pointers of the leaves.",
        },
        "secrets": {**texts, "description": "References of leaves that hold or once held a secret."},
        "protect": _FLAG,
        "secret_version": {"type": ["integer", "null"]},
    }
    entry = {**_object({**record, "pending": pending}), "required": []}
    owned = {"type": "object", "additionalProperties": {**entry, "minProperties": 1}}
    shown = {
        "format": {"const": FORMAT},
        "environment": _object({"name": _TEXT, "target": _TEXT, "account": text_or_null}),
        "serial": {"type": "integer", "minimum": 0},
        "lease": {"oneOf": [{"type": "null"}, lease]},
        "owned": _object({kind.name: owned for kind in KINDS}),
    }
    salt = {"type": "string", "description": "Keys the marks of plain leaves; base64. Stored, never shown."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What reconciler owns in an environment",
        **_object({**shown, "salt": salt}),
        "required": list(shown),
    }


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
