"""In what the versions of Airflow differ: every difference is a field, taken from their sources and runs."""

from dataclasses import dataclass, replace
from typing import Literal

Api = Literal["v1", "v2"]

_WORDS = frozenset(
    """
    access_token api_key apikey authorization keyfile_dict passphrase passwd password private_key secret
    service_account token
    """.split()
)
_WORDS_2_11_2 = _WORDS | {"proxies", "proxy"}
_WORDS_3_2 = _WORDS_2_11_2 | {"access_key", "connection_string", "proxy_password"}
_WORDS_3_3 = _WORDS_3_2 | {"auth_header", "bearer", "dsn", "service_key", "webhook_url"}


@dataclass(frozen=True)
class MaskRules:
    """How a version's secrets masker decides (``secrets_masker.py`` of that version)."""

    words: frozenset[str]
    folds_punctuation: bool = False
    """Whether ``Api-Key`` counts as ``api_key``."""
    names_at_any_depth: bool = False
    """Whether sensitive names hide values more than five levels down."""
    shortest_secret: int = 1
    """Shorter values are not remembered."""
    exempt: frozenset[str] = frozenset()
    """Values that are not remembered, in lower case."""


@dataclass(frozen=True)
class Personality:
    """One version of Airflow, as far as its REST API shows it."""

    version: str
    api: Api
    masks: MaskRules
    page_default: int = 100
    page_max: int | None = 100
    """The silent clamp of ``limit``; ``None`` where there is none."""
    infinite_pools: bool = False
    """Whether a pool of -1 slots can be shown; where not, every answer that holds one fails."""

    # v1 only
    post_keeps_description: bool = True
    """Whether POST /variables stores the description that it echoes."""
    extra_must_be_object: bool = True
    """Whether the audit log fails on a connection's ``extra`` that is JSON but no object."""
    connection_ids_are_ascii: bool = True
    """Whether the model refuses an id that the API lets pass."""
    guards_nameless_default_pool: bool = True
    """Whether PATCH /pools/default_pool refuses a body without a name before looking at the mask."""

    creates_asset_events: bool = True
    """Whether the API creates events of datasets or assets."""

    # v2 only
    narrows_runs: bool = False
    """Whether a list of runs can be asked for a pattern of their ids."""
    conf_may_be_null: bool = False
    """Whether a DAG run may be started with ``null`` in place of its configuration."""
    team_name: bool = False
    team_name_refused: bool = False
    """Whether a team name is refused while multi-team mode is off; where not, storing it fails."""
    fewest_slots: int | None = None
    not_objects_fail: frozenset[str] = frozenset()
    """Collections whose audit log fails on a body that is no JSON object, before it is validated."""
    extra_must_be_text: bool = False
    """Whether the audit log fails on a connection's ``extra`` that is no text."""
    pool_patch_required: tuple[str, ...] = ()
    mask_frees_pool_patch: bool = False
    """Whether a masked PATCH of a pool needs no other field."""
    fixed_fields_in_mask_refused: bool = False
    variable_json_depth: int | None = None
    """How deep sensitive keys hide values in a variable's JSON; ``None`` for the masker's own depth."""
    variable_name_masks_json: bool = False
    """Whether a sensitive name hides JSON values too, not only plain text."""
    order_by_many: bool = False
    nulls_last: bool = False
    pipe_means_or: bool = False
    prefix_patterns: bool = False
    shows_sql: bool = False
    """Whether a 409 shows the failed statement."""
    bulk_update_mask: bool = False
    bulk_update_resets: bool = False
    """Whether a bulk update resets the fields that an entity leaves out."""
    bulk_overwrite_resets: bool = False
    bulk_deletes_bodies: bool = False
    """Whether a delete entity may be an object, upon which the handler fails."""
    default_pool_guarded_by_service: bool = False
    """Whether the default pool is guarded where bulk updates pass too, and after it has been looked for."""
    bulk_errors_twice: bool = False
    """Whether the body is validated twice, once for the permissions."""
    bulk_looks_at_keys: bool = False
    """Whether bulk operations load a variable only to change it, not to see whether it is there."""
    bulk_upserts: bool = False
    """Whether a bulk create writes variables by SQL upsert, which keeps the row and its place."""


_V1_MASKS = MaskRules(_WORDS)
_V2_EXEMPT = frozenset({"airflow"})
_LOGGED = frozenset({"variables", "connections"})


def _v1(version: str, masks: MaskRules = _V1_MASKS, *, since_2_9: bool = True) -> Personality:
    return Personality(
        version,
        "v1",
        masks,
        post_keeps_description=since_2_9,
        extra_must_be_object=since_2_9,
        connection_ids_are_ascii=since_2_9,
        creates_asset_events=since_2_9,
    )


_AIRFLOW_3_0_6 = Personality(
    "3.0.6",
    "v2",
    MaskRules(_WORDS, shortest_secret=5, exempt=_V2_EXEMPT),
    page_default=50,
    page_max=None,
    not_objects_fail=_LOGGED | {"pools"},
    extra_must_be_text=True,
    pool_patch_required=("slots", "description", "include_deferred"),
    mask_frees_pool_patch=True,
    variable_json_depth=1,
    nulls_last=True,
    shows_sql=True,
    bulk_update_resets=True,
    bulk_looks_at_keys=True,
    bulk_overwrite_resets=True,
)
_AIRFLOW_3_2_1 = Personality(
    "3.2.1",
    "v2",
    MaskRules(_WORDS_3_2, shortest_secret=5, exempt=_V2_EXEMPT),
    narrows_runs=True,
    conf_may_be_null=True,
    page_default=50,
    infinite_pools=True,
    team_name=True,
    fewest_slots=-1,
    not_objects_fail=_LOGGED,
    extra_must_be_text=True,
    pool_patch_required=("slots", "include_deferred"),
    fixed_fields_in_mask_refused=True,
    order_by_many=True,
    pipe_means_or=True,
    bulk_update_mask=True,
    bulk_looks_at_keys=True,
    bulk_overwrite_resets=True,
    bulk_deletes_bodies=True,
    default_pool_guarded_by_service=True,
    bulk_errors_twice=True,
    bulk_upserts=True,
)
_AIRFLOW_3_3_1 = Personality(
    "3.3.1",
    "v2",
    MaskRules(_WORDS_3_3, True, True, 5, _V2_EXEMPT),  # noqa: FBT003 - the fields' own order
    narrows_runs=True,
    conf_may_be_null=True,
    page_default=50,
    infinite_pools=True,
    team_name=True,
    team_name_refused=True,
    fewest_slots=-1,
    not_objects_fail=_LOGGED,
    pool_patch_required=("slots", "include_deferred"),
    fixed_fields_in_mask_refused=True,
    variable_name_masks_json=True,
    order_by_many=True,
    pipe_means_or=True,
    prefix_patterns=True,
    bulk_update_mask=True,
    bulk_deletes_bodies=True,
    default_pool_guarded_by_service=True,
    bulk_errors_twice=True,
    bulk_upserts=True,
)

PERSONALITIES: dict[str, Personality] = {
    known.version: known
    for known in (
        replace(_v1("2.7.2", since_2_9=False), guards_nameless_default_pool=False),
        _v1("2.8.1", since_2_9=False),
        _v1("2.9.2"),
        _v1("2.10.1"),
        _v1("2.10.3"),
        _v1("2.11.0"),
        _v1("2.11.2", MaskRules(_WORDS_2_11_2)),
        _AIRFLOW_3_0_6,
        _AIRFLOW_3_2_1,
        _AIRFLOW_3_3_1,
    )
}
"""Every version that Amazon MWAA offers, oldest first."""
