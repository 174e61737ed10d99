import json
from typing import Any

from reconciler.kinds.json_text import canonical
from reconciler.kinds.table import Field, Kind, is_empty, pair_plain
from reconciler.model import MASK, Sealed, Secret

CONNECTION_TYPES = frozenset(
    """
    aws azure azure_batch azure_container_instance azure_cosmos azure_data_explorer azure_data_factory
    azure_data_lake azure_service_bus cassandra celery cloudant databricks dbt_cloud discord docker drill
    druid elasticsearch email emr exasol facebook_social file_mount_connection fs ftp gcpcloudsql gcpssh
    generic github google_cloud_platform grpc hdfs hive_cli hive_metastore hiveserver2 http imap influxdb
    jdbc jenkins jira kafka kubernetes kylin livy mesos_framework-id mongo mssql mysql neo4j odbc opensearch
    opsgenie oracle pagerduty pagerduty_events papermill pgvector pig_cli pinecone pinot postgres powerbi
    presto qdrant qubole redis redshift s3 salesforce samba segment sendgrid sftp slack slackwebhook smtp
    snowflake spark spark_connect spark_sql sqlite sqoop ssh tableau telegram teradata trino vault vertica
    wasb weaviate yandexcloud ydb zendesk
    """.split()
)
"""Connection types of Airflow's published providers; the server never checks a type, so typos pass it."""


def as_object(extra: Any) -> Any:
    """The mapping that ``extra`` denotes, ``None`` where it is empty; text that holds no JSON stays text."""
    if isinstance(extra, str) and extra.strip():
        try:
            extra = json.loads(extra)
        except (ValueError, RecursionError):
            return extra
    return None if is_empty(extra) or extra == {} else extra


def pair_extra(declared: Any, live: Any) -> tuple[Any, Any]:
    """Both sides parsed; ``null``, ``""`` and ``{}`` are one. A server shows ``extra`` re-serialised."""
    theirs = as_object(live)
    if isinstance(declared, Secret):
        return declared.spelled(canonical), (None if theirs is None else canonical(theirs))
    return as_object(declared), theirs


def pair_password(declared: Any, live: Any) -> tuple[Any, Any]:
    """Airflow 3 shows ``***`` just where a password is set, so a declared empty one differs from it."""
    if is_empty(declared) and live == MASK:
        return declared, Sealed("", None)
    return pair_plain(declared, live)


def _text(doc: str, name: str, length: int | None = None) -> Field:
    limit = {} if length is None else {"maxLength": length}
    return Field(name, {"type": "string", **limit}, doc)


CONNECTION = Kind(
    name="connection",
    collection="connections",
    id_field="connection_id",
    id_length=200,
    rank=2,
    required=("conn_type",),
    fields=(
        Field(
            "conn_type",
            {"type": "string", "minLength": 1, "maxLength": 500},
            "Such as postgres or http.",
        ),
        _text("Shown in Airflow's list of connections.", "description"),
        _text("A host name or address, for some types an URL.", "host", 500),
        _text("The user name.", "login"),
        Field(
            "password",
            {"type": "string", "maxLength": 0},
            "A secret reference; an empty string takes an existing password away.",
            secret="whole",
            pair=pair_password,
        ),
        _text("The database, or what the type calls schema.", "schema", 500),
        Field("port", {"type": "integer", "minimum": 0, "maximum": 65535}, "The port number."),
        Field(
            "extra",
            {"type": "object"},
            "Options of the connection's type; stored as JSON text.",
            secret="leaves",
            pair=pair_extra,
            form=as_object,
            json_text=True,
        ),
    ),
)
