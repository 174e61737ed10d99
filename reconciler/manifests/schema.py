"""The JSON Schemas of the files that people write, generated from the kinds."""

from typing import Any

from reconciler.kinds import KINDS, Field, Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LEAF_REF = "#/$defs/leaf"
SECRET_HELP = 'must be a secret reference such as {$secret: "env:NAME"}, never the secret itself'

SECRET = {
    "type": "object",
    "properties": {
        "$secret": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]*:.+$",
            "description": "The source of the secret, a colon, and its name there.",
            "errorMessage": "must be the source of a secret, a colon and its name there, such as env:NAME",
        }
    },
    "required": ["$secret"],
    "additionalProperties": False,
    "description": "A reference to a secret: env:NAME, aws-sm:NAME[#json.key] or ssm:/NAME.",
    "errorMessage": 'must be a secret reference such as {$secret: "env:NAME"}, with nothing beside it',
}
LEAF = {
    "if": {"type": "object", "required": ["$secret"]},
    "then": {"$ref": "#/$defs/secret"},
    "else": {
        "additionalProperties": {"$ref": LEAF_REF},
        "items": {"$ref": LEAF_REF},
    },
}
STRING_OR_SECRET = {
    "if": {"type": "object"},
    "then": {"$ref": "#/$defs/secret"},
    "else": {"type": "string"},
}


def manifest_schema() -> dict[str, Any]:
    """What a manifest may hold; ``null`` removes what a lower layer declares."""
    sections = {kind.collection: _section(kind, {"$ref": f"#/$defs/{kind.name}"}) for kind in KINDS}
    absent = {kind.collection: _tombstones(kind) for kind in KINDS}
    return {
        "$schema": DIALECT,
        "title": "Airflow resources for reconciler",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            **sections,
            "absent": {
                **_object(absent),
                "type": ["object", "null"],
                "description": "Ids that are deleted wherever they are found.",
            },
        },
        "$defs": {"secret": SECRET, "leaf": LEAF, **{kind.name: _resource(kind) for kind in KINDS}},
    }


GLOBS = {"type": "array", "items": {"type": "string"}}
LIMIT = {
    "type": ["integer", "string"],
    "minimum": 0,
    "pattern": "^[0-9]+%?$",
    "errorMessage": "must be a number or a percentage, such as 5 or 20%",
    "description": "Deletes of each kind: a number, or a percentage of what is owned; 0 means none.",
}
NAME = {
    "type": "string",
    "description": "The name in output; a ledger is bound to it and to the target.",
    "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
    "errorMessage": "must be up to 100 letters, digits, '_', '.' and '-', a letter or digit first",
}


def environment_schema() -> dict[str, Any]:
    """What an ``environment.yaml`` may hold."""
    return {
        "$schema": DIALECT,
        "title": "An environment for reconciler",
        **_object({**_place(), **_policy()}),
        "required": ["name", "target"],
        "$defs": {"secret": SECRET},
    }


def _place() -> dict[str, Any]:
    """Which Airflow it is, how to reach it, and what its manifests are."""
    target_help = "Which Airflow: mwaa://REGION/NAME, http(s)://HOST[:PORT][/PREFIX] or sandbox:FILE."
    layers_help = "Folders of manifests, lower layers first; this folder is the top."
    return {
        "name": NAME,
        "target": {"type": "string", "description": target_help},
        "layers": {**GLOBS, "description": layers_help},
        "parameters": {"type": "object", "description": "What ${name} stands for in values of manifests."},
        "auth": _auth(),
    }


def _auth() -> dict[str, Any]:
    user = {**STRING_OR_SECRET, "description": "The name of the user."}
    password = {**STRING_OR_SECRET, "description": "Its password; in git only as a reference to a secret."}
    token = {**STRING_OR_SECRET, "description": "A bearer token; in git only as a reference to a secret."}
    basic = {
        **_object({"username": user, "password": password}),
        "required": ["username", "password"],
        "description": "A user's name and password; where Airflow wants a token, they are exchanged for one.",
    }
    help_text = "How to sign in at an http(s):// target: basic or token."
    ways = _object({"basic": basic, "token": token})
    return {**ways, "minProperties": 1, "maxProperties": 1, "description": help_text}


