"""The real program with its ledger in S3 and its secrets in Secrets Manager, Parameter Store and KMS."""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from moto.core.authorization import enable_iam_authentication

from reconciler.sandbox.sigv4 import AccessKey
from tests.aws import support
from tests.e2e.broken import Raw
from tests.e2e.tool import Ran
from tests.kill.conftest import one_airflow
from tests.kill.scenario import mended, settled
from tests.kill.wires import Crossing, Deal
from tests.kill.world import HANGS, KEY, PROGRAM, World, told

pytestmark = pytest.mark.slow

POLICIES = Path(__file__).parents[2] / "examples" / "aws" / "iam"


def actions(policy: str) -> set[str]:
    """What a policy of docs/mwaa-setup.md allows."""
    statements = json.loads((POLICIES / f"{policy}.json").read_text())["Statement"]
    named = (statement["Action"] for statement in statements)
    return {action for names in named for action in ([names] if isinstance(names, str) else names)}


PLANNING, APPLYING = actions("plan"), actions("apply")

ON_OUR_BEHALF = {"kms:Decrypt"}
"""What Secrets Manager and Parameter Store do as the caller: no call of the program's own."""

INVOKE = "airflow:InvokeRestApi"
"""The gateway in these tests asks no IAM."""

OLD, NEW = "canary-old-6e02", "canary-new-93bd"


@dataclass(frozen=True)
class Vault:
    """An environment that has a secret of each source, and has been applied."""

    world: World
    names: dict[str, str]

    def rotate(self, source: str) -> None:
        if source == "env":
            self.world.variables["MAIL_PASSWORD"] = NEW
        elif source == "ssm":
            with support.client("ssm") as ssm:
                ssm.put_parameter(Name=self.names[source], Value=NEW, Type="SecureString", Overwrite=True)
        else:
            with support.client("secretsmanager") as manager:
                manager.put_secret_value(SecretId=self.names[source], SecretString=NEW)


@pytest.fixture
def vault(world: World) -> Vault:
    names = {source: support.fresh(source) for source in ("aws-sm", "ssm", "kms")}
    names["ssm"] = f"/{names['ssm']}"
    with support.client("secretsmanager") as manager:
        manager.create_secret(Name=names["aws-sm"], SecretString=OLD)
    with support.client("ssm") as ssm:
        ssm.put_parameter(Name=names["ssm"], Value=OLD, Type="SecureString")
    with support.client("kms") as kms:
        key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{names['kms']}", TargetKeyId=key)
    world.canaries += [OLD, NEW]
    world.variables["MAIL_PASSWORD"] = OLD
    world.configure(ledger=f"s3://{world.bucket}/{KEY}", fingerprint_key=f"kms:alias/{names['kms']}")
    world.declare(
        {
            "connections": {
                "lake": {"conn_type": "aws", "password": {"$secret": f"aws-sm:{names['aws-sm']}"}},
                "mail": {"conn_type": "smtp", "password": {"$secret": "env:MAIL_PASSWORD"}},
                "feed": {"conn_type": "http", "extra": {"token": {"$secret": f"ssm:{names['ssm']}"}}},
            }
        }
    )
    first = world.apply()
    assert first.code == 0, first
    return Vault(world, names)


SHOWN = {"aws-sm": ("lake", ["password"]), "ssm": ("feed", ["extra", "token"]), "env": ("mail", ["password"])}


@pytest.mark.parametrize("source", SHOWN)
def test_a_rotation_is_one_patch_and_the_second_plan_is_empty(vault: Vault, source: str) -> None:
    world, (id_, path) = vault.world, SHOWN[source]
    assert world("plan", "--detailed-exitcode").code == 0
    vault.rotate(source)

    planned = world("plan", "--detailed-exitcode", "--format", "json")

    assert planned.code == 2, planned
    (change,) = told(planned)["changes"]
    assert (change["action"], change["id"], change["reason"]) == ("update", id_, "secret_rotated")
    assert [(field["path"], field["secret"]) for field in change["fields"]] == [(path, True)]
    assert world.apply().code == 0
    assert world.wires.writes == [f"PATCH /connections/{id_}"]
    assert world("plan", "--detailed-exitcode").code == 0
    row = world.rows()["connections"][id_]
    assert NEW in (row["password"], json.loads(row["extra"] or "{}").get("token"))


def test_a_plan_reads_no_secret_that_has_a_version(vault: Vault) -> None:
    world = vault.world
    vault.rotate("aws-sm")
    vault.rotate("ssm")

    assert world("plan", "--detailed-exitcode").code == 2

    asked = Counter(crossing.what for crossing in world.wires.crossings if crossing.service != "airflow")
    assert {name: number for name, number in asked.items() if "/" not in name} == {
        "DescribeSecret": 1,
        "GetParameter": 1,
        "GenerateMac": 1,
    }
    (parameter,) = (one for one in world.wires.crossings if one.what == "GetParameter")
    assert json.loads(parameter.forward.body)["WithDecryption"] is False


