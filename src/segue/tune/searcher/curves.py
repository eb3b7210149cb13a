"""The trials of a study as freeze-thaw search sees them."""

import math
from collections.abc import Iterator

from optuna.trial import FrozenTrial, TrialState

from segue.plan.mode import sign_of
from segue.plan.sweeps.points.corners import trained_steps_at
from segue.plan.sweeps.sweep import Sweep
from segue.record.study.ranking import is_allowed, is_paused
from segue.tune.search.freeze_thaw.curve import Curve, Status
from segue.tune.study.record import StudyRecord

NewReport = tuple[int, int, float]
"""A trial's number, and the steps and the metric of a report that the study does not hold yet."""
_STATUS = {
    TrialState.RUNNING: Status.RUNNING,
    TrialState.PRUNED: Status.STOPPED,
    TrialState.COMPLETE: Status.ENDED,
    TrialState.FAIL: Status.ENDED,
}


class StudyCurves:
    """The curves of a study's trials in the order in which they began, with adopted ones.

    A trial that failed, or violates a constraint, ends with the worst value.
    """

    def __init__(self, sweep: Sweep, record: StudyRecord) -> None:
        self._sweep = sweep
        self._record = record
        self._known: dict[int, tuple[object, Curve]] = {}
        self._planned: dict[int, tuple[float, ...]] = {}

    def curves(self, last: NewReport | None = None) -> list[Curve]:
        """Return the curves; the trial of the report `last` counts as paused at it."""
        count = self._record.adopted + len(self._record)
        trials = [self._record.trial(number) for number in range(count)]
        begun = [trial for trial in trials if trial.state != TrialState.WAITING]
        begun.sort(key=lambda trial: (_started(trial), trial.number))
        return [self._curve(trial, last) for trial in begun]

    def _curve(self, trial: FrozenTrial, last: NewReport | None) -> Curve:
        is_last = last is not None and last[0] == trial.number
        reports = dict(trial.intermediate_values)
        status = Status.PAUSED if is_last or is_paused(trial) else _STATUS[trial.state]
        if last is not None and is_last:
            reports.setdefault(last[1], last[2])
        key = (len(reports), status, trial.state)
        if self._known.get(trial.number, (None,))[0] != key:
            self._known[trial.number] = (key, self._made(trial, reports, status))
        return self._known[trial.number][1]

    def _made(self, trial: FrozenTrial, reports: dict[int, float], status: Status) -> Curve:
        sign = sign_of(self._sweep.mode)
        steps = [float(step) for step in sorted(reports)]
        values = [sign * reports[step] for step in sorted(reports)]
        ends = self._stage_ends(trial, steps[-1] if steps else 0.0, status)
        has_failed = trial.state == TrialState.FAIL
        if status == Status.ENDED and (has_failed or not is_allowed(trial) or not steps):
            if steps and steps[-1] >= ends[-1]:
                steps.pop()
                values.pop()
            is_valued = not has_failed and is_allowed(trial)
            steps.append(ends[-1])
            values.append(sign * trial.values[0] if is_valued else -math.inf)
        return Curve(
            trial.params,
            trial.distributions,
            trial.number,
            tuple(steps),
            tuple(values),
            ends,
            status,
        )

    def _stage_ends(self, trial: FrozenTrial, reached: float, status: Status) -> tuple[float, ...]:
        """Return where the trial's stages ended, and are planned to end."""
        stages = self._record.stages(trial.number)
        ended = [float(step) for step in stages.ended_at] if stages else []
        if status == Status.ENDED and reached:
            return tuple(sorted({*(step for step in ended if step < reached), reached}))
        planned = self._plan(trial)
        later = list(planned[len(ended) :])
        shift = (ended[-1] - planned[len(ended) - 1]) if ended and later else 0.0
        ends = [*ended, *(step + shift for step in later)]
        if not later or ends[-1] <= reached:  # the last rollout may be longer than planned
            ends.append(max(reached, ends[-1] if ends else 0.0) + 1)
        return tuple(ends)

    def _plan(self, trial: FrozenTrial) -> tuple[float, ...]:
        if trial.number not in self._planned:
            self._planned[trial.number] = tuple(self._planned_ends(trial))
        return self._planned[trial.number]

    def _planned_ends(self, trial: FrozenTrial) -> Iterator[float]:
        point = self._record.parameters(trial.number)
        *before, _ = self._sweep.plan_at(point)
        total = 0.0
        for stage in before:
            total += stage.step_limit
            yield total
        yield float(trained_steps_at(self._sweep, point))


def _started(trial: FrozenTrial) -> float:
    return trial.datetime_start.timestamp() if trial.datetime_start else 0.0
