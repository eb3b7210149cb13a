"""Keywords of other libraries that Segue lacks, each with what to write instead."""

from collections.abc import Mapping
from typing import Final, NamedTuple

_DATA = (
    "a stage learns from its rollouts through loss_names, and from other data through"
    " offpolicy_component=OffPolicyPipelineComponent(...)"
)
_EVALUATION = "trials are evaluated as Sweep(evaluation=Evaluation(...)) says"
_NO_DEFAULT: Final = object()


class Absent(NamedTuple):
    """A name of another library that Segue lacks."""

    instead: str
    """What to write instead, as the end of a sentence."""
    default: object = None
    """The default there, which leaves the feature unused: a keyword with it is ignored."""
    library: str = "AllenAct"


def _sb3(write: str) -> Absent:
    return Absent(f"write {write}", _NO_DEFAULT, "Stable-Baselines3")


ABSENT: Final[Mapping[str, Absent]] = {
    "StageComponent": Absent(_DATA, _NO_DEFAULT),
    "stage_components": Absent(_DATA),
    "named_storages": Absent(f"{_DATA}, whose data_iterator_builder makes an iterator of batches"),
    "rollout_storage_uuid": Absent(f"rollouts have one storage of their own; {_DATA}"),
    "valid_pipeline_stage": Absent(_EVALUATION),
    "test_pipeline_stage": Absent(_EVALUATION),
    "loss_update_repeats": Absent(
        "all losses of a stage share update_repeats; give losses that need other numbers of updates"
        " a stage of their own, or weigh them with loss_weights"
    ),
    "callback_to_change_engine_attributes": Absent(
        "settings that change in the course of training are given to the stages, such as"
        " PipelineStage(num_steps=64)"
    ),
    "show_ratios": Absent("the mean ratio is always logged, as 'ratio': leave it out", False),
    "entropy_method_name": Absent(
        "the entropy is that of the policy's one distribution, which AllenAct calls 'entropy', and"
        " there are no conditional distributions over groups of actions: leave it out, and give the"
        " world one flat action space",
        "entropy",
    ),
    "acktr": Absent("ACKTR is not available: use A2C or PPO", False),
    "expert_sensor": Absent(
        "the expert is a part of the world: choose a world that has one, and soft_targets=True to"
        " learn the probabilities of the expert's actions"
    ),
    "vf_coef": _sb3("value_loss_coef=2 * vf_coef, since the value loss is half the squared error"),
    "ent_coef": _sb3("entropy_coef"),
    "clip_range": _sb3("clip_param, and clip_decay for a schedule"),
    "clip_range_vf": _sb3(
        "use_clipped_value_loss=False for None, which is not the default, and True for the value of"
        " clip_range"
    ),
    "n_steps": _sb3("num_steps"),
    "batch_size": _sb3("num_mini_batch, the number of minibatches in a rollout"),
    "n_epochs": _sb3("update_repeats"),
}


def is_unused(name: str, value: object) -> bool:
    """Return whether `name` is one of `ABSENT` and `value` its default, which changes nothing."""
    if name not in ABSENT:
        return False
    default = ABSENT[name].default
    return value is default or (type(value) is type(default) and value == default)
