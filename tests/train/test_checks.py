import re
from dataclasses import dataclass

import pytest
import torch

from segue.plan.criteria.criterion import EarlyStoppingCriterion, NeverEarlyStoppingCriterion
from segue.plan.criteria.metrics import AllOf, AnyOf, NearOptimal, Plateau, Reached
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.values.builder import Builder
from segue.train import A2C, PPO
from segue.train.checks import check_criteria, check_metric, check_metric_names, check_trainable
from tests.train.support.pipelines import LANES, pipeline, stage, trainer
from tests.worlds.probes import ContextualAction

COMPONENT = OffPolicyPipelineComponent(data_iterator_builder=iter, loss_names=["ppo"], updates=1)


@pytest.mark.parametrize(
    ("stages", "changes", "sentence"),
    [
        (
            [stage(teacher_forcing=lambda steps: steps)],
            {},
            "The teacher_forcing of stage 0 is 3 after 3 steps",
        ),
        (
            [stage(), stage(offpolicy_component=COMPONENT)],
            {},
            "an off-policy component cannot name: use",
        ),
        (
            [],
            {"lr_scheduler_builder": Builder(torch.optim.lr_scheduler.StepLR)},
            "lr_scheduler_builder",
        ),
        (
            [],
            {"losses": {"ppo": object()}},
            "The loss 'ppo' is of the class object, which a stage's loss_name cannot name",
        ),
        (
            [stage(num_mini_batch=40)],
            {},
            "4 lanes x 16 steps into 40 minibatches, and a minibatch needs 2 samples",
        ),
        (
            [stage("a2c", num_mini_batch=65)],
            {},
            "choose num_mini_batch at most 64, or longer rollouts",
        ),
        (
            [],
            {"adam": {"beta": 0.9}},
            "Adam takes no 'beta', which the pipeline's optimizer_builder gives it",
        ),
        ([], {"adam": {"lr": -1.0}}, "Adam requires lr to be a finite number of at least 0"),
        ([], {"adam": {"betas": (0.9, 1.0)}}, "Adam requires betas[1] to be in [0, 1)"),
        (
            [],
            {"optimizer_builder": Builder(torch.optim.LBFGS)},
            "LBFGS cannot update the flat vector",
        ),
        (
            [],
            {"optimizer_builder": Builder(torch.optim.SparseAdam)},
            "SparseAdam cannot update the flat vector",
        ),
        (
            [],
            {"optimizer_builder": Builder(torch.optim.Muon)},
            "Muon cannot update the flat vector",
        ),
        ([], {"optimizer_builder": Builder(dict)}, "build a torch.optim optimizer"),
    ],
)
def test_what_the_trainer_cannot_run_is_refused_in_one_sentence(stages, changes, sentence):
    made = pipeline(*stages, **changes)
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        check_trainable(made, LANES)
    assert str(refused.value).endswith((".", "?"))
    with pytest.raises(ValueError, match=re.escape(sentence)):
        trainer([pipeline(), made], seeds=[0, 1])


def test_the_smallest_minibatches_are_accepted_and_stay_finite():
    for names, most in (("ppo", 32), ("a2c", 64)):
        made = trainer(pipeline(stage(names, num_mini_batch=most)))
        made.advance()
        assert torch.isfinite(made.parameters).all()


def test_one_sample_is_enough_where_nothing_is_normalised():
    losses = {"ppo": PPO(normalize_advantage=False), "a2c": A2C()}
    check_trainable(pipeline(stage(["ppo", "a2c"], num_mini_batch=64), losses=losses), LANES)


def test_losses_may_be_builders():
    check_trainable(pipeline(losses={"ppo": Builder(PPO, {"clip_param": 0.3})}), LANES)


def test_metrics_are_those_of_every_episode_and_of_the_world():
    for metric in ("return", "length", "success"):
        check_metric(metric, ("success",))
    with pytest.raises(
        ValueError, match=r"no metric 'reward' in this world: choose from 'length', 'return'\."
    ):
        check_metric("reward", ())


@dataclass
class Fallen(EarlyStoppingCriterion):
    metric: str

    def __call__(self, stage_steps, total_steps, training_metrics):
        return False


@pytest.mark.parametrize(
    "criterion",
    [
        Reached("retrun", 1.0),
        Plateau("retrun", 3),
        NearOptimal(1.0, 0.1, metric="retrun"),
        AnyOf([NeverEarlyStoppingCriterion(), AllOf([Reached("retrun", 1.0)])]),
        Builder(Reached, {"metric": "retrun", "value": 1.0}),
        Fallen("retrun"),
    ],
)
def test_a_misspelt_metric_of_a_criterion_is_refused_with_the_nearest_name(criterion):
    planned = pipeline(stage(), stage(early_stopping_criterion=criterion))
    with pytest.raises(
        ValueError, match=r"of stage 1 reads the metric 'retrun', .*: did you mean 'return'"
    ):
        check_criteria(planned, ["success"])


def test_criteria_read_the_metrics_of_every_episode_and_of_the_world():
    for metric in ("return", "length", "success"):
        check_criteria(pipeline(stage(early_stopping_criterion=Reached(metric, 1.0))), ["success"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *((name, "a field of every report") for name in ("stage", "final", "env_steps", "done")),
        ("timestamp", "a field of every report"),
        ("length", "which every world has"),
        ("a/b", "contains a slash"),
        ("", "has no name"),
        ("success", "twice"),
    ],
)
def test_a_metric_of_a_world_whose_name_has_a_meaning_in_a_report_is_refused(name, sentence):
    with pytest.raises(ValueError, match=re.escape(repr(name))) as refusal:
        check_metric_names(["success", name])
    assert sentence in str(refusal.value)


def test_a_trial_is_refused_for_the_metrics_of_its_world():
    class Staged(ContextualAction):
        metrics = ("stage",)

    with pytest.raises(ValueError, match="metric 'stage', which is a field of every report"):
        trainer(pipeline(), world=Staged)
