from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.backends import Method, Request, Response
from reconciler.sandbox.emulator import Emulator

Query = Mapping[str, str | tuple[str, ...]]


def emulator(version: str = "3.3.1", file: Path | None = None) -> Emulator:
    return Emulator(file, version)


def call(
    airflow: Emulator, method: Method, path: str, body: Any = None, query: Query | None = None
) -> Response:
    return airflow.send(Request(method, path, query or {}, body))


def get(airflow: Emulator, path: str, query: Query | None = None) -> Any:
    response = call(airflow, "GET", path, None, query)
    assert response.status == 200, response
    return response.body


def post(airflow: Emulator, path: str, body: Any) -> Any:
    response = call(airflow, "POST", path, body)
    assert response.status in (200, 201), response
    return response.body


def variable(airflow: Emulator, key: str, value: str, **others: Any) -> None:
    post(airflow, "/variables", {"key": key, "value": value, **others})


def connection(airflow: Emulator, key: str, **fields: Any) -> None:
    post(airflow, "/connections", {"connection_id": key, "conn_type": "http", **fields})
