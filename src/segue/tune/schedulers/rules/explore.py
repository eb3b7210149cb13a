"""Change the parameters of a running trial without changing what it has done so far."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import canonical_json, describe
from segue.tune.search.domains import SearchSpace

_FACTORS = (0.8, 1.2)


def explored(
    sweep: Sweep,
    recorded: Mapping[str, Any],
    stage: int,
    stage_steps: int,
    generator: np.random.Generator,
    *,
    resample: float,
    current: bool,
) -> dict[str, Any]:
    """Return `recorded` parameters, changed where only later stages depend on them.

    Numbers are multiplied by 0.8 or 1.2, choices move to a neighbour; with probability `resample`
    either is drawn anew. With `current`, the trial's current stage may change as well, unless it
    would then end before the trial's position. What world, evaluation, lanes or policy depend on
    does not change: the trial has trained with them.
    """
    assert isinstance(sweep.space, Mapping), "checked when the sweep is"
    space = SearchSpace.of(sweep.space)
    now = sweep.at(space.parameters(recorded))
    found = dict(recorded)
    for name, distribution in space.distributions.items():
        changed = found | {name: _changed(distribution, found[name], generator, resample)}
        if changed != found and _may_switch(
            now, sweep.at(space.parameters(changed)), stage, stage_steps, current
        ):
            found = changed
    return found


def _may_switch(
    setup: TrialSetup, changed: TrialSetup, stage: int, stage_steps: int, current: bool
) -> bool:
    if _besides_pipeline(setup) != _besides_pipeline(changed):
        return False
    now = setup.pipeline
    then = changed.pipeline
    if (
        len(then) <= stage
        or then.optimizer_builder.class_type is not now.optimizer_builder.class_type
    ):
        return False
    if not current:
        return _past(now, stage) == _past(then, stage)
    same_past = [s.step_limit for s in now][:stage] == [s.step_limit for s in then][:stage]
    return same_past and then.pipeline_stages[stage].step_limit > stage_steps


def _besides_pipeline(setup: TrialSetup) -> str:
    """Return, as text, what a trial depends on besides its pipeline."""
    return canonical_json(describe([setup.world, setup.evaluation, setup.lanes, setup.policy]))


def _past(pipeline: TrainingPipeline, stage: int) -> str:
    """Return, as text, everything that the stages up to this one depend on."""
    stages = []
    for index in range(stage + 1):
        own = pipeline.pipeline_stages[index]
        names = [
            *own.loss_name,
            *(own.offpolicy_component.loss_names if own.offpolicy_component else ()),
        ]
        losses = {name: describe(pipeline.named_losses[name]) for name in names}
        stages.append([own.to_dict(), pipeline.settings(index).to_dict(), losses])
    shared = [describe(pipeline.optimizer_builder), describe(pipeline.lr_scheduler_builder)]
    return canonical_json([stages, shared])


def _changed(
    distribution: BaseDistribution, value: Any, generator: np.random.Generator, resample: float
) -> CategoricalChoiceType:
    is_resampled = generator.random() < resample
    up = generator.random() < 0.5
    if isinstance(distribution, CategoricalDistribution):
        choices = list(distribution.choices)
        at = choices.index(value) + (1 if up else -1)
        return (
            choices[int(generator.integers(len(choices)))]
            if is_resampled
            else choices[min(max(at, 0), len(choices) - 1)]
        )
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low = float(distribution.low)
    high = float(distribution.high)
    if is_resampled:
        share = generator.random()
        drawn = low * (high / low) ** share if distribution.log else low + share * (high - low)
    else:
        drawn = value * _FACTORS[up]
    return _fitted(distribution, min(max(drawn, low), high))


def _fitted(distribution: FloatDistribution | IntDistribution, value: float) -> float | int:
    """Return the nearest value of the distribution."""
    if distribution.step:
        value = (
            distribution.low
            + round((value - distribution.low) / distribution.step) * distribution.step
        )
        value = min(value, distribution.high)
    return round(value) if isinstance(distribution, IntDistribution) else float(value)
