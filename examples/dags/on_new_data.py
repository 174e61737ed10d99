"""Starts whenever something is new under a URI, and tells what; for Airflow 2.9 to 3.

    reconciler event prod s3://acme-data/in/orders --extra '{"key": "2026-11-25.csv"}'

On Airflow 2 the URI is that of a dataset, on Airflow 3 of an asset. Airflow knows it as soon as it has parsed
this file, and `reconciler event` finds it from then on. One run answers to all events since the last one.
"""

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import DAG, Asset, task
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task
    from airflow.models.dag import DAG

ORDERS = Asset("s3://acme-data/in/orders")


@task
def tell(**context: Any) -> list[dict[str, Any]]:
    """What the events say, in the log and as the result; `extra` comes from outside, so do not trust it."""
    by_asset = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
    seen = [
        {"uri": getattr(asset, "uri", asset), "extra": event.extra}
        for asset, events in by_asset.items()
        for event in events
    ]
    for one in seen:
        print(one["uri"], one["extra"])
    return seen


with DAG(
    "on_new_data",
    description="Runs when there are new orders.",
    schedule=[ORDERS],
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["reconciler"],
):
    tell()
