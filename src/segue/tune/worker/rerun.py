"""A trial once more, from its record: do the numbers agree?"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.base.files import read_rows
from segue.plan.decision import Decision
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import ENV_STEPS, REPLAYED, Row
from segue.tune.run.decisions import decision_for
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import read_lineage
from segue.tune.search.define_by_run import of_recorded
from segue.tune.worker.trainable import train_one

_NOT_COMPARED = (REPLAYED,)


@dataclass(frozen=True)
class Difference:
    """Where a report first said something else: at which steps, what, and both values."""

    env_steps: int
    name: str
    recorded: Any
    now: Any


@dataclass
class _Comparison:
    """Compares reports with recorded ones as they come; ends the trial after the last of these."""

    recorded: dict[int, Row]  # by environment steps
    decisions: Path
    heard: Callable[[Row], None]
    has_jumped: bool  # to another trial's checkpoint, where rows of before were cut
    difference: Difference | None = None
    compared: int = 0

    def __call__(self, row: Row) -> Decision:
        self.heard(row)
        step = row[ENV_STEPS]
        if step in self.recorded or not self.has_jumped:
            self.difference = self.difference or _difference(self.recorded.get(step, {}), row)
            self.compared += 1
        if step >= max(self.recorded):
            raise _Reached
        return decision_for(self.decisions, row)


class _Reached(Exception):  # noqa: N818  # not an error: nothing more was recorded
    """The last recorded report has come."""


def rerun(
    sweep: Sweep,
    run: RunDirectory,
    number: int,
    parameters: Mapping[str, Any],
    directory: Path,
    heard: Callable[[Row], None] = lambda row: None,
) -> tuple[int, Difference | None]:
    """Train a trial again in `directory`, up to its last report: how many reports were compared,
    what differed first.

    `parameters` are what the study recorded. What the driver told the trial then, it is told again.
    `heard` is called with each report. Raises ValueError for a trial that has no reports, and for
    one of a GPU where there is none.
    """
    recorded = read_rows(run.trial(number).results)
    if not recorded:
        raise ValueError(
            f"Trial {number} of {run.path} has no reports yet: there is nothing to compare with."
        )
    rows, has_jumped = (
        {row[ENV_STEPS]: row for row in recorded},
        read_lineage(run.trial(number)) is not None,
    )
    comparison = _Comparison(rows, run.decisions(number), heard, has_jumped)
    device = _device(run, number)
    with suppress(_Reached):
        train_one(
            sweep, of_recorded(sweep, parameters), directory, device=device, report=comparison
        )
        last = recorded[-1][ENV_STEPS]
        return comparison.compared, comparison.difference or Difference(
            last, ENV_STEPS, last, "ended before"
        )
    return comparison.compared, comparison.difference


def _device(run: RunDirectory, number: int) -> str:
    """What the trial was trained on: a GPU's numbers are not a processor's."""
    import torch

    written = run.trial(number).trial
    device = (
        str(json.loads(written.read_text()).get("device", "cpu")) if written.is_file() else "cpu"
    )
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"Trial {number} was trained on a GPU, and this machine has none: train it again on"
            " one."
        )
    return device


def _difference(recorded: Row, now: Row) -> Difference | None:
    for name in now:
        if name not in _NOT_COMPARED and recorded.get(name) != now[name]:
            return Difference(now[ENV_STEPS], name, recorded.get(name), now[name])
    return None
