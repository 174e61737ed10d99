"""Names of keys and ids: as messages show them, and whether people can tell them apart."""

import unicodedata

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that no reader can see: controls, direction marks, zero-width, surrogates."""

LONGEST_QUOTED = 80
"""Characters of a key that a message shows."""


def quoted(name: str) -> str:
    """A key or an id as messages show it."""
    return f"'{name}'" if len(name) <= LONGEST_QUOTED else f"'{name[:LONGEST_QUOTED]}…'"


def unseen(name: str) -> str | None:
    """Why a key or an id cannot be told from others by looking at it, or ``None``."""
    if name.isascii() and name.isprintable():
        return None
    if any(unicodedata.category(character) in UNSEEN for character in name):
        return "holds characters that nobody sees"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's composed form (NFC)"
    return None
