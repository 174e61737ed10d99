"""Which names look as if they held a secret."""

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


def looks_secret(name: object) -> bool:
    """Whether Airflow 3.3 would hide a value of this name: a word anywhere in it, ``-`` counting as ``_``."""
    folded = str(name).strip().lower().replace("-", "_")
    return any(word in folded for word in WORDS)
