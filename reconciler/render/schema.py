"""The JSON Schema of the documents that machines read: plans, drift and reports."""

from typing import Any, get_args

from reconciler.diagnosis import FindingState
from reconciler.kinds import KINDS
from reconciler.plan import Action, Reason
from reconciler.render.doctor import FORMAT as DOCTOR_FORMAT
from reconciler.render.events import EVENT_FORMAT, TRIGGER_FORMAT
from reconciler.render.json import DRIFT_FORMAT, PLAN_FORMAT, REPORT_FORMAT
from reconciler.render.listing import FORMAT as ENVIRONMENTS_FORMAT
from reconciler.render.side_by_side import FORMAT as COMPARE_FORMAT
from reconciler.side_by_side import Where

COUNT = {"type": "integer", "minimum": 0}
DIGEST = {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"}
KIND = {"enum": [kind.name for kind in KINDS]}
TEXT = {"type": "string"}
PATH = {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}
KEY = {"kind": KIND, "id": TEXT}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> dict[str, Any]:
    """One schema for the three formats: they share one shape."""
    formats = [PLAN_FORMAT, DRIFT_FORMAT, REPORT_FORMAT]
    return {
        "$schema": DIALECT,
        "title": "What reconciler plans, finds or has done",
        **_object({"format": {"enum": formats}, "environments": _list(_environment()), "digest": DIGEST}),
    }


def compare_schema() -> dict[str, Any]:
    """Two environments side by side; nothing is compared where one has failed."""
    return {
        "$schema": DIALECT,
        "title": "What differs between two environments",
        **_object(
            {
                "format": {"const": COMPARE_FORMAT},
                "environments": {**_list({"oneOf": [_side(), _failed()]}), "minItems": 2, "maxItems": 2},
                "comparison": {"oneOf": [_comparison(), {"type": "null"}]},
                "digest": DIGEST,
            }
        ),
    }


def doctor_schema() -> dict[str, Any]:
    """What each check of each environment has come to."""
    environments = _list({"oneOf": [_diagnosis(), _failed()]})
    return {
        "$schema": DIALECT,
        "title": "What doctor finds",
        **_object({"format": {"const": DOCTOR_FORMAT}, "environments": environments, "digest": DIGEST}),
    }


def trigger_schema() -> dict[str, Any]:
    """A run that has been started, as it was last seen."""
    maybe = {"type": ["string", "null"]}
    times = dict.fromkeys(("logical_date", "start_date", "end_date"), maybe)
    run = _object({"dag_id": TEXT, "run_id": TEXT, "state": TEXT, **times})
    flag = {"type": "boolean"}
    return _started("The run of a DAG", TRIGGER_FORMAT, {"run": run, "paused": flag, "waited": flag})


def event_schema() -> dict[str, Any]:
    """An event that has been created."""
    event = _object({"uri": TEXT, "asset_id": COUNT, "timestamp": TEXT, "mark": TEXT})
    return _started("An event of a dataset or an asset", EVENT_FORMAT, {"event": event})


def _started(title: str, format_: str, made: dict[str, Any]) -> dict[str, Any]:
    calls = _object({"read": COUNT, "write": COUNT})
    done = _object({"name": TEXT, "target": TEXT, "airflow_version": TEXT, **made, "calls": calls})
    environments = {**_list({"oneOf": [done, _failed()]}), "minItems": 1, "maxItems": 1}
    properties = {"format": {"const": format_}, "environments": environments, "digest": DIGEST}
    return {"$schema": DIALECT, "title": title, **_object(properties)}


def _diagnosis() -> dict[str, Any]:
    maybe = {"type": ["string", "null"]}
    states = list(get_args(FindingState))
    finding = _object({"check": TEXT, "state": {"enum": states}, "seen": TEXT, "advice": maybe})
    return _object(
        {
            "name": TEXT,
            "target": maybe,
            "airflow_version": maybe,
            "findings": _list(finding),
            "summary": _object(dict.fromkeys(states, COUNT)),
            "calls": _object({"read": COUNT, "write": COUNT}),
        }
    )


def environments_schema() -> dict[str, Any]:
    """Which environments a run would be about."""
    listed = _object({"name": TEXT, "folder": TEXT, "target": TEXT})
    return {
        "$schema": DIALECT,
        "title": "The environments that reconciler plan --list names",
        **_object(
            {
                "format": {"const": ENVIRONMENTS_FORMAT},
                "environments": _list({"oneOf": [listed, _failed()]}),
                "digest": DIGEST,
            }
        ),
    }


def _side() -> dict[str, Any]:
    version = {"type": ["string", "null"]}
    calls = _object({"read": COUNT})
    return _object({"name": TEXT, "target": TEXT, "airflow_version": version, "calls": calls})


def _comparison() -> dict[str, Any]:
    wheres = list(get_args(Where))
    origins = _object({"first": _origin(), "second": _origin()})
    fields = _list({"oneOf": [_sides({}, secret=False), _sides(_reference(), secret=True)]})
    return _object(
        {
            "differences": _list(
                _object({"in": {"enum": wheres}, **KEY, "origins": origins, "fields": fields})
            ),
            "summary": _object(dict.fromkeys((*wheres, "equal", "unverified"), COUNT)),
            "unverified": _list(_unverified()),
        }
    )


def _sides(value: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    """A field that differs; the side that does not have it is left out."""
    made = _object({"path": PATH, "first": value, "second": value, "secret": {"const": secret}})
    return {**made, "required": ["path", "secret"]}


def _reference() -> dict[str, Any]:
    return _object({"ref": {"type": ["string", "null"]}})


def _failed() -> dict[str, Any]:
    return _object({"name": TEXT, "error": _object({"type": TEXT, "message": TEXT})})


def _unverified() -> dict[str, Any]:
    return _object({**KEY, "path": PATH, "why": TEXT})


def _origin() -> dict[str, Any]:
    return {**_object({"file": TEXT, "line": COUNT, "column": COUNT}), "type": ["object", "null"]}


def _environment() -> dict[str, Any]:
    head = {
        "name": TEXT,
        "target": TEXT,
        "airflow_version": TEXT,
        "ledger_serial": {"type": ["integer", "null"]},
        "changes": _list(_change()),
        "summary": _object(dict.fromkeys(_summary_names(), COUNT)),
    }
    plan = {
        **head,
        "unmanaged": _list(_object(KEY)),
        "unverified": _list(_unverified()),
        "calls": _object({"read": COUNT, "apply": _object({"read": COUNT, "write": COUNT})}),
        "violations": _list(_violation()),
        "warnings": _list(_object({**KEY, "message": TEXT})),
        "options": _options(),
    }
    report = {
        **head,
        "calls": _object({"read": COUNT, "write": COUNT}),
        "converged": {"type": "boolean"},
        "remaining": _list(_object(KEY)),
        "error": {"type": ["string", "null"]},
    }
    reported = {**_object({**report, "after_apply": _list(_followed())}), "required": list(report)}
    return {"oneOf": [_object(plan), reported, _failed()]}


def _followed() -> dict[str, Any]:
    """An event or a DAG run that followed an apply."""
    outcome = {
        "outcome": {"enum": ["done", "failed", "skipped"]},
        "error": {"type": ["string", "null"]},
    }
    event = _object({"event": TEXT, **outcome})
    run = _object({"trigger": TEXT, **outcome, "run_id": TEXT})
    return {"oneOf": [event, {**run, "required": ["trigger", *outcome]}]}


def _options() -> dict[str, Any]:
    """What shaped the plan beside the files."""
    numbers = {"type": "object", "additionalProperties": COUNT}
    return _object(
        {
            "kinds": _list(KIND),
            "only": _list(TEXT),
            "resend_secrets": {"type": "boolean"},
            "allow_deletes": numbers,
            "allow_missing": numbers,
            "adopt": _list(TEXT),
            "allow_delete": _list(TEXT),
        }
    )


def _summary_names() -> list[str]:
    return [*(action.value for action in Action), "unchanged", "unmanaged", "unverified"]


def _change() -> dict[str, Any]:
    required = {
        "action": {"enum": [action.value for action in Action]},
        **KEY,
        "reason": {"enum": list(get_args(Reason))},
        "origin": _origin(),
        "fields": _list(_field()),
        "digest_before": DIGEST,
        "digest_after": DIGEST,
    }
    outcome = {
        "outcome": {"enum": ["done", "refused", "unknown", "skipped"]},
        "error": {"type": ["string", "null"]},
        "attempts": COUNT,
        "warning": TEXT,
    }
    edit = {"edit": _object({"owner": TEXT, "when": TEXT, "event": TEXT})}
    return {**_object({**required, **outcome, **edit}), "required": list(required)}


def _field() -> dict[str, Any]:
    readable = {"path": PATH, "before": {}, "after": {}, "secret": {"const": False}}
    secret = {"path": PATH, "secret": {"const": True}, "ref": {"type": ["string", "null"]}}
    return {"oneOf": [{**_object(readable), "required": ["path", "secret"]}, _object(secret)]}


def _violation() -> dict[str, Any]:
    optional = {"allow": {"type": ["string", "null"]}}
    return _object({"guard": TEXT, "kind": KIND, "count": COUNT, "limit": COUNT, "message": TEXT, **optional})


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
