"""One fleet that has everything in it: each action and reason, secrets, violations, warnings and an error."""

from dataclasses import replace
from typing import Any

from reconciler.compare import FieldChange, Unverified
from reconciler.engine import Run
from reconciler.errors import Origin, Problem
from reconciler.model import Key
from reconciler.plan import Action, Calls, Change, Difference, Edit, Plan, Reason, Violation, Warned
from reconciler.render.told import Command, Failed, Item, Sound, Told
from reconciler.report import Outcome, Report

CALLS = Calls(9, 11, 4)


def change(
    action: Action,
    key: Key,
    reason: Reason,
    *fields: FieldChange,
    file: str | None = "prod/m.yaml",
    line: int = 1,
) -> Change:
    origin = Origin(file, line, 3) if file is not None else None
    return Change(action, key, reason, origin, fields, None, None)


def plan(name: str, *changes: Change, **more: Any) -> Plan:
    unmanaged, unverified = more.pop("unmanaged", ()), more.pop("unverified", ())
    difference = Difference(changes, (Key("pool", "same"),), unmanaged, unverified)
    target = f"mwaa://eu-west-1/{name}-airflow"
    made = Plan(name, target, "2.11.2", difference, (), CALLS, ledger_serial=41, options=Run().options)
    return replace(made, **more)


ETL, WAREHOUSE, OLD = (
    Key("variable", "etl_config"),
    Key("connection", "warehouse"),
    Key("variable", "old_flag"),
)
PASSWORD = ("password",)

CHANGES = (
    change(Action.CREATE, Key("pool", "etl"), "manifest", FieldChange(("slots",), after=4), line=2),
    change(Action.CREATE, Key("pool", "gone"), "missing", FieldChange(("slots",), after=2), line=5),
    change(Action.UPDATE, ETL, "manifest", FieldChange(("value", "retries"), 2, 3), line=8),
    change(Action.UPDATE, Key("variable", "hosts"), "drift", FieldChange(("value", 0), "a|b", "`c`"), line=9),
    change(
        Action.UPDATE,
        WAREHOUSE,
        "secret_rotated",
        FieldChange(PASSWORD, secret=True, ref="aws-sm:prod/warehouse#password"),
        FieldChange(("host",), "old", "new"),
        FieldChange(("extra", "token"), secret=True),
        line=12,
    ),
    change(
        Action.UPDATE,
        Key("variable", "api_key"),
        "secret_resend",
        FieldChange(("value",), secret=True, ref="env:API_KEY"),
        line=15,
    ),
    change(
        Action.UPDATE, Key("pool", "wide"), "withdrawn", FieldChange(("description",), "was", ""), line=17
    ),
    change(
        Action.REPLACE,
        Key("connection", "open"),
        "manifest",
        FieldChange(PASSWORD, secret=True),
        FieldChange(("port",), 5432),
        line=19,
    ),
    change(Action.ADOPT, Key("variable", "found"), "manifest", line=22),
    change(Action.ADOPT, Key("variable", "edited"), "recorded", line=23),
    change(Action.DELETE, OLD, "absent", line=25),
    change(Action.DELETE, Key("variable", "dropped"), "undeclared", file=None),
    change(Action.DELETE, Key("variable", "stranger"), "authoritative", file=None),
    change(Action.FORGET, Key("pool", "left"), "undeclared", file=None),
)
VIOLATIONS = (
    Violation(
        "deletes", "variable", 3, 2, "3 of 4 variables would be deleted, the limit is 2",
        "--allow-deletes variable=3",
    ),
    Violation(
        "protect", "connection", 1, 0,
        "connection/open is protected and would be replaced, which deletes it first; "
        "declare it with protect: false and apply that first", None,
        Key("connection", "open"),
    ),
    Violation(
        "adopt", "variable", 1, 0, "variable/etl_config is there already, is not ours, and differs",
        "--adopt variable/etl_config", ETL,
    ),
)  # fmt: skip
PROD = plan(
    "prod",
    *CHANGES,
    unmanaged=(Key("pool", "default_pool"), Key("variable", "theirs")),
    unverified=(Unverified(Key("connection", "quiet"), PASSWORD, "hidden", "env:QUIET"),),
    violations=VIOLATIONS,
    warnings=(Warned(WAREHOUSE, "the destination of its credentials changes (host) while the secret stays"),),
)
PROBLEMS = (
    Problem(Origin("broken/m.yaml", 3, 7), "'slots' is no number", "write it without quotes"),
    Problem(Origin("broken/m.yaml", 9, 1), "'variabels' is no section"),
)
BROKEN = Failed("broken", "ManifestError", "\n".join(map(str, PROBLEMS)), PROBLEMS)
UNREACHABLE = Failed("away", "Unreachable", "airflow.example does not answer: Connection refused")
CALM = plan("calm")

FLEET = Told("plan", [PROD, BROKEN, CALM])
EDIT = Edit("assumed-role/ops", "2026-11-25T20:18:43.422355+00:00", "api.variable.edit")
DRIFTED = tuple(replace(one, edit=EDIT) if one.reason == "drift" else one for one in CHANGES)
DRIFT = Told("drift", [plan("prod", *(one for one in DRIFTED if one.reason in {"drift", "missing"})), CALM])
REPORT = Report(
    PROD,
    (
        Outcome(CHANGES[0], "done", warning="a field was sent again alone"),
        Outcome(CHANGES[2], "refused", "400 Bad Request: no", attempts=2),
        Outcome(CHANGES[4], "unknown", "no answer", attempts=3),
        Outcome(CHANGES[10], "skipped", attempts=0),
    ),
    12,
    3,
    converged=False,
    remaining=(ETL, WAREHOUSE),
    error="the time is over",
)
APPLIED = Told("apply", [REPORT, Report(CALM, (), 9, 0, converged=True), UNREACHABLE])
VALIDATED = Told("validate", [Sound("calm", 12, (PROBLEMS[1],)), BROKEN])
SPLIT = Told("plan", [PROD], {"prod": "environments/prod"})
EVERY = (FLEET, DRIFT, APPLIED, VALIDATED)


def told(command: Command, *items: Item) -> Told:
    return Told(command, items)
