"""Trains a trial again from its record, and compares its reports with the recorded ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segue.plan.decision import Decision
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.description import TrialDescription
from segue.record.files.results import read_results
from segue.record.row import ENV_STEPS, REPLAYED, Row
from segue.record.validation import read_object
from segue.tune.run.decisions import decision_for
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import read_lineage
from segue.tune.search.define_by_run import of_recorded
from segue.tune.worker.one import train_one

_NOT_COMPARED = (REPLAYED,)


@dataclass(frozen=True)
class Difference:
    """The first value of a report that differs from the recorded one."""

    env_steps: int
    name: str
    recorded: object
    now: object


@dataclass
class _Comparison:
    """Compares reports with recorded ones as they arrive, and ends the trial after the last one.

    The trial receives the decisions that were recorded for it.
    """

    recorded: dict[int, Row]  # by environment steps
    decisions: Path
    on_report: Callable[[Row], None]
    is_partial: bool  # rows are missing: they were cut after an exploit, or are damaged
    difference: Difference | None = None
    compared: int = 0

    def __call__(self, row: Row) -> Decision:
        self.on_report(row)
        step = row[ENV_STEPS]
        if step in self.recorded or not self.is_partial:
            self.difference = self.difference or _difference(self.recorded.get(step, {}), row)
            self.compared += 1
        if step >= max(self.recorded):
            raise _LastReport
        return decision_for(self.decisions, row)


class _LastReport(BaseException):  # not an error, nor for a trainer to handle
    """Raised at the last recorded report, after which the trial need not train."""


def rerun(
    sweep: Sweep,
    run: RunDirectory,
    number: int,
    params: Mapping[str, Any],
    directory: Path,
    on_report: Callable[[Row], None] = lambda row: None,
) -> tuple[int, Difference | None]:
    """Train a trial again in `directory`, up to its last recorded report.

    `params` are the trial's parameters as the study recorded them. `on_report` is called with each
    report. Returns the number of compared reports and the first difference, None if all agree.

    Raises ValueError for a trial without reports, and for a trial that was trained on a GPU if this
    machine has none.
    """
    recorded, damaged = read_results(run.trial(number).results, sweep.metric)
    if not recorded:
        raise ValueError(
            f"Trial {number} of {run.path} has no reports yet: there is nothing to compare with."
        )
    is_partial = damaged > 0 or read_lineage(run.trial(number)) is not None
    by_steps = {row[ENV_STEPS]: row for row in recorded}
    comparison = _Comparison(by_steps, run.decisions(number), on_report, is_partial)
    device = _device(run, number)
    difference = None
    try:
        train_one(sweep, of_recorded(sweep, params), directory, device=device, report=comparison)
        last = recorded[-1][ENV_STEPS]
        difference = Difference(last, ENV_STEPS, last, "ended before")
    except _LastReport:
        pass
    return comparison.compared, comparison.difference or difference


def _device(run: RunDirectory, number: int) -> str:
    """Return the device of the recorded trial, since a GPU computes other numbers than a CPU."""
    description = read_object(run.trial(number).trial, TrialDescription)
    device = description.device if description else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"Trial {number} was trained on a GPU, and this machine has none: run `segue rerun` on"
            " a machine with one."
        )
    return device


def _difference(recorded: Row, now: Row) -> Difference | None:
    for name in now:
        if name not in _NOT_COMPARED and recorded.get(name) != now[name]:
            return Difference(now[ENV_STEPS], name, recorded.get(name), now[name])
    return None
