"""Replay the reports of a run under other schedulers.

The schedulers are those that decide live, made as for a sweep, and they see the same rows in the
same order.
"""

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace

from optuna.trial import FrozenTrial, TrialState
from ray.tune.schedulers import TrialScheduler

from segue.plan.sweeps.points.corners import Corners, trained_steps_at
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.replays import Replays
from segue.record.files.results import read_results
from segue.record.layout import RunLayout
from segue.record.row import ENV_STEPS, FINAL, Row
from segue.record.study.attributes import COPY_OF, FORKED_FROM
from segue.record.study.stages import Stages
from segue.tune.schedulers.adopted import pass_adopted
from segue.tune.schedulers.choice import changes_trials, make_scheduler
from segue.tune.schedulers.named import NAMED
from segue.tune.schedulers.reasons import scheduler_name
from segue.tune.schedulers.trial import NumberedTrial
from segue.tune.search.define_by_run import of_recorded

REPLAYED = ("asha", "stage_asha", "hyperband", "median")
"""The named schedulers that only stop trials."""
_SLOW = "median"
"""The rule that reads all reports of all trials at each report."""
_MOST_READS = 300_000  # reads of a trial by the slow rule, seconds of them
_CONTROLLER = SimpleNamespace(get_live_trials=list)


def judged_rows(trial: FrozenTrial, written: Iterable[Row], metric: str) -> list[Row]:
    """Return the reports of a trial on which a scheduler has decided, as it saw them.

    Args:
        trial: The trial as the study records it.
        written: The rows of the trial's own file, for what the study does not record.
        metric: Name of the metric.
    """
    stages = Stages.recorded_of(trial) or Stages(1)
    by_step: dict[int, Row] = {row[ENV_STEPS]: row for row in written}
    fork = trial.user_attrs.get(FORKED_FROM, {"trial": None, ENV_STEPS: -1})
    rows = []
    for index, (step, value) in enumerate(sorted(trial.intermediate_values.items()), start=1):
        known = {"training_iteration": index, ENV_STEPS: step, metric: value}
        if step <= fork[ENV_STEPS]:
            known[FORKED_FROM] = fork["trial"]
        rows.append(by_step.get(step, {}) | known | stages.standing(step))
    return rows


def replay_run(
    sweep: Sweep, run: RunLayout, trials: Sequence[FrozenTrial], order: Sequence[tuple[int, int]]
) -> Replays | None:
    """Replay the reports of a run under the schedulers that only stop trials, and its own.

    Args:
        sweep: The sweep of the run.
        run: The run's paths, for the trials' own rows.
        trials: The trials of the study.
        order: The number of the trial and the steps of each report, in the order of the decisions.

    Returns None for a sweep whose trials exchange parameters: no report of one would be the same.
    """
    if changes_trials(sweep):
        return None
    trained = [trial for trial in trials if COPY_OF not in trial.user_attrs]
    rows = {}
    for trial in trained:
        found = read_results(run.trial(trial.number).results, sweep.metric).rows
        for row in judged_rows(trial, found, sweep.metric):
            rows[trial.number, row[ENV_STEPS]] = row
        if trial.state == TrialState.COMPLETE and trial.last_step is not None:
            rows[trial.number, trial.last_step][FINAL] = True
    reports = [(report[0], rows[report]) for report in order if report in rows]
    corners = Corners.of(sweep)
    reads = len(reports) * len(trained)
    stops = {
        name: stops_of(make(sweep, corners), sweep, reports)
        for name, make in _schedulers(sweep).items()
        if name != _SLOW or reads < _MOST_READS
    }
    planned = {
        trial.number: trained_steps_at(sweep, of_recorded(sweep, trial.params))
        for trial in trained
        if trial.intermediate_values
    }
    return Replays(len(reports), scheduler_of(sweep), planned, stops)


def stops_of(
    scheduler: TrialScheduler, sweep: Sweep, reports: Iterable[tuple[int, Row]]
) -> dict[int, int]:
    """Return the trials that a scheduler stops, and the steps of the report at which it does.

    It sees no further report of a stopped trial, and cannot stop a trial at its last report, or at
    one that the trial has adopted from another one.
    """
    scheduler.set_search_properties(sweep.metric, sweep.mode)
    trials: dict[int, NumberedTrial] = {}
    stops: dict[int, int] = {}
    for number, row in reports:
        if number in stops:
            continue
        if number not in trials:
            trials[number] = NumberedTrial(number, {})
            scheduler.on_trial_add(_CONTROLLER, trials[number])
        if row.get(FORKED_FROM) is not None:
            pass_adopted(scheduler, _CONTROLLER, trials[number], row, sweep.metric)
            continue
        decision = scheduler.on_trial_result(_CONTROLLER, trials[number], dict(row))
        if row.get(FINAL):
            scheduler.on_trial_complete(_CONTROLLER, trials[number], row)
        elif decision == TrialScheduler.STOP:
            stops[number] = row[ENV_STEPS]
            scheduler.on_trial_complete(_CONTROLLER, trials[number], row)
    return stops


def scheduler_of(sweep: Sweep) -> str | None:
    """Return the name of a sweep's scheduler, or of its class; None where it has none."""
    if sweep.scheduler is None or isinstance(sweep.scheduler, str):
        return sweep.scheduler
    return scheduler_name(sweep.scheduler)


def _schedulers(sweep: Sweep) -> dict[str, Callable[[Sweep, Corners], TrialScheduler]]:
    """Return how the scheduler of the sweep is made, and the others, by their names."""
    found = {name: NAMED[name] for name in REPLAYED}
    own = scheduler_of(sweep)
    if own is not None:
        found[own] = make_scheduler
    return found
