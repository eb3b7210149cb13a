"""Texts of sweep files that several tests write and run."""

REAL = '''"""Does it learn at all?"""

from ray import tune
from torch import optim

from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline


def pipeline(gae_lambda: float, lr: float) -> TrainingPipeline:
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[
            PipelineStage(["ppo"], max_stage_steps=1024),
            PipelineStage(["ppo"], max_stage_steps=1024),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=2,
        update_repeats=2,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.98,
        use_gae=True,
        gae_lambda=gae_lambda,
        advance_scene_rollout_period=None,
        save_interval=512,
        metric_accumulate_interval=512,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={"gae_lambda": tune.grid_search([0.8, 0.95]), "lr": tune.grid_search([1e-3, 3e-4])},
    world="CartPole-v1",
    evaluation=Evaluation(every=512, episodes=2),
    seeds=2,
)
'''

BROKEN_WORLD = """
def broken(members: int, lanes: int):
    import ray

    from segue.worlds import make_world

    if ray.is_initialized():  # in a worker, but not when the sweep is checked
        raise RuntimeError("the simulator is out")
    return make_world("CartPole-v1", members, lanes)

"""
