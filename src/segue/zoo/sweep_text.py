"""The text of a sweep file with the settings of an entry of the zoo."""

import textwrap

from segue.zoo import arguments
from segue.zoo.entry import ZooEntry

_EVALUATIONS = 10
_TRIALS = 16
_FACTOR = 10  # by which the learning rate may differ from the zoo's
_NAMES = (
    "PPO",
    "Builder",
    "Evaluation",
    "LinearDecay",
    "Mlp",
    "Network",
    "PipelineStage",
    "Sweep",
    "TrainingPipeline",
    "World",
)

_TEMPLATE = '''"""Which learning rate does PPO need on {world_name}?

The other settings are those of RL Baselines3 Zoo.{notes}
"""

{imports}

STEPS = {steps}


def pipeline(lr: float) -> TrainingPipeline:
    """Return PPO with the zoo's settings and a learning rate."""
    return TrainingPipeline(
        named_losses={{
            "ppo": {loss}
        }},
        pipeline_stages=[PipelineStage(["ppo"], max_stage_steps=STEPS)],
        optimizer_builder=Builder(optim.Adam, {{"lr": lr, "eps": 1e-5}}),{scheduler}
        num_mini_batch={minibatches},
        update_repeats={epochs},
        max_grad_norm={max_grad_norm},
        num_steps={num_steps},
        gamma={gamma},
        use_gae=True,
        gae_lambda={gae_lambda},
        advance_scene_rollout_period=None,
        save_interval={interval},
        metric_accumulate_interval={rollout},
    )


sweep = Sweep(
    pipeline=pipeline,
    space={{"lr": tune.loguniform({lowest}, {highest})}},
    points=[{{"lr": {lr}}}],  # the zoo's
    world={world},
    evaluation=Evaluation(every={interval}, episodes=10),
    policy={policy},
    lanes={lanes},
    trials={trials},
    seeds=3,
    scheduler="asha",
)
'''


def sweep_text(entry: ZooEntry, name: str) -> str:
    """Return the text of a sweep file: the zoo's settings, and a search for the learning rate.

    `name` is the world's. Raise ValueError for a policy that cannot be translated.
    """
    rate = entry.learning_rate.value
    rollout = entry.n_envs * entry.n_steps
    interval = max(entry.n_timesteps // _EVALUATIONS, 1)
    scheduler = arguments.schedule(entry.learning_rate)
    body = _TEMPLATE.format(
        world_name=name,
        notes=_notes(entry),
        imports="{imports}",
        steps=arguments.number_text(entry.n_timesteps),
        loss=arguments.loss(entry),
        scheduler=f"\n        lr_scheduler_builder={scheduler}," if scheduler else "",
        minibatches=max(rollout // entry.batch_size, 1),
        epochs=entry.n_epochs,
        max_grad_norm=arguments.number_text(entry.max_grad_norm),
        num_steps=arguments.number_text(entry.n_steps),
        gamma=arguments.number_text(entry.gamma),
        gae_lambda=arguments.number_text(entry.gae_lambda),
        interval=arguments.number_text(interval),
        rollout=arguments.number_text(rollout),
        lowest=arguments.number_text(float(f"{rate / _FACTOR:.3g}")),
        highest=arguments.number_text(float(f"{rate * _FACTOR:.3g}")),
        lr=arguments.number_text(rate),
        world=arguments.world(entry, name),
        policy=arguments.policy(entry),
        lanes=entry.n_envs,
        trials=_TRIALS,
    )
    return body.replace("{imports}", _imports(entry, body), 1)


def _notes(entry: ZooEntry) -> str:
    remarks = list(arguments.remarks(entry))
    if not remarks:
        return ""
    wrapped = (textwrap.fill(f"- {remark}", 98, subsequent_indent="  ") for remark in remarks)
    return "\n\n" + "\n".join(["This sweep differs from them:", "", *wrapped])


def _imports(entry: ZooEntry, body: str) -> str:
    """Return the import statements of the names that the text uses."""
    lines = ["from functools import partial", ""] if "partial(" in body else []
    lines += ["from ray import tune", *arguments.wrapper_imports(entry), "from torch import optim"]
    if "LambdaLR" in body:
        lines.append("from torch.optim.lr_scheduler import LambdaLR")
    used = [name for name in _NAMES if f"{name}(" in body]
    names = "".join(f"    {name},\n" for name in used)
    return "\n".join([*lines, "", f"from segue import (\n{names})"])
