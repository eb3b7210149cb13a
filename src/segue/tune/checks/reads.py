"""Check that what reads the reports of trials reads what they have."""

from collections.abc import Mapping, Sequence

from segue.base.checks import finite
from segue.base.suggestions import suggestion
from segue.plan.criteria.metrics import metrics_of
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import EVALUATION, ReportRow, Row
from segue.train import EPISODE_METRICS
from segue.tune.schedulers.criterion import CriterionScheduler

_PROGRAMMING_ERRORS = (KeyError, TypeError, AttributeError, NameError)


def check_reads(sweep: Sweep, world_metrics: Sequence[str]) -> None:
    """Raise ValueError, with a suggestion, for an entry that no report has.

    The criterion of a CriterionScheduler would otherwise never stop a trial, and a constraint would
    fail each trial at its end.
    """
    row = _example(sweep, (*EPISODE_METRICS, *world_metrics))
    known = [*row, *row[EVALUATION]]
    if isinstance(sweep.scheduler, CriterionScheduler):
        for kind, metric in metrics_of(sweep.scheduler.criterion):
            if metric not in known:
                raise ValueError(
                    f"The criterion {kind} of the scheduler reads {metric!r}, which no report has,"
                    f" and would never stop a trial: {suggestion(metric, known)}"
                )
    for name, constraint in sweep.constraints.items():
        try:
            finite(f"The result of the constraint {name!r}", constraint(row))
        except _PROGRAMMING_ERRORS as error:
            raise ValueError(_why(name, error, known)) from error
        except Exception:  # the example's numbers may be ones that never occur
            pass


def _why(name: str, error: Exception, known: Sequence[str]) -> str:
    entry = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(entry, str):
        return f"The constraint {name!r} reads {entry!r}, which no report has: " + suggestion(
            entry, known
        )
    return (
        f"The constraint {name!r} fails on a report ({type(error).__name__}: {error}): it takes a"
        " trial's last report, a dictionary, and returns a number."
    )


def _example(sweep: Sweep, metrics: Sequence[str]) -> Row:
    """Return a report with all of its entries, and made-up numbers."""
    evaluation: Mapping[str, float] = dict.fromkeys(metrics, 1.0)
    return ReportRow(
        metric=sweep.metric,
        value=1.0,
        metric_per_seed=[1.0] * sweep.seeds,
        env_steps=1,
        total_env_steps=sweep.seeds,
        stage=0,
        stages=1,
        stage_steps=1,
        stage_done=True,
        final=True,
        evaluation=evaluation,
    ).to_dict()
