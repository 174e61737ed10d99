"""Which names and texts look as if they held a secret."""

import re
from collections.abc import Iterable
from functools import lru_cache

from reconciler.kinds.json_text import NO_DOCUMENT, document
from reconciler.model import ATOMS, Sealed, Secret

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

WORD = re.compile("|".join(WORDS))


@lru_cache(maxsize=4096)
def looks_secret(name: object) -> bool:
    """Whether Airflow 3.3 would hide a value of this name: a word anywhere in it, ``-`` counting as ``_``."""
    return _has_word(str(name))


def _has_word(text: str) -> bool:
    return WORD.search(text.lower().replace("-", "_")) is not None


@lru_cache(maxsize=128)
def _any_looks_secret(names: tuple[object, ...]) -> bool:
    """The same of several at once; the members of most objects have the names of the next one's."""
    return _has_word("\n".join(map(str, names)))


DOUBTFUL = frozenset(chr(code) for code in range(0x3001) if chr(code).isspace()) | {"{", "["}
"""How a text begins that may hold an object or an array."""

URL_WITH_PASSWORD = re.compile(r"://[^/?#\s:@]*:[^/?#\s@]+@")


def tells_secrets(value: object) -> bool:
    """Whether a value, JSON text or URL holds something that is or looks secret, however deep.

    What begins as JSON and is none, such as a template, is searched for the words that look secret.

    Airflow 2 shows every variable in clear, Airflow 3 what lies deep, and all versions hosts and logins.
    """
    if isinstance(value, dict):
        named = _any_looks_secret(tuple(value)) and any(map(looks_secret, filter(value.get, value)))
        return named or any(map(tells_secrets, _telling(value.values())))
    if isinstance(value, list):
        return any(map(tells_secrets, _telling(value)))
    return _text_tells_secrets(value) if isinstance(value, str) else isinstance(value, Secret | Sealed)


def _telling(items: Iterable[object]) -> list[object]:
    """What may tell anything: not numbers, nor texts in which neither an address nor JSON can stand."""
    return [
        item
        for item in items
        if type(item) not in ATOMS or (type(item) is str and (item[:1] in DOUBTFUL or "://" in item))
    ]


def _text_tells_secrets(text: str) -> bool:
    if URL_WITH_PASSWORD.search(text):
        return True
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    found = document(text)
    return looks_secret(text) if found is NO_DOCUMENT else tells_secrets(found)
