"""What the contract of DAG runs, datasets and assets is measured on; no scheduler ever runs them."""

from datetime import UTC, datetime

try:
    from airflow.sdk import DAG, Asset
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.models.dag import DAG

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
except ImportError:
    from airflow.operators.empty import EmptyOperator

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEDULES = {
    "etl": None,
    "paused": None,
    "aware": [Asset("s3://acme/in/a.csv"), Asset("s3://acme/in/a.csv.gz"), Asset("s3://acme/in/A_csv")],
}

for name, schedule in SCHEDULES.items():
    with DAG(
        name,
        schedule=schedule,
        start_date=START,
        catchup=False,
        is_paused_upon_creation=name == "paused",
    ) as dag:
        EmptyOperator(task_id="work")
    globals()[name] = dag
