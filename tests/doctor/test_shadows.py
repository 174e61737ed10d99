"""Managed ids that a secrets backend hides, out of the environment's own configuration."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.amazon import Place
from reconciler.backends import Backend, Request, Response
from reconciler.cli.main import run
from reconciler.diagnosis import Finding
from reconciler.doctor.lookups import MANAGER, PARAMETERS, Unreadable, lookups
from reconciler.doctor.shadows import shadows
from reconciler.model import Key
from tests.aws import support as aws_support
from tests.doctor.conftest import Serve
from tests.doctor.support import CANARY, Looked, Watched, emulator, look, write

V = "airflow/variables"
A, C = Key("variable", "a"), Key("connection", "c")


def configured(backend: str, **arguments: Any) -> dict[str, str]:
    return {"secrets.backend": backend, "secrets.backend_kwargs": json.dumps(arguments)}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {}),
        ({"secrets.backend_kwargs": '{"connections_lookup_pattern": "x"}'}, {}),
        ({"secrets.backend": ""}, {}),
        ({"secrets.backend": MANAGER}, {A: "airflow/variables/a", C: "airflow/connections/c"}),
        (configured(MANAGER, sep="-"), {A: "airflow/variables-a", C: "airflow/connections-c"}),
        (configured(MANAGER, variables_prefix=None), {C: "airflow/connections/c"}),
        (configured(MANAGER, variables_prefix="", connections_prefix=None), {A: "a"}),
        (configured(MANAGER, variables_lookup_pattern="^A$", connections_prefix=None), {A: f"{V}/a"}),
        (configured(MANAGER, connections_lookup_pattern="^(?!c$).*$"), {A: "airflow/variables/a"}),
        ({"secrets.backend": PARAMETERS}, {A: "/airflow/variables/a", C: "/airflow/connections/c"}),
        (configured(PARAMETERS, variables_prefix="/x/", connections_prefix=None), {A: "/x/a"}),
        ({"workers.secrets_backend": PARAMETERS}, {A: "/airflow/variables/a", C: "/airflow/connections/c"}),
    ],
)  # fmt: skip
def test_where_airflow_looks_first_follows_from_its_options(
    options: Mapping[str, str], names: Mapping[Key, str]
) -> None:
    found = {key: name for one in lookups(options) for name, key in one.names((A, C)).items()}
    assert found == names


@pytest.mark.parametrize(
    "options",
    [
        {"secrets.backend": "airflow.providers.hashicorp.secrets.vault.VaultBackend"},
        {"secrets.backend": MANAGER, "secrets.backend_kwargs": "< hidden >"},
        {"secrets.backend": MANAGER, "secrets.backend_kwargs": "[]"},
        configured(MANAGER, variables_lookup_pattern="("),
    ],
)
def test_what_nobody_can_tell_is_not_guessed(options: Mapping[str, str]) -> None:
    with pytest.raises(Unreadable):
        lookups(options)


Look = Callable[..., Looked]


@pytest.fixture
def on_mwaa(service: Serve, tmp_path: Path) -> Look:
    def run(options: dict[str, str], *names: str, connections: tuple[str, ...] = ()) -> Looked:
        target = service(emulator(), options=options)
        declared = {name: {"conn_type": "http"} for name in connections}
        settings = {"rate_limit": 1000}
        folder = write(
            tmp_path / "prod",
            target,
            settings=settings,
            variables=dict.fromkeys(names, "x"),
            connections=declared,
        )
        return look(folder)

    return run


def shadowed(found: Looked) -> list[str]:
    return [one.seen.partition(" ")[0] for one in found.all("shadows") if one.state == "failed"]


def test_variables_and_connections_in_secrets_manager_are_found(on_mwaa: Look) -> None:
    prefix = aws_support.fresh("shadows")
    with aws_support.client("secretsmanager") as manager:
        for name in ("v/here", "v/unmanaged", "c/db", "v/herewith"):
            manager.create_secret(Name=f"{prefix}/{name}", SecretString=CANARY)
        manager.create_secret(Name=f"{prefix}/v/deleted", SecretString=CANARY)
        manager.delete_secret(SecretId=f"{prefix}/v/deleted")
    options = configured(MANAGER, variables_prefix=f"{prefix}/v", connections_prefix=f"{prefix}/c")

    found = on_mwaa(options, "here", "free", "deleted", connections=("db", "other"))

    assert shadowed(found) == ["variable/here", "connection/db"]
    assert f"Airflow reads {prefix}/v/here in Secrets Manager first" in found.all("shadows")[0].seen


def test_parameters_are_found(on_mwaa: Look) -> None:
    prefix = f"/{aws_support.fresh('shadows')}"
    with aws_support.client("ssm") as ssm:
        ssm.put_parameter(Name=f"{prefix}/here", Value=CANARY, Type="SecureString")
    options = configured(PARAMETERS, variables_prefix=prefix, connections_prefix=None)

    found = on_mwaa(options, "here", "free")

    assert shadowed(found) == ["variable/here"]


def test_what_is_not_looked_up_there_is_not_asked_for(on_mwaa: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = aws_support.recorded(monkeypatch)

    found = on_mwaa(configured(MANAGER, variables_lookup_pattern="^team_"), "a")

    assert found["shadows"].seen == "nothing that is managed is looked up in the secrets backend"
    assert "ListSecrets" not in {operation for operation, _ in asked}


def test_nothing_hidden_is_said_with_the_place_that_was_looked_at(on_mwaa: Look) -> None:
    found = on_mwaa(configured(MANAGER, connections_prefix=None, variables_prefix="none/here"), "a", "b")

    assert found["shadows"].seen == "none of 2 managed variables is in Secrets Manager under 'none/here'"


def with_role(monkeypatch: pytest.MonkeyPatch, backend: str, allowed: str) -> list[Finding]:
    """What the role of the backend's own arguments may see."""
    name = aws_support.fresh("prefix")
    with aws_support.client("secretsmanager") as manager:
        manager.create_secret(Name=f"{name}/here", SecretString=CANARY)
    role = aws_support.role_allowed(allowed)
    options = configured(backend, variables_prefix=name, connections_prefix=None, role_arn=role)
    managed = {Key("variable", "here"), Key("variable", "free")}
    with aws_support.permissions_count(monkeypatch):
        return list(shadows(options, managed, Place(aws_support.REGION)))


