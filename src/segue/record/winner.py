"""The best checkpoint of a run, to start from or to act with."""

from pathlib import Path

from segue.record.layout import RunLayout, trial_name
from segue.record.local_run import LocalRun, fetch_run
from segue.record.validation import Checked, Steps, read_object


class _Winner(Checked):
    """The part of `best.json` that names the winner."""

    trial: Steps


def best_checkpoint(run: str | Path, trial: int | None = None) -> Path:
    """Return the checkpoint of a trial's members at their best report of the metric.

    Arguments:
        run: The folder of a run, or its URL; from a store the checkpoint is copied to this machine.
        trial: The number of a trial; by default that of the winner, which `best.json` names once
            the sweep has ended.

    Raises ValueError if there is no such run, trial or checkpoint.
    """
    found = fetch_run(run)
    if trial is None:
        trial = _winner(found)
    if found.store is not None:
        found = fetch_run(run, also=(f"{trial_name(trial)}/",))
    checkpoint = RunLayout(found.path).trial(trial).best_checkpoint()
    if checkpoint is None:
        raise ValueError(
            f"Trial {trial} of {found.shown} has no best checkpoint: `segue show {found.shown}`"
            " lists the trials."
        )
    return checkpoint


def _winner(run: LocalRun) -> int:
    winner = read_object(RunLayout(run.path).best_json, _Winner)
    if winner is None:
        raise ValueError(
            f"{run.shown} has no best.json, which is written when a sweep ends: name a trial, as in"
            f" best_checkpoint({run.shown!r}, trial=0)."
        )
    return winner.trial
