import copy
import inspect
import json
import math
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.pipelines.settings import SETTING_NAMES, TrainingSettings
from segue.plan.values.builder import Builder
from tests.plan.example_pipelines import SETTINGS, Loss, Optimizer, pipeline, stage
from tests.plan.pipelines.test_settings import VALUES

MAY_BE_NONE = ("advance_scene_rollout_period", "save_interval")
overrides = st.fixed_dictionaries({}, optional=VALUES)


def component(**changes):
    return OffPolicyPipelineComponent(
        **{"data_iterator_builder": iter, "loss_names": ["bc"], "updates": 2} | changes
    )


def test_iterates_over_its_stages():
    stages = [stage(), stage(max_stage_steps=lambda: 500), stage(gamma=0.5)]
    made = pipeline(*stages)
    assert list(made) == stages
    assert [a is b for a, b in zip(made, stages, strict=True)] == [True] * 3
    assert list(made) == list(made)
    assert (len(made), made.total_steps) == (3, 2500)


def test_is_settings_of_its_own():
    made = pipeline()
    assert isinstance(made, TrainingSettings)
    assert made.given == SETTINGS
    assert (made.should_log, made.lr_scheduler_builder) == (True, None)


@given(overrides)
def test_a_stage_overrides_the_pipeline_and_nothing_is_written_on_it(changed):
    shared = stage(**changed)
    before = shared.to_dict()
    first = pipeline(shared, stage())
    second = pipeline(stage(), shared, gamma=0.1)
    assert first.settings(0).given == SETTINGS | changed
    assert second.settings(1).given == SETTINGS | {"gamma": 0.1} | changed
    assert first.settings(1).given == SETTINGS
    assert shared.to_dict() == before


@pytest.mark.parametrize("name", MAY_BE_NONE)
def test_none_overrides(name):
    assert getattr(pipeline(stage(**{name: None}), **{name: 5}).settings(0), name) is None


@pytest.mark.parametrize("name", [name for name in SETTING_NAMES if name not in MAY_BE_NONE])
def test_none_is_refused_where_training_needs_a_value(name):
    with pytest.raises(ValueError, match=f"Stage 1 has None for {name}, which it requires"):
        pipeline(stage(), stage(**{name: None}))
    with pytest.raises(ValueError, match=f"Stage 0 has None for {name}"):
        pipeline(**{name: None})
    assert (
        getattr(pipeline(stage(**{name: SETTINGS[name]}), **{name: None}).settings(0), name)
        == SETTINGS[name]
    )


def test_update_repeats_may_be_none_without_on_policy_losses():
    assert (
        pipeline(stage(loss_name=[], offpolicy_component=component(), update_repeats=None))
        .settings(0)
        .update_repeats
        is None
    )