@pytest.mark.parametrize("allowed", ["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"])
def test_the_right_to_list_or_to_describe_is_enough(
    aws: str, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    aws_support.use(monkeypatch, aws)

    (found,) = with_role(monkeypatch, MANAGER, allowed)

    assert (found.state, found.seen.partition(" ")[0]) == ("failed", "variable/here")


@pytest.mark.parametrize(
    ("backend", "action"),
    [(MANAGER, "secretsmanager:DescribeSecret"), (PARAMETERS, "ssm:DescribeParameters")],
)
def test_without_a_right_the_action_it_takes_is_named(
    aws: str, monkeypatch: pytest.MonkeyPatch, backend: str, action: str
) -> None:
    aws_support.use(monkeypatch, aws)

    (found,) = with_role(monkeypatch, backend, "s3:GetObject")

    assert found.state == "warning"
    assert action in found.advice


def test_what_the_ledger_owns_counts_as_managed(service: Serve, tmp_path: Path) -> None:
    prefix = aws_support.fresh("owned")
    with aws_support.client("secretsmanager") as manager:
        manager.create_secret(Name=f"{prefix}/was", SecretString=CANARY)
    options = configured(MANAGER, variables_prefix=prefix, connections_prefix=None)
    target = service(emulator(), options=options)
    settings = {"rate_limit": 1000, "ledger": "file:ledger.json"}
    folder = write(tmp_path / "prod", target, settings=settings, variables={"was": 1, "is": 1})
    assert run(["apply", str(folder), "--yes"]) == 0

    found = look(write(folder, target, settings=settings, variables={"is": 1}))

    assert shadowed(found) == ["variable/was"]


def exposing(sections: Mapping[str, Mapping[str, str]]) -> Watched:
    """An Airflow that shows its configuration, as ``expose_config`` lets it."""

    def instead(_behind: Backend, request: Request) -> Response | None:
        if request.path != "/config":
            return None
        name = str(request.query["section"])
        if name not in sections:
            return Response(404, {"detail": f"Section {name} not found."})
        options = [{"key": key, "value": value} for key, value in sections[name].items()]
        return Response(200, {"sections": [{"name": name, "options": options}]})

    return Watched(emulator(), instead)


@pytest.mark.parametrize(
    ("sections", "state", "seen"),
    [
        ({}, "skipped", "configuration cannot be read"),
        ({"secrets": {"backend": ""}}, "ok", "no secrets backend is configured"),
        ({"secrets": {"backend": MANAGER, "backend_kwargs": "< hidden >"}}, "warning", "hidden or no JSON"),
        ({"secrets": {"backend": "x.Vault"}}, "warning", "x.Vault is not one"),
        (
            {"secrets": {"backend": MANAGER, "backend_kwargs": '{"connections_prefix": null}'}},
            "ok",
            "none of 1 managed variables",
        ),
    ],
)
def test_elsewhere_airflow_itself_is_asked_for_its_configuration(
    stand_in: Callable[[Backend], Path], sections: dict[str, dict[str, str]], state: str, seen: str
) -> None:
    found = look(stand_in(exposing(sections)))

    assert found.state("shadows") == state
    assert seen in found["shadows"].seen


@pytest.fixture
def stand_in(service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Backend], Path]:
    """A folder whose Airflow is a backend of the test's own, and AWS beside it."""
    service(emulator())

    def make(backend: Backend) -> Path:
        monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
        return write(tmp_path / "dev", "sandbox:sandbox.json", variables={"a": 1})

    return make
