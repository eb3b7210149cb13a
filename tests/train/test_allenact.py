"""What AllenAct's experiments write, beyond the page of `experiment_utils`: it works, or is refused
in a sentence that says what to write instead.
"""

import re
from importlib import import_module

import pytest
import torch

from segue import experiment_utils
from segue.base.counterparts import ABSENT
from segue.experiment_utils import (
    Builder,
    EarlyStoppingCriterion,
    LinearDecay,
    MultiLinearDecay,
    PipelineStage,
    TrainingPipeline,
    TrainingSettings,
)
from segue.train import A2C, PPO, Imitation, PPOValue
from segue.train.checks import check_trainable
from tests.train.support.pipelines import (
    LANES,
    ROLLOUT,
    SETTINGS,
    advanced,
    pipeline,
    stage,
    trainer,
)
from tests.train.support.staged import LOSSES, cloning

LAST = {
    "pipeline_stages": [stage()],
    "optimizer_builder": Builder(torch.optim.Adam, {"lr": 1e-3}),
    "named_losses": {"ppo": PPO()},
}


class ShortEpisodes(EarlyStoppingCriterion):
    """Stop after intervals with fewer than `most` steps an episode, by sums and counts."""

    def __init__(self, most):
        self.most = most

    def __call__(self, stage_steps, total_steps, training_metrics):
        sums = training_metrics.sums()
        counts = training_metrics.counts()
        assert training_metrics.empty == (not sums)
        sums["length"] = sums.get("length", 0.0) + 1.0  # a copy
        return counts.get("length", 0) > 1 and sums["length"] / counts["length"] < self.most


def test_a_criterion_reads_sums_and_counts():
    made = pipeline(
        stage(steps=100 * ROLLOUT, early_stopping_criterion=ShortEpisodes(1_000)),
        metric_accumulate_interval=ROLLOUT,
    )
    assert advanced(trainer(made)).total_env_steps < 10 * ROLLOUT


def test_a_decay_of_unknown_length_is_made_and_not_used():
    unknown = LinearDecay(-1)
    assert unknown == LinearDecay(steps=-1)
    with pytest.raises(ValueError, match=r"LinearDecay\(-1\) has no length.*give it the steps"):
        unknown(0)
    with pytest.raises(ValueError, match="at least 1, got -1"):
        MultiLinearDecay([LinearDecay(5), unknown])
    scheduler = Builder(torch.optim.lr_scheduler.LambdaLR, {"lr_lambda": unknown})
    check_trainable(pipeline(losses={"ppo": PPO(), "unused": PPO(clip_decay=unknown)}), LANES)
    for used in (
        pipeline(losses={"ppo": PPO(clip_decay=unknown)}),
        pipeline(stage(teacher_forcing=unknown)),
        pipeline(lr_scheduler_builder=scheduler),
    ):
        with pytest.raises(ValueError, match="has no length"):
            check_trainable(used, LANES)


def test_settings_may_be_given_together():
    together = TrainingSettings(**SETTINGS)
    assert TrainingPipeline(**LAST, training_settings=together) == pipeline(losses={"ppo": PPO()})
    short = TrainingSettings(num_steps=4, gamma=0.5)
    assert stage(training_settings=short) == stage(num_steps=4, gamma=0.5)


def test_settings_are_given_once():
    for make in (stage, pipeline):
        with pytest.raises(TypeError, match=r"or as keywords, not both: move .*gamma"):
            make(gamma=0.9, training_settings=TrainingSettings(num_steps=4))
    with pytest.raises(TypeError, match=r"must be a TrainingSettings, got \{\}"):
        stage(training_settings={})


def test_settings_may_be_left_to_the_stages():
    rest = {name: value for name, value in SETTINGS.items() if value is not None}
    steps = rest.pop("num_steps")
    stages = [stage(num_steps=steps), stage(num_steps=2 * steps)]
    made = TrainingPipeline(**LAST | {"pipeline_stages": stages}, **rest)
    assert [made.settings(index).num_steps for index in (0, 1)] == [steps, 2 * steps]
    assert made.save_interval is None
    with pytest.raises(ValueError, match="Stage 1 has no value for num_steps, which it requires"):
        TrainingPipeline(**LAST | {"pipeline_stages": [stages[0], stage()]}, **rest)


