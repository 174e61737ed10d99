"""``python -m tests.docs.aws_cli SERVICE OPERATION --OPTION VALUE...``: a call as AWS's CLI makes it."""

import sys
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name

from tests.docs.pages import ROOT


def value_of(text: str) -> Any:
    """An option's value; ``file://`` stands for a file of the repository, ``fileb://`` for bytes here."""
    if text.startswith("fileb://"):
        return Path(text.removeprefix("fileb://")).read_bytes()
    return (ROOT / text.removeprefix("file://")).read_text() if text.startswith("file://") else text


def main(service: str, operation: str, *options: str) -> None:
    """Makes the call; whatever is not in botocore's model of the service is an error."""
    client = boto3.client({"s3api": "s3"}.get(service, service))
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {f"--{xform_name(name, '-')}": name for name in model.input_shape.members}
    given: dict[str, Any] = {}
    for option, text in zip(options[::2], options[1::2], strict=True):
        name = members[option]
        is_list = model.input_shape.members[name].type_name == "list"
        given[name] = [text] if is_list else value_of(text)
    getattr(client, method)(**given)


if __name__ == "__main__":
    main(*sys.argv[1:])
