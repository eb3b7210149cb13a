import dataclasses

import pytest

from segue.plan.logging_package import LoggingPackage


def test_numbers_stand_under_their_tags():
    package = LoggingPackage("train", training_steps=2048, pipeline_stage=1, misc={"lr": 3e-4})
    package.add_metrics({"reward": 1.0}, n=1)
    package.add_metrics({"reward": 4.0}, n=2)
    package.add_loss("ppo", {"total": 0.5, "entropy": 0.1})
    package.add_loss("bc", {"total": 0.2})
    assert package.tagged() == {
        "train-metrics/reward": 3.0,
        "train-losses/ppo/total": 0.5,
        "train-losses/ppo/entropy": 0.1,
        "train-losses/bc/total": 0.2,
        "train-misc/lr": 3e-4,
    }


def test_is_a_typed_record():
    package = LoggingPackage("valid", 100)
    assert [entry.name for entry in dataclasses.fields(package)] == [
        "mode",
        "training_steps",
        "pipeline_stage",
        "metrics",
        "losses",
        "misc",
    ]
    assert package.pipeline_stage is None
    assert package.tagged() == {}


def test_packages_share_no_state():
    first = LoggingPackage("valid", 0)
    second = LoggingPackage("valid", 0)
    first.add_metrics({"reward": 1.0})
    first.add_loss("ppo", {"total": 1.0})
    first.misc["fps"] = 1.0
    assert second.tagged() == {}


def test_a_refused_loss_leaves_nothing_behind():
    package = LoggingPackage("train", 0)
    with pytest.raises(TypeError, match="must be one number"):
        package.add_loss("ppo", {"total": None})
    assert package.losses == {}


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"mode": "training"}, ValueError, "mode of a LoggingPackage must be one of"),
        ({"training_steps": -1}, ValueError, "training_steps must be at least 0"),
        ({"training_steps": 1.5}, TypeError, "training_steps must be a whole number"),
        ({"pipeline_stage": -1}, ValueError, "pipeline_stage must be at least 0"),
    ],
)
def test_mistakes_are_refused(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        LoggingPackage(**{"mode": "train", "training_steps": 0} | wrong)
