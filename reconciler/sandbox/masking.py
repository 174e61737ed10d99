"""What Airflow's secrets masker hides: by name, and by the values that this process has come to know."""

import re
from typing import Any
from urllib.parse import quote

from reconciler.model import MASK
from reconciler.sandbox.personality import MaskRules

DEPTH = 5
"""Airflow's ``MAX_RECURSION_DEPTH``: texts further down keep the secrets that stand within them."""


class Masker:
    """The masker of one server process; its memory of secrets ends with it, as in Airflow."""

    def __init__(self, rules: MaskRules) -> None:
        self._rules = rules
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def hides(self, name: object) -> bool:
        """Whether values of this name are hidden."""
        if not isinstance(name, str):
            return False
        folded = name.strip().lower()
        if self._rules.folds_punctuation:
            folded = re.sub(r"\W+", "_", folded)
        return any(word in folded for word in self._rules.words)

    def learn(self, secret: str | None) -> None:
        """Remember a value, which is ``***`` from now on wherever it stands in a redacted text."""
        if not secret or len(secret) < self._rules.shortest_secret or secret.lower() in self._rules.exempt:
            return
        if secret not in self._known:
            self._known.add(secret)
            longest_first = sorted(self._known, key=lambda known: (-len(known), known))
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def learn_variable(self, key: str, value: str | None) -> None:
        """What happens when a server loads a variable."""
        if self.hides(key):
            self.learn(value)

    def learn_password(self, password: str | None) -> None:
        """What happens when a server loads or creates a connection."""
        if password:
            self.learn(password)
            self.learn(quote(password))

    def redact(self, value: Any, name: object = None, depth: int = DEPTH) -> Any:
        """``value`` as it is shown: all of it hidden under a sensitive name, known secrets in any case."""
        return self._redact(value, name, depth)

    def _redact(self, item: Any, name: object, left: int) -> Any:
        if left < 0 and not self._rules.names_at_any_depth:
            return item
        if name and self.hides(name):
            return _redact_all(item, left)
        if isinstance(item, dict):
            return {key: self._redact(inner, key, left - 1) for key, inner in item.items()}
        if isinstance(item, list):
            return [self._redact(inner, None, left - 1) for inner in item]
        if isinstance(item, str) and left >= 0 and self._pattern:
            return self._pattern.sub(MASK, item)
        return item

    def restore(self, new: Any, old: Any, name: str | None = None) -> Any:
        """``new`` with each ``***`` under a sensitive name replaced by what ``old`` has in its place."""
        return self._restore(new, old, name, sensitive=False, left=DEPTH)

    def _restore(self, new: Any, old: Any, name: str | None, *, sensitive: bool, left: int) -> Any:
        if left < 0:
            return old if new == MASK else new
        hidden = sensitive or (name is not None and self.hides(name))
        if isinstance(new, dict) and isinstance(old, dict):
            return {
                key: self._restore(value, old[key], None if hidden else key, sensitive=hidden, left=left - 1)
                if key in old
                else value
                for key, value in new.items()
            }
        if isinstance(new, list) and isinstance(old, list):
            paired = [
                self._restore(value, before, None, sensitive=hidden, left=left - 1)
                for value, before in zip(new, old, strict=False)
            ]
            return paired + new[len(old) :]
        return old if hidden and new == MASK else new


def _redact_all(item: Any, left: int) -> Any:
    if left < 0 or isinstance(item, str):
        return MASK
    if isinstance(item, dict):
        return {key: _redact_all(inner, left - 1) for key, inner in item.items()}
    if isinstance(item, list):
        return [_redact_all(inner, left - 1) for inner in item]
    return item
