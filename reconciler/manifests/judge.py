"""JSON Schema's own validator, as strict as Airflow is: it has the last word on every document."""

import functools
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from reconciler.manifests.acceptance import holds_reference
from reconciler.manifests.schema import LEAF_REF, SCHEMAS


def violations(schema: str, document: Any) -> Iterator[ValidationError]:
    """Everything in a document that differs from the named schema."""
    found: Iterator[ValidationError] = _validator(schema).iter_errors(document)
    return found


@functools.cache
def _validator(name: str) -> Any:
    keywords = {"$ref": _ref, "pattern": _pattern}
    strict = validators.extend(Draft202012Validator, keywords, type_checker=STRICT)  # type: ignore[no-untyped-call]
    return strict(SCHEMAS[name]())


STRICT = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
)
"""JSON Schema takes 5.0 for an integer; Airflow does not."""


def _ref(validator: Any, reference: str, instance: Any, schema: Any) -> Any:
    """The keyword as it is, but for values that hold no reference to a secret there is nothing to check."""
    if reference == LEAF_REF and not holds_reference(instance):
        return ()
    return Draft202012Validator.VALIDATORS["$ref"](validator, reference, instance, schema)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """The whole text must match: for Python alone, ``$`` would let a line end follow."""
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError("")