@contextmanager
def allowed(world: World, *actions: str) -> Iterator[None]:
    """Makes the program a user of AWS who may do nothing else."""
    name = support.fresh("user")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with support.client("iam") as iam:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
    before = dict(world.variables)
    world.keys[key["AccessKeyId"]] = AccessKey(key["SecretAccessKey"])
    world.variables["AWS_ACCESS_KEY_ID"] = key["AccessKeyId"]
    world.variables["AWS_SECRET_ACCESS_KEY"] = key["SecretAccessKey"]
    with enable_iam_authentication():
        yield
    world.variables.clear()
    world.variables.update(before)


@one_airflow
def test_who_may_only_describe_secrets_can_plan_and_is_told_what_an_apply_takes(vault: Vault) -> None:
    world = vault.world
    vault.rotate("aws-sm")

    with allowed(world, *PLANNING):
        planned = world("plan", "--detailed-exitcode")
        applied = world.apply()

    assert planned.code == 2, planned
    assert "secret rotated" in planned.out
    assert applied.code == 1, applied
    assert "allows secretsmanager:GetSecretValue" in applied.err
    assert world.wires.writes == []
    assert world.ledger().lease is None


def taken(world: World) -> set[str]:
    """The actions that the requests of the last command take."""
    found = map(action_of, world.wires.crossings)
    return {action for action in found if action is not None}


def action_of(crossing: Crossing) -> str | None:
    """By AWS's service authorization reference; a call of STS that tells who one is takes none."""
    if crossing.service == "airflow":
        return INVOKE
    if crossing.service == "s3":
        method, path = crossing.what.split(" ", 1)
        return "s3:ListBucket" if "list-type=2" in path else f"s3:{method.capitalize()}Object"
    return None if crossing.service == "sts" else f"{crossing.service}:{crossing.what}"


@one_airflow
def test_the_policies_allow_what_a_plan_and_an_apply_call_and_nothing_else(vault: Vault) -> None:
    world = vault.world
    for source in ("aws-sm", "ssm"):
        vault.rotate(source)
    manifest = yaml.safe_load((world.folder / "manifest.yaml").read_text())
    world.declare({**manifest, "variables": {"region": "eu"}})

    with allowed(world, *PLANNING):
        assert world("plan", "--detailed-exitcode").code == 2
    assert taken(world) == PLANNING
    with allowed(world, *APPLYING):
        assert world.apply().code == 0
    assert taken(world) == APPLYING - ON_OUR_BEHALF


@one_airflow
@pytest.mark.parametrize("missing", sorted(APPLYING - ON_OUR_BEHALF - {INVOKE}))
def test_an_action_that_is_missing_is_named_and_nothing_is_written(vault: Vault, missing: str) -> None:
    world = vault.world
    for source in ("aws-sm", "ssm"):
        vault.rotate(source)
    world.declare(
        {**yaml.safe_load((world.folder / "manifest.yaml").read_text()), "pools": {"etl": {"slots": 1}}}
    )

    with allowed(world, *(APPLYING - {missing})):
        ran = world.apply()

    assert ran.code == 1, ran
    assert missing in ran.err
    assert world.wires.writes == []


@one_airflow
@pytest.mark.parametrize("missing", ["s3:GetObject", "s3:ListBucket", "s3:PutObject"])
def test_who_may_not_reach_the_ledger_is_told_so_and_nothing_is_written(vault: Vault, missing: str) -> None:
    world = vault.world
    world.declare({"variables": {"region": "eu"}})
    given = {*PLANNING, "s3:PutObject"} - {missing}

    with allowed(world, *given):
        ran = world.apply("--allow-deletes", "connection=3")

    assert ran.code == 1, ran
    assert f"s3://{world.bucket}/{KEY}: AWS refused the call" in ran.err
    assert missing in ran.err
    assert world.wires.writes == []


@one_airflow
def test_a_bucket_that_is_not_there_is_told_before_airflow_is_asked_anything(world: World) -> None:
    world.configure(ledger=f"s3://nobody-has-this-bucket/{KEY}")
    world.declare({"variables": {"region": "eu"}})

    ran = world.apply()

    assert ran.code == 1, ran
    assert "there is no bucket nobody-has-this-bucket; create it, or correct the ledger's address" in ran.err
    assert [crossing.service for crossing in world.wires.crossings] == ["s3"]


@one_airflow
def test_what_the_ledger_of_another_environment_owns_is_an_error(world: World) -> None:
    other = replace(world, folder=world.folder.with_name("other"))
    other.configure(name="other", ledger=f"s3://{world.bucket}/airflow/other.json")
    other.declare({"variables": {"region": "eu"}})
    assert other.apply().code == 0
    world.declare({"variables": {"region": "us"}, "pools": {"etl": {"slots": 1}}})

    for ran in (world("plan"), world.apply()):
        assert ran.code == 1, ran
        assert (
            f"variable/region is owned by another ledger, s3://{world.bucket}/airflow/other.json" in ran.err
        )
        assert world.wires.writes == []
    assert world.rows()["variables"]["region"]["value"] == "eu"


