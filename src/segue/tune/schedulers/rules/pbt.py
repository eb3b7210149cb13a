"""Population-based training (Jaderberg et al., 2017) of staged pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ray.tune.schedulers import TrialScheduler

from segue.base.checks import count, fraction
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import ENV_STEPS, FINAL, STAGE, STAGE_DONE, STAGE_STEPS, Row
from segue.tune.ray_adapter import RayFIFOScheduler, TuneController, TuneTrial
from segue.tune.schedulers.rules.explore import explored
from segue.worlds.seeds import stream

_WHERE = (ENV_STEPS, STAGE, STAGE_STEPS, FINAL)
QUANTILE = 0.25
RESAMPLED = 0.25


@dataclass(frozen=True)
class Standing:
    """The latest report of a trial in the population; a higher value is better."""

    value: float
    env_steps: int
    stage: int  # the stage in which the trial continues, from 0
    stage_steps: int
    final: bool


class StagedPBT(RayFIFOScheduler):
    """Every `interval` environment steps, one of the worst trials continues from one of the best.

    The trial adopts the weights and progress of the other's checkpoint, and its parameters, except
    for changes to parameters that only later stages depend on (with `explore="current"`, also those
    that the current stage and later ones depend on). A trial never moves back: the other one is at
    least as far, in steps and in stages. Where nothing can be changed nothing is copied, since
    trials share their seeds and a copy would repeat the other trial bit for bit.

    No trial is stopped. The parameters that a trial ended with are in its user attribute `lineage`.
    """

    def __init__(
        self,
        interval: int,
        *,
        quantile: float = QUANTILE,
        resample_probability: float = RESAMPLED,
        explore: Literal["later", "current"] = "later",
    ) -> None:
        """Raise ValueError for settings with which no trial would ever exploit another."""
        super().__init__()
        self.interval = count("interval", interval)
        self.quantile = fraction("quantile", quantile)
        self.resample_probability = fraction("resample_probability", resample_probability)
        if not 0 < self.quantile <= 0.5:
            raise ValueError(f"quantile must be above 0 and at most 0.5, got {quantile}.")
        if explore not in ("later", "current"):
            raise ValueError(f"explore must be 'later' or 'current', got {explore!r}.")
        self.explore = explore
        self._population: dict[str, Standing] = {}
        self._considered: dict[str, int] = {}  # completed intervals by trial
        self._mode = "max"

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: object) -> bool:
        """Adopt the metric and mode of the run."""
        super().set_search_properties(metric, mode, **spec)
        self._mode = mode or self._mode
        return True

    def on_trial_result(
        self, tune_controller: TuneController, trial: TuneTrial, result: Row
    ) -> str:
        """Record the trial's report and return CONTINUE."""
        sign = -1 if self._mode == "min" else 1
        steps, stage, stage_steps, final = (result.get(name, 0) for name in _WHERE)
        if result.get(STAGE_DONE):
            stage = stage + 1
            stage_steps = 0
        value = sign * float(result[str(self._metric)])
        self._population[trial.trial_id] = Standing(value, steps, stage, stage_steps, bool(final))
        return str(TrialScheduler.CONTINUE)

    def donors(self, trial_id: str, seed: int) -> list[str]:
        """Return the trials to continue from, in random order, for a trial that has just reported.

        Empty unless the trial has completed another interval and is among the worst.
        """
        own = self._population[trial_id]
        turn = own.env_steps // self.interval
        before = self._considered.get(trial_id, 0)
        self._considered[trial_id] = max(turn, before)
        many = len(self._population)
        share = int(many * self.quantile)
        if turn <= before or own.final or not share:
            return []
        order = sorted(self._population, key=lambda trial: (self._population[trial].value, trial))
        if trial_id not in order[:share]:
            return []
        best = [trial for trial in order[-share:] if self._is_ahead(self._population[trial], own)]
        draw = np.random.default_rng(stream(seed, "pbt", trial_id, own.env_steps))
        return [best[index] for index in draw.permutation(len(best))]

    def explored(
        self,
        sweep: Sweep,
        recorded: Mapping[str, Any],
        trial_id: str,
        row: Row,
        donor: int,
    ) -> dict[str, Any] | None:
        """Return a donor's parameters with changes, for a trial that has just reported `row`.

        Returns None if no change is possible.
        """
        standing = self._population[str(donor)]
        changed = explored(
            sweep,
            recorded,
            standing.stage,
            standing.stage_steps,
            np.random.default_rng(stream(sweep.seed, "explore", trial_id, row[ENV_STEPS])),
            resample=self.resample_probability,
            current=self.explore == "current",
        )
        return None if changed == dict(recorded) else changed

    def _is_ahead(self, other: Standing, own: Standing) -> bool:
        further = other.env_steps >= own.env_steps and other.stage >= own.stage
        return further and not other.final and other.value > own.value