def _policy() -> dict[str, Any]:
    """What is owned, guarded and allowed."""
    ruled = "Patterns of ids that git rules alone: undeclared ones are deleted."
    allowed = "Patterns of references that may be used; without this, all."
    fingerprint = "Compares secrets whose source tells no version: kms:KEY, or a reference to a secret."
    adopt = "Declared, there already and not owned yet: taken over where it matches (the default), or always."
    rate = "Requests a second; 10 by default on MWAA, whose quota it is."
    return {
        "ledger": {
            "type": "string",
            "description": "Where to remember what is owned: file:PATH or s3://BUCKET/KEY.",
        },
        "fingerprint_key": {**STRING_OR_SECRET, "description": fingerprint},
        "adopt": {"enum": ["matching", "always"], "description": adopt},
        "authoritative": {**_object({kind.collection: _ruled(kind) for kind in KINDS}), "description": ruled},
        "limits": {**_object({"deletes": LIMIT}), "description": "What one run may do at most."},
        "secrets": {
            **_object({"allow": {**GLOBS, "description": allowed}}),
            "description": "Which secrets may be used.",
        },
        "rate_limit": {"type": "number", "exclusiveMinimum": 0, "description": rate},
        "after_apply": _after_apply(),
    }


def _after_apply() -> dict[str, Any]:
    told = "${commit} and ${changed} stand for the commit and for what has been changed."
    seconds = "With wait: seconds that the run may take; 3600 by default."
    item = _object(
        {
            "event": {
                "type": "string",
                "description": "The URI of a dataset (Airflow 2) or asset (Airflow 3).",
            },
            "extra": {"type": "object", "description": f"What the event says. {told}"},
            "trigger": {"type": "string", "description": "The id of a DAG of which a run is started."},
            "conf": {"type": "object", "description": f"The configuration of the run. {told}"},
            "wait": {"type": "boolean", "description": "Whether the apply fails unless the run succeeds."},
            "timeout": {"type": "number", "exclusiveMinimum": 0, "description": seconds},
            "when": {**GLOBS, "description": "Patterns of kind/id: only if one of these has been changed."},
        }
    )
    described = {**item, "description": "One event, or one run of a DAG."}
    help_text = "What is done after an apply that has changed something and has converged."
    return {"type": "array", "items": described, "description": help_text}


def _ruled(kind: Kind) -> dict[str, Any]:
    return {**GLOBS, "description": f"Patterns of ids of {kind.collection}, such as etl_*."}


def _tombstones(kind: Kind) -> dict[str, Any]:
    help_text = f"Ids of {kind.collection} that are deleted wherever they are found."
    return {**_nullable({"type": "array", "items": {"type": "string"}}), "description": help_text}


def _section(kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
    if kind.shorthand:
        body = {"if": {"type": "object"}, "then": body, "else": {"$ref": LEAF_REF}}
    help_text = f"Airflow's {kind.collection}, each under its id."
    return {"type": ["object", "null"], "additionalProperties": body, "description": help_text}


def _resource(kind: Kind) -> dict[str, Any]:
    fields = {field.name: _field(field) for field in kind.fields}
    meta: dict[str, Any] = {
        "ignore": _nullable({"type": "array", "items": {"enum": list(kind.field_names)}}),
        "protect": {"type": ["boolean", "null"], "description": "Refuses to delete or replace it."},
        "secret_version": {"type": ["integer", "null"], "description": "Raise it to send the secrets again."},
    }
    meta["ignore"]["description"] = "Fields that are set on creation and then left to Airflow."
    if kind.shorthand:
        help_text = "False where the name looks secret and the value is none: silences the warning."
        meta["sensitive"] = {"type": ["boolean", "null"], "description": help_text}
    schema = _object({**fields, **meta})
    return {**schema, "type": "object" if kind.shorthand else ["object", "null"]}


def _field(field: Field) -> dict[str, Any]:
    described = {"description": field.doc}
    if field.secret == "whole":
        return {
            **described,
            "anyOf": [{"$ref": "#/$defs/secret"}, {"const": ""}, {"type": "null"}],
            "errorMessage": SECRET_HELP,
        }
    if field.secret == "leaves":
        return {**described, "allOf": [_nullable(dict(field.schema)), {"$ref": LEAF_REF}]}
    return {**described, **_nullable(dict(field.schema))}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


SCHEMAS = {"manifest": manifest_schema, "environment": environment_schema}
