"""The Ray of the tests."""

from tests.tune.support.shared_ray import cluster

__all__ = ["cluster"]
