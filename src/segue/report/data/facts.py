"""Everything known of a trial, as plain values: for tables, scripts and notebooks."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from optuna.trial import FrozenTrial

from segue.record.files.results import read_results
from segue.record.local_run import is_running
from segue.record.row import METRIC_PER_SEED, STAGE, STAGE_DONE, STAGE_STEPS, Row
from segue.record.study.attributes import ENV_STEPS, TOTAL_ENV_STEPS, stage_number
from segue.record.study.trials import TrialSummary, summarize
from segue.report.data.definitions import changes, definitions_of
from segue.report.data.summary import Summary


def facts(summary: Summary) -> list[TrialSummary]:
    """Return all trials, best first; then those without a value, by number."""
    alive = is_running(summary.run)
    best = summary.best
    shown = {trial.number for trial in best}
    rest = [trial for trial in summary.trials if trial.number not in shown]
    changed = changes(summary.definition)
    found = (_summarize(summary, trial, alive) for trial in [*best, *rest])
    return [
        replace(trial, definitions=definitions_of(trial.started, trial.ended, changed))
        for trial in found
    ]


def curves(summary: Summary) -> Iterator[Row]:
    """Return every report of every trial.

    A report has the trial's number, steps, stage, metric, and each metric by seed as
    `seed_<index>`.
    """
    for trial in summary.trials:
        for row in read_results(summary.layout.trial(trial.number).results, summary.metric).rows:
            where = {
                name: row.get(name)
                for name in (ENV_STEPS, TOTAL_ENV_STEPS, STAGE, STAGE_STEPS, STAGE_DONE)
            }
            if isinstance(where[STAGE], int):
                where[STAGE] = stage_number(where[STAGE])
            seeds = {
                f"seed_{index}": value for index, value in enumerate(row.get(METRIC_PER_SEED) or [])
            }
            yield {"trial": trial.number, **where, summary.metric: row.get(summary.metric), **seeds}


def _summarize(summary: Summary, trial: FrozenTrial, is_driven: bool) -> TrialSummary:
    read = partial(summarize, trial, summary.objectives, is_driven=is_driven)
    # Of a trial that has ended, the study knows all of it; of a running one, its last pause.
    if ENV_STEPS in trial.user_attrs and trial.state.is_finished():
        return read()
    results = read_results(summary.layout.trial(trial.number).results, summary.metric)
    return read(rows=results.rows, damaged=results.damaged)