def test_losses_are_built_from_builders():
    made = pipeline()
    assert made.loss("ppo") is made.named_losses["ppo"]
    assert made.loss("bc") == Loss(clip=0.2)
    with pytest.raises(ValueError, match="'pp', which named_losses lacks: did you mean 'ppo'"):
        made.loss("pp")


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        (
            [stage(), stage(loss_name=["pppo"])],
            "Stage 1 names the loss 'pppo', which named_losses lacks: did you mean 'ppo'?",
        ),
        ([stage(loss_name=["dagger"])], "named_losses lacks: choose from 'bc', 'ppo'."),
        ([stage(loss_name=["ppo", "bc", "ppo"])], "Stage 0 names the loss 'ppo' more than once"),
        (
            [stage(loss_weights=[1.0, 2.0])],
            "Stage 0 has 2 loss weights for 1 losses: give one weight for each of ['ppo'].",
        ),
        ([stage(loss_weights=[])], "Stage 0 has 0 loss weights for 1 losses"),
        ([stage(loss_name=[])], "Stage 0 names no losses"),
        (
            [stage(offpolicy_component=component(loss_names=["cb"]))],
            "off-policy component of stage 0 names the loss 'cb'",
        ),
        (
            [stage(offpolicy_component=component(updates=0))],
            "updates of the off-policy component of stage 0 must be at least 1",
        ),
        (
            [stage(offpolicy_component=component(loss_weights=[1, 2]))],
            "off-policy component of stage 0 has 2 loss weights",
        ),
    ],
)
def test_losses_that_do_not_fit_are_refused_by_name(stages, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        pipeline(*stages)


def test_a_pipeline_without_stages_is_refused():
    with pytest.raises(ValueError, match="has no stages"):
        pipeline(pipeline_stages=[])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"pipeline_stages": stage()}, "got one stage: put it into a list"),
        ({"pipeline_stages": [stage(), "ppo"]}, "Stage 1 must be a PipelineStage, got 'ppo'"),
        ({"named_losses": ["ppo"]}, "named_losses must be a dictionary"),
        ({"named_losses": {1: Loss()}}, "named_losses must be a dictionary"),
        ({"optimizer_builder": Optimizer}, "optimizer_builder must be a Builder, got"),
        ({"optimizer_builder": None}, "optimizer_builder must be a Builder, got None"),
        ({"lr_scheduler_builder": Optimizer}, "lr_scheduler_builder must be a Builder"),
        ({"should_log": 1}, "should_log must be True or False"),
        ({"num_steps": True}, "num_steps must be a whole number, got True"),
        ({"gama": 0.9}, "TrainingPipeline takes no 'gama': did you mean 'gamma'"),
    ],
)
def test_the_wrong_kind_is_refused(wrong, sentence):
    with pytest.raises(TypeError, match=sentence):
        pipeline(**wrong)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match=r"gamma must be in \[0, 1\], got 1.5"):
        pipeline(gamma=1.5)


def test_the_callers_collections_are_copied():
    losses = {"ppo": Loss()}
    stages = [stage()]
    made = pipeline(named_losses=losses, pipeline_stages=stages)
    losses["bc"] = Loss()
    stages.append(stage())
    assert (list(made.named_losses), len(made)) == (["ppo"], 1)


def full():
    return pipeline(
        stage(loss_name=["bc", "ppo"], loss_weights=[1, 0.5], teacher_forcing=LinearDecay(1000)),
        stage(
            early_stopping_criterion=NeverEarlyStoppingCriterion(),
            save_interval=None,
            offpolicy_component=component(),
        ),
        lr_scheduler_builder=Builder(Optimizer),
        max_grad_norm=math.inf,
    )


def test_a_pipeline_is_a_value():
    made = full()
    for twin in (full(), copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert twin == made
        assert hash(twin) == hash(made)
        assert twin.fingerprint == made.fingerprint
        assert twin.to_text() == made.to_text()
    with pytest.raises(AttributeError, match="its pipeline_stages cannot be set"):
        made.pipeline_stages = ()


@pytest.mark.parametrize(
    "changed",
    [
        {"gamma": 0.98},
        {"should_log": False},
        {"named_losses": {"ppo": Loss(clip=0.11), "bc": Builder(Loss, {"clip": 0.2})}},
        {"optimizer_builder": Builder(Optimizer, {"lr": 4e-4})},
        {"pipeline_stages": [stage(max_stage_steps=1001)]},
        {"pipeline_stages": [stage(save_interval=None)]},
        {"pipeline_stages": [stage(), stage()]},
    ],
)
def test_every_difference_shows(changed):
    assert pipeline(**changed) != pipeline()
    assert pipeline(**changed).fingerprint != pipeline().fingerprint


def test_describes_itself_in_json():
    made = full()
    assert json.loads(json.dumps(made.to_dict(), allow_nan=False)) == made.to_dict()
    assert re.fullmatch("[0-9a-f]{16}", made.fingerprint)


def test_the_fingerprint_is_the_same_in_every_process():
    code = "from tests.plan.pipelines.test_pipeline import full; print(full().fingerprint)"
    root = Path(__file__).parents[3]
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert answers == {full().fingerprint}


def test_prints_its_fingerprint():
    assert repr(pipeline()) == f"TrainingPipeline(stages=1, fingerprint={pipeline().fingerprint!r})"


def test_the_signature_is_that_of_allenacts_page():
    names = list(inspect.signature(type(pipeline())).parameters)
    assert names[:3] == ["named_losses", "pipeline_stages", "optimizer_builder"]
    assert names[3:] == [*SETTING_NAMES, "should_log", "lr_scheduler_builder"]
