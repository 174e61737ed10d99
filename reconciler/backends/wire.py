"""What goes over the wire: the one module in which secrets are unwrapped."""

from typing import Any

from reconciler.kinds.json_text import stored_text
from reconciler.model import JsonText, Secret


def encode(body: Any) -> Any:
    """``body`` as plain JSON values, every secret in clear; the result must not be logged or kept."""
    if isinstance(body, Secret):
        return body.reveal()
    if isinstance(body, JsonText):
        return stored_text(encode(body.value))
    if isinstance(body, dict):
        return {name: encode(item) for name, item in body.items()}
    if isinstance(body, list | tuple):
        return [encode(item) for item in body]
    return body
