"""The names of `allenact.utils.experiment_utils`, for which this module is a drop-in."""

from typing import NoReturn

from segue.base.counterparts import ABSENT
from segue.plan.bins import evenly_distribute_count_into_bins
from segue.plan.criteria.criterion import EarlyStoppingCriterion, NeverEarlyStoppingCriterion
from segue.plan.logging_package import LoggingPackage
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.schedules import LinearDecay, MultiLinearDecay
from segue.plan.pipelines.settings import TrainingSettings
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.seeding import set_deterministic_cudnn, set_seed
from segue.plan.tracker import ScalarMeanTracker
from segue.plan.values.builder import Builder
from segue.plan.values.merge import recursive_update

__all__ = [
    "Builder",
    "EarlyStoppingCriterion",
    "LinearDecay",
    "LoggingPackage",
    "MultiLinearDecay",
    "NeverEarlyStoppingCriterion",
    "OffPolicyPipelineComponent",
    "PipelineStage",
    "ScalarMeanTracker",
    "TrainingPipeline",
    "TrainingSettings",
    "evenly_distribute_count_into_bins",
    "recursive_update",
    "set_deterministic_cudnn",
    "set_seed",
]


def __getattr__(name: str) -> NoReturn:
    if name in ABSENT:  # an ImportError, so that `from ... import` shows the whole sentence
        raise ImportError(
            f"{__name__} has no {name}, unlike AllenAct's module: {ABSENT[name].instead}."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
