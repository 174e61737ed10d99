"""The files of a new environment: what is known of it, and everything else as comments to start from."""

import json
import shlex
from dataclasses import dataclass
from string import Template

from reconciler.targets import MwaaTarget, parse_target

SCHEMAS = "../.reconciler"
"""Where the files of an environment find the schemas that editors use."""

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
CREDENTIALS = "aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3"

ENVIRONMENT = Template("""\
# yaml-language-server: $$schema=$schemas/environment.schema.json
name: $name
target: $target
$ledger
# layers: [../base]                      # folders of manifests that environments share, lower ones first
# parameters: {bucket: acme-data}        # $${bucket} in any value
# secrets: {allow: ["aws-sm:prod/*"]}    # references outside of these are an error
# fingerprint_key: kms:alias/reconciler  # for secrets whose source has no versions
# adopt: always                          # take over what is declared and there already, even if it differs
# authoritative: {variables: ["etl_*"]}  # ids that git rules alone: undeclared ones are deleted
# limits: {deletes: 20%}                 # of a kind, in one run
# rate_limit: 10                         # requests a second
""")

NO_LEDGER = (
    "# ledger: s3://acme-gitops/dev.json      # what is owned; without one only absent ids are deleted"
)

VARIABLES = """\
# variables:
#   batch_size: 500
#   etl_config:
#     value: {source: "s3://acme-data/in", retries: 3}
#     description: Read by etl_daily
#   watermark: {value: "1970-01-01", ignore: [value]}  # created once; then the DAG owns the value
#   api_key: {value: {$secret: "env:VENDOR_API_KEY"}}
#
# absent:  # deleted wherever they are found
#   variables: [old_flag]
"""

CONNECTIONS = """\
# connections:
#   warehouse:
#     conn_type: postgres
#     host: warehouse.internal
#     port: 5432
#     login: etl
#     password: {$secret: "env:WAREHOUSE_PASSWORD"}
#     schema: analytics
#     extra: {sslmode: require}
"""

POOLS = """\
# pools:
#   etl: {slots: 16, description: Nightly loads, include_deferred: false}
"""

WORKFLOW = Template("""\
# Plans on pull requests, applies what the plan of the merged one shows, and looks for drift every morning.
#
# Variables of the repository: RECONCILER_REPOSITORY (OWNER/NAME, where reconciler is taken from),
# RECONCILER_COMMIT (the full SHA of a commit of it that you have read)$roles
name: airflow
on:
  pull_request:
  push:
  schedule:
    - cron: 17 5 * * *
  workflow_dispatch: # plans what is merged, where no plan is found that somebody was shown
permissions: {}
concurrency:
  group: airflow-$${{ github.event_name }}-$${{ github.ref }}
  cancel-in-progress: $${{ github.event_name == 'pull_request' }}

jobs:
  plan:
    name: plan
    # a fork's run gets neither variables nor credentials
    if: >-
      github.event_name == 'workflow_dispatch' ||
      github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-24.04
    permissions:
      contents: read
$oidc\
      pull-requests: write # the comment
$plan
          command: plan
          environments: $folder

  apply:
    name: apply
    if: github.event_name == 'push' && github.ref_name == github.event.repository.default_branch
    runs-on: ubuntu-24.04
    # its protection rules can ask somebody to approve
    environment: airflow
    permissions:
      actions: read # the saved plan
      contents: read
$oidc\
      pull-requests: read # which one was merged
$apply
          command: apply
          environments: $folder

  drift:
    name: drift
    if: github.event_name == 'schedule'
    runs-on: ubuntu-24.04
    permissions:
      contents: read
$oidc\
      issues: write # the one about drift
$plan
          command: drift
          environments: $folder
""")

EXPRESSION = "${{"
"""What a name must not begin in a workflow."""

OIDC = "      id-token: write # AWS, through OIDC\n"
ROLES = """,
# AIRFLOW_PLAN_ROLE and AIRFLOW_APPLY_ROLE (ARNs of roles that trust this repository through OIDC)"""

STEPS = Template("""\
    steps:
      - uses: $checkout
        with: {persist-credentials: false}
      - uses: $checkout
        with:
          repository: $${{ vars.RECONCILER_REPOSITORY }}
          ref: $${{ vars.RECONCILER_COMMIT || 'RECONCILER_COMMIT-is-not-set' }}
          path: .reconciler-source
          persist-credentials: false
$credentials\
      - uses: ./.reconciler-source/action # zizmor: ignore[self-repository] it is another one's
        with:""")

AWS = Template("""\
      - uses: $action
        with:
          aws-region: $region
          role-to-assume: $${{ vars.$role }}
""")


@dataclass(frozen=True)
class NewEnvironment:
    """What is known of it; ``ledger`` may be left for later."""

    name: str
    target: str
    ledger: str | None = None

    def files(self) -> dict[str, str]:
        """The files of its folder."""
        first = f"# yaml-language-server: $schema={SCHEMAS}/manifest.schema.json\n"
        manifests = {"variables": VARIABLES, "connections": CONNECTIONS, "pools": POOLS}
        return {
            "environment.yaml": self._settings(),
            **{f"{name}.yaml": first + text for name, text in manifests.items()},
        }

    @property
    def forgets(self) -> bool:
        """Whether what is owned is remembered on the machine that applies."""
        return self.ledger is not None and self.ledger.startswith("file:")

    def _settings(self) -> str:
        ledger = f"ledger: {_quoted(self.ledger)}" if self.ledger else NO_LEDGER
        return ENVIRONMENT.substitute(
            schemas=SCHEMAS, name=_quoted(self.name), target=_quoted(self.target), ledger=ledger
        )

    def workflow(self, folder: str) -> str:
        """A workflow of GitHub for the environment in ``folder`` of a repository."""
        return WORKFLOW.substitute(
            folder=_quoted(shlex.quote(folder).replace(EXPRESSION, f"{EXPRESSION} '{EXPRESSION}' }}}}")),
            roles=ROLES if self._region else "",
            oidc=OIDC if self._region else "",
            plan=self._steps("AIRFLOW_PLAN_ROLE"),
            apply=self._steps("AIRFLOW_APPLY_ROLE"),
        )

    def _steps(self, role: str) -> str:
        aws = AWS.substitute(action=CREDENTIALS, region=self._region, role=role) if self._region else ""
        return STEPS.substitute(checkout=CHECKOUT, credentials=aws)

    @property
    def _region(self) -> str | None:
        target = parse_target(self.target)
        return target.region if isinstance(target, MwaaTarget) else None


def _quoted(text: str) -> str:
    """A text as YAML reads it back."""
    return json.dumps(text, ensure_ascii=False)
