"""Secrets out of this process's environment: ``env:NAME``."""

import os


class EnvSource:
    """Reads environment variables; an empty one counts as missing."""

    def value(self, name: str) -> str | None:
        """The text of the variable called ``name``."""
        return os.environ.get(name) or None
