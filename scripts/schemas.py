"""Writes the schemas of all files and documents; run by ``make schemas``."""

import json
import sys
from pathlib import Path

from reconciler.ledger_document import ledger_schema
from reconciler.manifests.schema import SCHEMAS
from reconciler.render.schema import (
    compare_schema,
    doctor_schema,
    environments_schema,
    event_schema,
    plan_schema,
    trigger_schema,
)

for name, make in {
    **SCHEMAS,
    "plan": plan_schema,
    "compare": compare_schema,
    "environments": environments_schema,
    "doctor": doctor_schema,
    "trigger": trigger_schema,
    "event": event_schema,
    "ledger": ledger_schema,
}.items():
    text = json.dumps(make(), indent=2) + "\n"
    (Path(sys.argv[1]) / f"{name}.schema.json").write_text(text, encoding="utf-8")
