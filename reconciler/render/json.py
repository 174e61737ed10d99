"""Plans and reports as versioned JSON documents."""

import json
from collections.abc import Sequence
from typing import Any

from reconciler.compare import NOTHING, FieldChange
from reconciler.errors import Origin, Problem
from reconciler.model import canonical_digest
from reconciler.plan import Action, Change, Plan, Violation
from reconciler.report import Followed, Report

PLAN_FORMAT = "reconciler.plan/1"
DRIFT_FORMAT = "reconciler.drift/1"
REPORT_FORMAT = "reconciler.report/1"
VALIDATION_FORMAT = "reconciler.validation/1"


def document(format_: str, environments: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A document of one format over several environments, with a digest of itself."""
    body = {"format": format_, "environments": list(environments)}
    return {**body, "digest": canonical_digest(body)}


def plan_entry(plan: Plan) -> dict[str, Any]:
    """One environment of a plan."""
    difference = plan.difference
    return {
        **_head(plan),
        "changes": [_change(change) for change in plan.changes],
        "summary": _summary(plan),
        "unmanaged": [{"kind": key.kind, "id": key.id} for key in difference.unmanaged],
        "unverified": [
            {"kind": one.key.kind, "id": one.key.id, "path": list(one.path), "why": one.why}
            for one in difference.unverified
        ],
        "calls": {
            "read": plan.calls.read,
            "apply": {"read": plan.calls.apply_read, "write": plan.calls.apply_write},
        },
        "violations": [_violation(violation) for violation in plan.violations],
        "warnings": [
            {"kind": one.key.kind, "id": one.key.id, "message": one.message} for one in plan.warnings
        ],
        "options": dict(plan.options),
    }


def report_entry(report: Report) -> dict[str, Any]:
    """One environment of a report."""
    return {
        **_head(report.plan),
        "changes": [
            {
                **_change(outcome.change),
                "outcome": outcome.result,
                "error": outcome.error,
                "attempts": outcome.attempts,
                **({"warning": outcome.warning} if outcome.warning else {}),
            }
            for outcome in report.outcomes
        ],
        "summary": _summary(report.plan),
        "calls": {"read": report.reads, "write": report.writes},
        "converged": report.converged,
        "remaining": [{"kind": key.kind, "id": key.id} for key in report.remaining],
        "error": report.error,
        **({"after_apply": [*map(_followed, report.followed)]} if report.followed else {}),
    }


def _followed(one: Followed) -> dict[str, Any]:
    run = {"run_id": one.run_id} if one.run_id else {}
    return {one.what: one.subject, "outcome": one.result, "error": one.error, **run}


def validation_entry(name: str, resources: int, warnings: Sequence[Problem]) -> dict[str, Any]:
    """One environment whose files are sound."""
    return {"name": name, "resources": resources, "warnings": [str(problem) for problem in warnings]}


def error_entry(name: str, type_: str, message: str) -> dict[str, Any]:
    """The place of an environment that failed."""
    return {"name": name, "error": {"type": type_, "message": message}}


def text_of(document: dict[str, Any]) -> str:
    """A document for machines: ASCII, so that nothing in it can command a terminal."""
    return json.dumps(document, indent=2) + "\n"


def _head(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "target": plan.target,
        "airflow_version": plan.airflow_version,
        "ledger_serial": plan.ledger_serial,
    }


def _summary(plan: Plan) -> dict[str, int]:
    difference = plan.difference
    return {
        **{action.value: plan.count(action) for action in Action},
        "unchanged": len(difference.unchanged),
        "unmanaged": len(difference.unmanaged),
        "unverified": len(difference.unverified),
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {name: value for name, value in vars(violation).items() if name != "key"}


def _change(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.key.kind,
        "id": change.key.id,
        "reason": change.reason,
        "origin": origin_entry(change.origin),
        "fields": [_field(field) for field in change.fields],
        "digest_before": change.digest_before,
        "digest_after": change.digest_after,
        **({"edit": vars(change.edit)} if change.edit else {}),
    }


def origin_entry(origin: Origin | None) -> dict[str, Any] | None:
    """Where something is declared, ``None`` where it is nowhere."""
    return origin and {"file": origin.file, "line": origin.line, "column": origin.column}


def _field(field: FieldChange) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": list(field.path)}
    if field.secret:
        return {**shown, "secret": True, "ref": field.ref}
    sides = {"before": field.before, "after": field.after}
    return {
        **shown,
        **{name: value for name, value in sides.items() if value is not NOTHING},
        "secret": False,
    }
