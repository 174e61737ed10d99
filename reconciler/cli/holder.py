"""Who runs this, as another run reads it in a lease."""

import getpass
import os
import socket


def holder() -> str:
    """The address of the CI job or the log of the Lambda function, where there is one, else user and process.

    Source: AWS Lambda developer guide, "Defined runtime environment variables".
    """
    parts = [os.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if all(parts):
        server, repository, run = parts
        return f"{server}/{repository}/actions/runs/{run}"
    if "AWS_LAMBDA_LOG_STREAM_NAME" in os.environ:
        group, stream = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        return f"{group}:{stream}"
    return os.environ.get("CI_JOB_URL") or f"{_user()}@{socket.gethostname()} (process {os.getpid()})"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return str(os.getuid())
