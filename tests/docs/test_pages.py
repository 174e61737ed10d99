"""Whatever a page tells its readers to write and to type is written and typed.

``UPDATE_DOCS=1 pytest tests/docs`` writes what is printed into the pages; the difference is then reviewed.
"""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from reconciler.manifests.loader import load
from reconciler.manifests.schema import SCHEMAS
from reconciler.manifests.validation import validate
from reconciler.sandbox.emulator import Emulator
from tests.aws.support import REGION, aws_server
from tests.docs.pages import PAGES, ROOT, Block, Command, blocks, script, transcript
from tests.docs.shell import Shell, environment_of, first_difference, is_like
from tests.gateway.support import running

WORLDS = Path(__file__).parent / "worlds"
RUN = {"console", "sh", "yaml", "json", "python"}
PROSE = {"", "text"}
"""Blocks that show something which nobody types and no file holds."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """An account as the pages have it: a bucket for ledgers, some secrets, a key."""
    with aws_server() as url:
        place = {
            "endpoint_url": url,
            "region_name": REGION,
            "aws_access_key_id": "testing",
            "aws_secret_access_key": "testing",
        }
        boto3.client("s3", **place).create_bucket(
            Bucket="acme-gitops", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        secrets = boto3.client("secretsmanager", **place)
        for name, value in {"prod/vendor": {"api_key": "k-1"}, "prod/warehouse": {"password": "p-1"}}.items():
            secrets.create_secret(Name=name, SecretString=json.dumps(value))
        key = boto3.client("kms", **place).create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        boto3.client("kms", **place).create_alias(
            AliasName="alias/reconciler", TargetKeyId=key["KeyMetadata"]["KeyId"]
        )
        yield url


@pytest.fixture
def shell(tmp_path: Path, aws: str) -> Iterator[Shell]:
    with running(Emulator(None, "3.3.1")) as mwaa, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = {
            "AWS_ENDPOINT_URL": aws,
            "AWS_ENDPOINT_URL_MWAA": mwaa,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }
        shell = Shell(tmp_path, {**environment_of(tmp_path), **settings}, port)
        try:
            yield shell
        finally:
            shell.close()


def prepare(shell: Shell, page: Path) -> None:
    """What is there before a reader comes: the page's own files, where its first block already needs them."""
    world = WORLDS / f"{page.stem}.sh"
    if not world.exists():
        return
    for block in blocks(page):
        if block.file:
            shell.write(block.file, block.text)
    printed = shell.run(f". {world}")
    assert shell.code == 0, printed


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_does_what_it_says(page: Path, shell: Shell) -> None:
    prepare(shell, page)
    told: dict[int, tuple[Command, str]] = {}
    for block in blocks(page):
        assert block.language in RUN | PROSE, f"{page}:{block.line}: nobody runs {block.language}"
        for command, printed in follow(block, shell):
            told[command.line] = command, printed
    assert shell.code == 0 or not told, f"{page} ends with a command that exits with {shell.code}"
    if os.environ.get("UPDATE_DOCS"):
        rewrite(page, told)
        return
    for command, printed in told.values():
        place = f"{page}:{command.line}: {command.typed}"
        assert is_like(command.shown, printed), f"{place}\n{first_difference(command.shown, printed)}"


def follow(block: Block, shell: Shell) -> Iterator[tuple[Command, str]]:
    """Does what a block says; gives what a transcript's commands print."""
    if block.file:
        shell.write(block.file, block.text)
    elif block.language == "yaml":
        check(block)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "python":
        shell.write(".example.py", block.text)
        typed(shell, Command("python .example.py", "", block.line))
    elif block.language == "sh":
        for command in script(block):
            typed(shell, command)
    elif block.language == "console":
        for command in transcript(block):
            yield command, typed(shell, command, may_fail=True)


def check(block: Block) -> None:
    """Holds YAML that is no file of the page against the schemas, where it is a file of ours at all."""
    document, problems = load(block.text.encode(), f"line {block.line}")
    assert not problems, problems
    for name, make in SCHEMAS.items():
        if document.keys() <= make()["properties"].keys():
            assert validate(document, name)[1] == []


def typed(shell: Shell, command: Command, *, may_fail: bool = False) -> str:
    """Types a command; one that fails has to be followed by a look at the exit code."""
    failed = shell.code
    assert not failed or "$?" in command.typed, f"line {command.line - 1} exits with {failed}"
    printed = shell.run(command.typed)
    if "$?" in command.typed:
        shell.code = 0
    assert may_fail or shell.code == 0, f"line {command.line}: {command.typed}\n{printed}"
    return printed


def rewrite(page: Path, told: dict[int, tuple[Command, str]]) -> None:
    """Puts what was printed in the place of what the page showed."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines(keepends=True)
    for number, (command, printed) in sorted(told.items(), reverse=True):
        if is_like(command.shown, printed):
            continue
        start = number
        while lines[start - 1].rstrip("\n").endswith("\\"):
            start += 1
        count = command.shown.count("\n")
        lines[start : start + count] = printed.splitlines(keepends=True)
    (ROOT / page).write_text("".join(lines), encoding="utf-8")
