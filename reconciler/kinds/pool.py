from reconciler.kinds.table import Field, Kind

POOL = Kind(
    name="pool",
    collection="pools",
    id_field="name",
    id_length=256,
    rank=0,
    required=("slots",),
    reserved=frozenset({"default_pool"}),
    fields=(
        Field(
            "slots",
            {"type": "integer", "minimum": -1},
            "How many task slots the pool has; -1 means no limit, on Airflow 3.2 and newer.",
        ),
        Field("description", {"type": "string"}, "Shown in Airflow's list of pools."),
        Field(
            "include_deferred",
            {"type": "boolean"},
            "Whether deferred tasks take up slots.",
            default=False,
        ),
    ),
)
