"""Environments as text, and what became of them as text."""

from pathlib import Path
from typing import Any

from reconciler.errors import ManifestError
from reconciler.guards import DEFAULT_LIMIT
from reconciler.manifests import Environment, load_environment
from reconciler.model import Secret

SCHEMES = frozenset({"aws-sm", "env", "ssm"})
MINIMAL = "name: dev\ntarget: sandbox:sandbox.json\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """The environment ``dev`` in ``folder``; it gets a minimal ``environment.yaml`` where there is none."""
    for name, content in {"dev/environment.yaml": MINIMAL, **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "dev"


def problems_of(folder: Path) -> list[str]:
    """What loading ``folder`` complains of, a line for each problem; empty if it loads."""
    try:
        load_environment(folder, SCHEMES)
    except ManifestError as error:
        return str(error).splitlines()
    return []


def problems_in(folder: Path, manifest: str | bytes, environment: str = MINIMAL) -> list[str]:
    """What loading one manifest complains of."""
    return problems_of(write(folder, {"dev/environment.yaml": environment, "dev/m.yaml": manifest}))


def loaded(folder: Path) -> Environment:
    return load_environment(folder, SCHEMES)


def described(environment: Environment) -> dict[str, Any]:
    """All that was understood of an environment's files, as plain data."""
    settings = _settings(environment)
    found: dict[str, Any] = {**({"settings": settings} if settings else {}), "resources": {}}
    for key, resource in environment.desired.items():
        extras = {
            "ignore": sorted(resource.ignore),
            "protect": resource.protect,
            "secret_version": resource.secret_version,
        }
        found["resources"][str(key)] = {
            "at": str(resource.origin),
            "fields": plain(resource.fields),
            **{name: value for name, value in extras.items() if value},
        }
    if environment.absent:
        found["absent"] = {str(key): str(origin) for key, origin in environment.absent.items()}
    if environment.warnings:
        found["warnings"] = [str(problem) for problem in environment.warnings]
    return found


def _settings(environment: Environment) -> dict[str, Any]:
    """What an environment says of its ledger and its guards, as far as it says anything."""
    limit = environment.delete_limit
    settings = {
        "ledger": environment.ledger,
        "fingerprint_key": plain(environment.fingerprint_key),
        "adopt": "always" if environment.adopt_always else None,
        "deletes": None if limit == DEFAULT_LIMIT else vars(limit),
    }
    return {name: value for name, value in settings.items() if value is not None}


def plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return f"secret {value.ref}"
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
