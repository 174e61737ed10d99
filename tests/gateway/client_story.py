"""Run by the Python of ``apache-airflow-client``: what that client sees of the API at a URL, as JSON."""

import json
import sys
from collections.abc import Callable
from typing import Any

import airflow_client.client as airflow  # type: ignore[import-not-found]
import urllib3
from airflow_client.client.rest import ApiException  # type: ignore[import-not-found]

KEY = "a/b %ü"
SEEN: dict[str, Any] = {}


def see(step: str, call: Callable[[], Any]) -> None:
    try:
        answer = call()
        SEEN[step] = answer.to_dict() if answer is not None else None
    except ApiException as error:
        SEEN[step] = [type(error).__name__, error.status]


def token(url: str) -> str:
    answer = urllib3.request("POST", f"{url}/auth/token", json={"username": "any", "password": "any"})
    if answer.status != 201:
        answer = urllib3.request("GET", f"{url}/auth/token")
    return str(answer.json()["access_token"])


def variables(api: Any) -> None:
    calls = airflow.VariableApi(api)
    body = airflow.VariableBody
    see("variable created", lambda: calls.post_variable(body(key=KEY, value="1", description="d")))
    see("variable twice", lambda: calls.post_variable(body(key=KEY, value="1")))
    changed = body(key=KEY, value="2", description="e")
    see("variable, one field", lambda: calls.patch_variable(KEY, changed, update_mask=["description"]))
    both = ["value", "description"]
    see("variable, two fields", lambda: calls.patch_variable(KEY, changed, update_mask=both))
    see("sensitive", lambda: calls.post_variable(body(key="api_key", value="hidden value")))
    see("json", lambda: calls.post_variable(body(key="json", value={"b": [1, None, True], "a": "é"})))
    see("variables", lambda: calls.get_variables(limit=2, offset=1, order_by=["-key"]))
    see("variables in bulk", lambda: calls.bulk_variables(airflow.BulkBodyVariableBody.from_dict(BULK)))
    see("variable deleted", lambda: calls.delete_variable(KEY))
    see("variable gone", lambda: calls.get_variable(KEY))


BULK = {
    "actions": [
        {
            "action": "create",
            "action_on_existence": "skip",
            "entities": [{"key": "json", "value": "other"}, {"key": "new", "value": "1"}],
        },
        {"action": "delete", "action_on_non_existence": "fail", "entities": ["nope"]},
    ]
}


def connections(api: Any) -> None:
    calls = airflow.ConnectionApi(api)
    extra = '{"sslmode": "require", "token": "t0ken"}'
    made = airflow.ConnectionBody(
        connection_id="pg", conn_type="postgres", host="h", port=5432, password="pässword", extra=extra
    )
    see("connection created", lambda: calls.post_connection(made))
    changed = airflow.ConnectionBody(connection_id="pg", conn_type="postgres", host="h2", login="l2")
    see("connection, one field", lambda: calls.patch_connection("pg", changed, update_mask=["host"]))
    see("connections", calls.get_connections)
    see("connection deleted", lambda: calls.delete_connection("pg"))
    see("connection gone", lambda: calls.get_connection("pg"))


def pools(api: Any) -> None:
    calls = airflow.PoolApi(api)
    see("pool created", lambda: calls.post_pool(airflow.PoolBody(name="x/y", slots=3)))
    changed = airflow.PoolPatchBody(pool="x/y", slots=4, include_deferred=True)
    see("pool, one field", lambda: calls.patch_pool("x/y", changed, update_mask=["slots"]))
    see("pools", calls.get_pools)
    see("pool deleted", lambda: calls.delete_pool("x/y"))
    see("default pool", lambda: calls.delete_pool("default_pool"))


def main(url: str) -> None:
    configuration = airflow.Configuration(host=url)
    configuration.access_token = token(url)
    with airflow.ApiClient(configuration) as api:
        see("version", lambda: airflow.VersionApi(api).get_version())
        SEEN["version"].pop("git_version", None)
        SEEN["healthy"] = airflow.MonitorApi(api).get_health().metadatabase.status
        variables(api)
        connections(api)
        pools(api)
    sys.stdout.write(json.dumps(SEEN))


if __name__ == "__main__":
    main(sys.argv[1])