def test_a_stage_that_learns_from_data_only_has_no_minibatches():
    alone = stage([], steps=2 * ROLLOUT, offpolicy_component=cloning())
    zeros = {"num_mini_batch": 0, "update_repeats": 0}
    one = pipeline(alone, losses=LOSSES, num_mini_batch=1, update_repeats=None)
    made = [trainer(pipeline(alone, losses=LOSSES, **zeros)), trainer(one)]
    assert torch.equal(*(advanced(each).parameters for each in made))


@pytest.mark.parametrize("name", ["num_mini_batch", "update_repeats"])
def test_a_stage_that_learns_from_rollouts_needs_minibatches(name):
    with pytest.raises(ValueError, match=rf"Stage 0 has 0 for {name}.*\['ppo'\] learn from roll"):
        pipeline(**{name: 0})


@pytest.mark.parametrize(
    ("make", "keywords"),
    [
        (PPO, {"show_ratios": True}),
        (PPO, {"entropy_method_name": "conditional_entropy"}),
        (A2C, {"acktr": True}),
        (Imitation, {"expert_sensor": object()}),
        (stage, {"stage_components": [object()]}),
        (stage, {"loss_update_repeats": [1, 4]}),
        (stage, {"callback_to_change_engine_attributes": {}}),
        (pipeline, {"named_storages": {}}),
        (pipeline, {"rollout_storage_uuid": "onpolicy"}),
        (pipeline, {"valid_pipeline_stage": stage()}),
    ],
)
def test_what_has_no_counterpart_is_refused_with_what_to_write_instead(make, keywords):
    (name,) = keywords
    with pytest.raises(TypeError, match=f"'{name}', unlike AllenAct: ") as refused:
        make(**keywords)
    assert str(refused.value).endswith(f"{ABSENT[name].instead}.")


@pytest.mark.parametrize(
    ("make", "keywords", "sentence"),
    [
        (PPO, {"vf_coef": 0.5}, "write value_loss_coef=2 * vf_coef, since"),
        (A2C, {"ent_coef": 0.0}, "write entropy_coef."),
        (stage, {"n_epochs": 4}, "write update_repeats."),
        (pipeline, {"batch_size": 64}, "write num_mini_batch, the number"),
    ],
)
def test_stable_baselines3s_names_are_refused_with_segues(make, keywords, sentence):
    with pytest.raises(TypeError, match=re.escape(f"unlike Stable-Baselines3: {sentence}")):
        make(**keywords)


def test_a_keyword_with_allenacts_default_changes_nothing():
    assert PPO(show_ratios=False, entropy_method_name="entropy") == PPO()
    assert pipeline(named_storages=None, test_pipeline_stage=None) == pipeline()
    assert stage(stage_components=None) == stage()
    with pytest.raises(TypeError, match="PPO takes no 'show_ratios'"):
        PPO(show_ratios=None)


def test_an_absent_class_is_refused_on_import():
    with pytest.raises(
        ImportError, match="has no StageComponent, unlike AllenAct's module: a stage"
    ):
        from segue.experiment_utils import StageComponent  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'PipelineStages'"):
        experiment_utils.PipelineStages  # noqa: B018
    assert import_module("segue.experiment_utils") is experiment_utils


def test_a_misspelt_field_of_a_loss_is_refused_by_the_one_that_was_meant():
    with pytest.raises(TypeError, match="PPO takes no 'clip_parm': did you mean 'clip_param'"):
        PPO(clip_parm=0.2)
    with pytest.raises(TypeError, match="PPOValue takes no 'x': choose from 'clip_decay', 'clip_p"):
        PPOValue(x=1)
    with pytest.raises(TypeError) as refused:
        PPO(x=1)
    assert "'self'" not in str(refused.value)
    assert isinstance(PipelineStage(["ppo"], 1), TrainingSettings)
