import importlib
import os
import warnings
from unittest.mock import Mock

import optuna
import pytest
from ray import tune

from segue.tune.cluster.session import ray_session, suppress_ray_warnings


def test_only_warnings_of_ray_and_optuna_are_suppressed() -> None:
    for module, is_heard in (
        ("ray.tune.tuner", False),
        ("optuna", False),
        ("rays", True),
        ("my_sweep", True),
    ):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            with suppress_ray_warnings():
                warnings.warn_explicit("hm", UserWarning, "file.py", 1, module=module)
        assert bool(heard) == is_heard


def test_the_log_of_optuna_is_as_loud_afterwards_as_before() -> None:
    before = optuna.logging.get_verbosity()
    with suppress_ray_warnings():
        assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert optuna.logging.get_verbosity() == before


def test_the_environment_is_set_for_the_session_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with ray_session() as resources:
        assert resources == {"CPU": 2.0}
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_a_ray_that_does_not_start_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timed_out = Exception("The current node timed out during startup. This could happen because")
    monkeypatch.setattr("ray.init", Mock(side_effect=timed_out))
    sentence = (
        r"Ray cannot be started on this machine \(The current node .* because\): run the same"
    )
    with pytest.raises(ValueError, match=sentence), ray_session():
        pass


def test_ray_counts_no_callbacks_for_its_statistics_during_a_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    usage = importlib.import_module("ray.tune.tune").air_usage
    before = usage.tag_callbacks
    with ray_session():
        assert usage.tag_callbacks([tune.Callback()]) is False
    assert usage.tag_callbacks is before
