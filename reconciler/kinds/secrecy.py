"""Which names and texts look as if they held a secret."""

import re
from functools import lru_cache

from reconciler.kinds.json_text import document
from reconciler.model import Sealed, Secret

WORDS = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "proxy_password",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)
"""Airflow 3.3's list (``DEFAULT_SENSITIVE_FIELDS`` in its secrets masker), whatever the server's version."""


@lru_cache(maxsize=4096)
def looks_secret(name: object) -> bool:
    """Whether Airflow 3.3 would hide a value of this name: a word anywhere in it, ``-`` counting as ``_``."""
    folded = str(name).strip().lower().replace("-", "_")
    return any(word in folded for word in WORDS)


URL_WITH_PASSWORD = re.compile(r"://[^/?#\s:@]*:[^/?#\s@]+@")


def tells_secrets(value: object) -> bool:
    """Whether a value, JSON text or URL holds something that is or looks secret, however deep.

    Airflow 2 shows every variable in clear, Airflow 3 what lies deep, and all versions hosts and logins.
    """
    if isinstance(value, str):
        parsed = document(value) if value.lstrip()[:1] in {"{", "["} else None
        return bool(URL_WITH_PASSWORD.search(value)) or tells_secrets(parsed)
    if isinstance(value, Secret | Sealed):
        return True
    if isinstance(value, dict):
        return any((looks_secret(name) and bool(item)) or tells_secrets(item) for name, item in value.items())
    return isinstance(value, list) and any(map(tells_secrets, value))
