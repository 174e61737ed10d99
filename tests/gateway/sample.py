"""The calls of AWS's published examples for InvokeRestApi, with what a client gets out of each."""

from typing import Any


def variables_sample(client: Any, name: str) -> dict[str, Any]:
    """Lists, makes, reads, changes, masks and deletes a variable, then asks for it once more."""
    seen: dict[str, Any] = {}

    def call(step: str, method: str, path: str, **members: Any) -> None:
        answer = client.invoke_rest_api(Name=name, Path=path, Method=method, **members)
        seen[step] = (answer["RestApiStatusCode"], answer.get("RestApiResponse"))

    call("list", "GET", "/variables", QueryParameters={"limit": 10, "order_by": "key"})
    call("create", "POST", "/variables", Body={"key": "sample", "value": "one", "description": "first"})
    call("get", "GET", "/variables/sample")
    call("update", "PATCH", "/variables/sample", Body={"key": "sample", "value": "two"})
    call(
        "mask",
        "PATCH",
        "/variables/sample",
        QueryParameters={"update_mask": ["description"]},
        Body={"key": "sample", "value": "ignored", "description": "second"},
    )
    call("masked", "GET", "/variables/sample")
    call("delete", "DELETE", "/variables/sample")
    try:
        call("gone", "GET", "/variables/sample")
    except client.exceptions.RestApiClientException as error:
        seen["gone"] = (error.response["RestApiStatusCode"], error.response["RestApiResponse"])
    return seen
