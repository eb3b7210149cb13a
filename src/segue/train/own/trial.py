"""A trial as a trainer of the user's own sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.plan.sweeps.evaluation import Evaluation
from segue.record.row import ReportRow, Row, replayed
from segue.train.own.position import Position, StagePoint
from segue.train.own.reported import (
    Metrics,
    check_last_report,
    steps_of_report,
    values_by_seed,
)
from segue.train.own.saved import Saved
from segue.train.own.signals import Signal, TrialEnded
from segue.train.own.spec import TrainerSpec
from segue.train.own.stored import StoredTrial
from segue.train.trials.attempt import ReportCallback
from segue.train.trials.log import TrialLog, mean
from segue.train.trials.trial import Preempted


class Trial:
    """What a trainer trains: one point of a sweep's space, on all of its seeds.

    A trainer is called with it, once for each attempt, and calls `report` at least once in each
    stage, until `should_stop`. Attributes:

    - `parameters`: the names of the space and their values.
    - `seeds`: one seed for each model that the trainer trains; equal in all trials of a sweep.
      Everything random should follow from them: equal parameters are trained once.
    - `directory`: a directory for files of the trainer's own; they stay. `resumed_from`: what
      was given as `checkpoint` to the report from which the trial resumes: the dictionary, or the
      path to which the function wrote; None if the trial starts from the beginning.
    - `device`: "cuda" where the sweep gives its trials a share of a GPU, else "cpu".
    - `world`, `evaluation`: those of the sweep, for the trainer to use; None where it has none.
    - `metric`: the name of the sweep's metric.
    """

    def __init__(
        self,
        spec: TrainerSpec,
        stored: StoredTrial,
        log: TrialLog,
        report: ReportCallback,
        should_preempt: Callable[[], bool],
        scratch: Path,
    ) -> None:
        self.parameters: dict[str, Any] = dict(spec.parameters)
        self.seeds: tuple[int, ...] = tuple(spec.seeds)
        self.directory: Path = stored.directory
        self.device: str = spec.device
        self.world: Any = spec.world
        self.evaluation: Evaluation | None = spec.evaluation
        self.metric: str = spec.metric
        self.resumed_from: Any = stored.resumed_from(scratch)
        self._spec = spec
        self._stored = stored
        self._log = log
        self._report = report
        self._should_preempt = should_preempt
        self._stopped_by: SystemExit | None = None
        self._has_ended = False  # its last report was received

    @property
    def seed(self) -> int:
        """The first of the seeds."""
        return self.seeds[0]

    @property
    def steps(self) -> int:
        """Environment steps of one seed in all stages together, if none ends early."""
        return self._spec.plan.total_steps

    @property
    def stages(self) -> tuple[int, ...]:
        """Environment steps of one seed in each stage, if it does not end early."""
        return tuple(stage.steps for stage in self._spec.plan)

    @property
    def stage(self) -> int:
        """Index of the stage to train, from 0."""
        return min(self._position.stage, len(self._spec.plan) - 1)

    @property
    def env_steps(self) -> int:
        """Environment steps of one seed at the last report; 0 before the first.

        In a trial that resumes, those of the checkpoint.
        """
        return self._position.env_steps

    @property
    def stage_steps(self) -> int:
        """Environment steps of one seed in the stage, at the last report."""
        return self._position.stage_steps

    @property
    def should_stop(self) -> bool:
        """Whether the trainer is to return: the last report returned `Signal.STOP`."""
        return self._has_ended or self._stopped_by is not None

    def report(
        self,
        env_steps: int,
        metric: Metrics = None,
        *,
        per_seed: Sequence[float] | None = None,
        stage_done: bool = False,
        checkpoint: Saved | None = None,
    ) -> Signal:
        """Record where the trial is and how good it is, and return what to do.

        The row and then the checkpoint are on the disk before the scheduler judges the report. A
        trial that resumes does so from its newest checkpoint, and without one from the beginning.

        Args:
            env_steps: Environment steps of one seed since the trial began; more than at the report
                before.
            metric: The value of the sweep's metric; or several metrics by name, that one among
                them, or a ScalarMeanTracker of them. Others that are not finite are left out.
            per_seed: The sweep's metric for each of `seeds`, from which its value is aggregated;
                needed where there are several.
            stage_done: Whether the trainer ends the stage with this report, before its steps are
                taken.
            checkpoint: From what to resume: a dictionary of tensors, arrays and plain values
                (tuples are restored as lists), or a function that writes files to the path that it
                is called with, such as a model's method `save`.

        Raise TrainerError for a report that is not one, FloatingPointError for a metric that is not
        finite. After a report that returned `Signal.STOP`, another one ends the trainer.
        """
        if self.should_stop:
            raise TrialEnded
        steps = steps_of_report(env_steps, self.env_steps)
        value, values, others = values_by_seed(self._spec, metric, per_seed, steps)
        means = {self.metric: mean(values), **others}
        standing = self._position.advance(steps, means, ends_stage=stage_done)
        if self._position.done:
            check_last_report(self._spec, means)
        row = self._stored.at_end(self._row(standing, value, values, means))
        by_seed = {name: [other] * len(values) for name, other in others.items()}
        self._log.valid({self.metric: values, **by_seed}, steps, steps * len(values))
        self._stored.append(row)
        self._log.flush()
        if checkpoint is not None:
            self._stored.save(checkpoint)
        self._send(row)
        if self.should_stop:
            return Signal.STOP
        return Signal.END_STAGE if standing.stage_done else Signal.CONTINUE

    def repeat(self, row: Row) -> None:
        """Report the last row before a checkpoint again, in case it was not received.

        Trainers do not call this.
        """
        self._send(replayed(row))

    @property
    def stopped_by(self) -> SystemExit | None:
        """What Tune stopped the trial with, if it did; not for trainers."""
        return self._stopped_by

    @property
    def _position(self) -> Position:
        return self._stored.position

    def _send(self, row: Row) -> None:
        try:
            answer = self._report(row)
        except SystemExit as stop:  # raised again once the trainer has returned
            self._stopped_by = stop
            return
        self._has_ended = self._position.done
        if answer is not None and answer.end_stage is not None:
            self._position.end_stage(answer.end_stage, by_person=answer.by_person)
        if self._should_preempt() and not self.should_stop:
            raise Preempted(self._stored.saved_at)

    def _row(
        self, standing: StagePoint, value: float, values: list[float], means: Mapping[str, float]
    ) -> Row:
        return ReportRow(
            metric=self.metric,
            value=value,
            metric_per_seed=values,
            env_steps=self.env_steps,
            total_env_steps=self.env_steps * len(values),
            stage=standing.stage,
            stages=len(self._spec.plan),
            stage_steps=standing.stage_steps,
            stage_done=standing.stage_done,
            final=self._position.done,
            evaluation=means,
        ).to_dict()