def beside(world: World, *arguments: str) -> Ran:
    """A second apply, from its start to its end, while the first one waits for an answer."""
    return world.ended(world.started([str(PROGRAM), "apply", "--yes", str(world.folder), *arguments]))


@one_airflow
def test_a_second_apply_is_refused_while_the_first_one_writes(world: World) -> None:
    start = settled(world)
    second: list[Ran] = []

    def at_the_first_write(crossing: Crossing) -> Raw | None:
        if crossing.writes and len(world.wires.writes) == 1:
            second.append(beside(world))
        return crossing()

    first = world.apply(deal=at_the_first_write)

    assert (first.code, second[0].code) == (0, 3), second
    assert "locked by " in second[0].err
    start.check_converged()


@one_airflow
def test_of_two_applies_that_begin_at_once_the_slower_one_is_refused(world: World) -> None:
    start = settled(world)
    second: list[Ran] = []

    def at_the_first_put(crossing: Crossing) -> Raw | None:
        if crossing.keeps and sum(one.keeps for one in world.wires.crossings) == 1:
            second.append(beside(world))
        return crossing()

    first = world.apply(deal=at_the_first_put)

    assert (first.code, second[0].code) == (3, 0), first
    assert "is not what this run has read: another one changed it; run again" in first.err
    start.check_converged()


@one_airflow
def test_a_second_apply_that_may_wait_finds_nothing_left_to_do(world: World) -> None:
    start = settled(world)
    command = [str(PROGRAM), "apply", "--yes", str(world.folder), "--lock-timeout", "60"]
    second: list[subprocess.Popen[str]] = []
    waits = threading.Event()

    def until_it_waits(crossing: Crossing) -> Raw | None:
        looks = [one for one in world.wires.crossings if one.what == f"GET /{world.bucket}/{KEY}"]
        if len(looks) == 3:  # one of the first run's, and the second one's second
            waits.set()
        if crossing.writes and not second:
            second.append(world.started(command))
            waits.wait(HANGS)
        return crossing()

    assert world.apply(deal=until_it_waits).code == 0
    ran = world.ended(second[0])

    assert ran.code == 0, ran
    assert "Nothing to apply" in ran.out
    start.check_converged()


def failing(world: World, answer: Raw | None) -> Deal:
    """Answers every write of the ledger but the first one in this way."""

    def deal(crossing: Crossing) -> Raw | None:
        again = crossing.keeps and sum(one.keeps for one in world.wires.crossings) > 1
        return answer if again else crossing()

    return deal


WAYS = {
    "error": Raw(500, b"<Error><Code>InternalError</Code></Error>"),
    "forbidden": Raw(403, b"<Error><Code>AccessDenied</Code></Error>"),
    "silence": None,
}


@one_airflow
@pytest.mark.parametrize("way", WAYS)
def test_a_ledger_that_cannot_be_written_at_the_end_is_loud_and_mended(world: World, way: str) -> None:
    start = settled(world)

    ran = world.apply(deal=failing(world, WAYS[way]))

    assert ran.code == 4, ran
    assert "the ledger could not be written at the end: " in ran.out
    assert "Partly applied: 8 of 8 changes done." in ran.out
    assert world.ledger().lease is not None
    again = mended(world)
    assert again.code == 0, again
    start.check_converged()


@one_airflow
def test_a_lease_that_was_ended_under_a_living_run_is_loud_and_mended(world: World) -> None:
    start = settled(world)

    def ends_it(crossing: Crossing) -> Raw | None:
        if crossing.writes and len(world.wires.writes) == 3:
            lease = world.ledger().lease
            assert lease
            command = [str(PROGRAM), "ledger", "unlock", str(world.folder), "--id", lease.id]
            assert world.ended(world.started(command)).code == 0
        return crossing()

    ran = world.apply(deal=ends_it)

    assert ran.code == 4, ran
    assert "is not what this run has read: another one changed it; run again" in ran.out
    assert world.apply().code == 0
    start.check_converged()


@one_airflow
def test_a_secret_that_is_gone_stops_an_apply_before_its_first_write(vault: Vault) -> None:
    world = vault.world
    before = world.rows(), world.kept()
    name = support.fresh("gone")
    secret = {"$secret": f"aws-sm:{name}"}
    world.declare(
        {"variables": {"region": "eu"}, "connections": {"new": {"conn_type": "aws", "password": secret}}}
    )

    ran = world.apply("--allow-deletes", "connection=3")

    assert ran.code == 1, ran
    assert f"secrets to be sent are missing: aws-sm:{name}; nothing was written" in ran.err
    assert (world.rows(), world.kept()) == before
