from importlib.metadata import entry_points
from unittest.mock import patch

import pytest

from reconciler.errors import SecretError
from reconciler.model import Secret
from reconciler.secrets import GROUP, OWN, Schemes, Secrets


def test_the_sources_known_without_a_search_are_the_installed_ones() -> None:
    assert {point.name for point in entry_points(group=GROUP)} == OWN == set(Schemes())
    assert len(Schemes()) == len(OWN)


def test_a_known_source_needs_no_search() -> None:
    with patch("importlib.metadata.entry_points", side_effect=AssertionError):
        assert all(scheme in Schemes() for scheme in OWN)


def test_what_no_package_brings_is_no_source() -> None:
    assert "vault" not in Schemes()
    with pytest.raises(SecretError, match="'vault' is no source of secrets"):
        Secrets()(Secret("vault:a"))
