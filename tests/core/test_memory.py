import gc
import weakref
from pathlib import Path

from reconciler.engine import Run, plan_environment
from reconciler.manifests import load_environment
from reconciler.sandbox.emulator import Emulator


def test_a_plan_is_freed_with_its_last_reference(tmp_path: Path) -> None:
    """Where one process makes many, a circle would keep both sides of each until Python looks for circles."""
    (tmp_path / "environment.yaml").write_text(
        "name: e\ntarget: sandbox:state.json?airflow=3\nledger: file:l\n"
    )
    (tmp_path / "m.yaml").write_text(
        "variables: {a: {value: [1, {b: x}]}}\npools: {default_pool: {slots: 128}}\n"
    )
    environment = load_environment(tmp_path, frozenset())
    gc.collect()
    gc.disable()
    try:
        planned = plan_environment(environment, Emulator(None, "3.3.1"), None, Run())
        assert planned.plan.changes
        comparison = weakref.ref(planned.comparison)
        del planned
        assert comparison() is None
    finally:
        gc.enable()
