"""Files that people write, read as one environment."""

from reconciler.manifests.environment import Environment, load_environment

__all__ = ["Environment", "load_environment"]
