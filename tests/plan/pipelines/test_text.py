from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.values.builder import Builder
from tests.plan.example_pipelines import Optimizer, pipeline, stage


def test_shows_each_stage_and_only_what_it_overrides():
    made = pipeline(
        stage(
            loss_name=["bc", "ppo"],
            loss_weights=[1, 0.5],
            max_stage_steps=20_000,
            teacher_forcing=LinearDecay(20_000),
        ),
        stage(
            gamma=0.5, save_interval=None, early_stopping_criterion=NeverEarlyStoppingCriterion()
        ),
    )
    assert (
        made.to_text() == f"2 stages, 21,000 steps, {made.fingerprint}\n"
        "  ppo         Loss(clip=0.1)\n"
        "  bc          Loss(clip=0.2)\n"
        "  optimizer   Optimizer(lr=0.0003)\n"
        "  settings    num_mini_batch 4, update_repeats 3, max_grad_norm 0.5,\n"
        "              num_steps 128, gamma 0.99, use_gae True, gae_lambda 0.95,\n"
        "              advance_scene_rollout_period None, save_interval 10000,\n"
        "              metric_accumulate_interval 1000\n"
        "stage 1 of 2\n"
        "  steps       20,000\n"
        "  losses      1 bc, 0.5 ppo\n"
        "  teacher     LinearDecay(steps=20000, startp=1.0, endp=0.0)\n"
        "stage 2 of 2\n"
        "  steps       1,000\n"
        "  losses      1 ppo\n"
        "  stops early NeverEarlyStoppingCriterion()\n"
        "  overrides   gamma 0.5, save_interval None"
    )


def test_shows_data_beside_the_rollouts_and_the_learning_rate():
    component = OffPolicyPipelineComponent(iter, ["bc"], 4)
    text = pipeline(
        stage(loss_name=[], offpolicy_component=component),
        lr_scheduler_builder=Builder(Optimizer, {"gamma": 0.1}),
    ).to_text()
    assert text.startswith("1 stage, ")
    assert "lr schedule Optimizer(gamma=0.1)" in text
    assert "off-policy  4 updates per rollout of bc" in text
    assert "losses" not in text


def test_lines_are_short_and_without_addresses():
    class Plain:
        pass

    text = pipeline(
        *[stage(teacher_forcing=lambda step: 0.5) for _ in range(3)],
        named_losses={"ppo": Plain(), "a name that is longer than its column": Plain},
    ).to_text()
    assert max(map(len, text.splitlines())) <= 72
    assert "0x" not in text
    assert "Plain" in text
