"""Runs a command of bash that whoever starts the run names; for Airflow 2.7 to 3.

    reconciler trigger prod run_command --conf '{"command": "date --utc"}' --wait

The run fails if the command does, and so ends `reconciler trigger --wait` with exit 4.

Whoever may start this DAG may do whatever a worker may: on Amazon MWAA that is what the execution role
allows, and the connections that tasks can read. Deploy it only where everybody with the role User is trusted
that far, or put fixed commands in the place of `$COMMAND` and let the configuration choose among them.

The command reaches bash in a variable of the environment and is run once, as it was written. Where a
template puts a part of a configuration into `bash_command`, a quote in it ends the text around it, and the
rest is run.
"""

from datetime import UTC, datetime

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow.models.dag import DAG
    from airflow.models.param import Param

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

with DAG(
    "run_command",
    description="Runs the command in the run's configuration.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"command": Param("true", type="string", minLength=1, description="What bash is to run.")},
    tags=["reconciler"],
):
    BashOperator(
        task_id="run",
        bash_command='exec bash -euo pipefail -c "$COMMAND"',
        env={"COMMAND": "{{ params.command }}"},
        append_env=True,
    )
