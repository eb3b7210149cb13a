"""The run that is damaged: real trials of a tiny sweep, trained in this process without Ray."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler
from ray.tune.utils.util import flatten_dict
from rich.console import Console

from segue.base.files import write_atomic
from segue.cli.winner import write_winner
from segue.plan.decision import Decision, Exploit
from segue.plan.sweeps.sweep import Sweep
from segue.record.checkpoints import newest, steps_of
from segue.record.files.prefixes import store_prefix
from segue.record.local_run import LocalRun
from segue.record.study.steering import PAUSE, RESUME, new_request, write_request
from segue.report.data.summary import read_summary
from segue.tune.checks.sweep import CheckedSweep, check_sweep
from segue.tune.code.sweep_file import load_sweep
from segue.tune.open_sweep import OpenSweep, open_sweep
from segue.tune.options.options import Options
from segue.tune.run.decisions import decide_exploit, decide_stage_end, decision_for
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import write_lineage
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.search.define_by_run import of_recorded
from segue.tune.searcher.searcher import StudySearcher
from segue.tune.verdicts import FAILURE, Verdicts
from segue.tune.worker.one import train_one
from tests.tune.support.fake_tune import FakeTrial

SWEEP = Path(__file__).with_name("tiny.py")
NAME = SWEEP.stem
_CONTROLLER = SimpleNamespace(get_live_trials=list)
_STOPPED = 2  # trials by number
_FAILED = 3
_INTERRUPTED = 5
_ENDED = 6  # trials that are started

Report = Callable[[dict[str, Any]], Decision | None]


class Interrupted(Exception):  # noqa: N818  # not an error
    """Raised in a report, to end the training of a trial there."""


@cache
def checked() -> CheckedSweep:
    """The sweep, whose check takes a while and does not depend on a run directory."""
    return check_sweep(load_sweep(SWEEP))


@contextmanager
def opened(path: Path, options: Options | None = None) -> Iterator[OpenSweep]:
    """Open a run directory as `segue run` does."""
    console = Console(file=io.StringIO())
    run = RunDirectory(path)
    with open_sweep(checked(), NAME, run, options or Options(), console, SWEEP) as found:
        yield found


class Tuner:
    """Searcher and scheduler of an open sweep, called in Tune's order for one trial at a time."""

    def __init__(self, found: OpenSweep) -> None:
        verdicts = Verdicts()
        parts = (found.sweep, found.corners, found.record, found.directory, verdicts, found.budget)
        self.found = found
        self.searcher = StudySearcher(found.record, found.sweep, found.budget, verdicts)
        self.scheduler = StudyScheduler(make_scheduler(found.sweep, found.corners), *parts)
        self.scheduler.set_search_properties(found.sweep.metric, found.sweep.mode)
        self.verdicts = verdicts

    def start(self) -> FakeTrial | None:
        """Return the next trial; None where nothing is left to train."""
        config = self.searcher.suggest("tune")
        if not isinstance(config, dict):
            return None
        trial = FakeTrial("tune", config)
        self.scheduler.on_trial_add(_CONTROLLER, trial)
        return trial

    def report(self, trial: FakeTrial, row: dict[str, Any]) -> Decision | None:
        """Report a row, and return the decision of the driver."""
        number = trial.config["trial"]
        said = self.scheduler.on_trial_result(_CONTROLLER, trial, row)
        assert said == TrialScheduler.CONTINUE
        self.searcher.on_trial_result(trial.trial_id, flatten_dict(row))
        return decision_for(self.found.directory.decisions(number), row)

    def end(self, trial: FakeTrial, row: dict[str, Any]) -> None:
        """End the trial with its last row."""
        self.scheduler.on_trial_complete(_CONTROLLER, trial, row)
        self.searcher.on_trial_complete(trial.trial_id, flatten_dict(row))


def make_run(path: Path) -> None:
    """Make a run with trials in all states, with exploits, a winner and a retraining."""
    with opened(path) as found:
        tuner = Tuner(found)
        for _ in range(_ENDED):
            trial = tuner.start()
            assert trial is not None
            _train(tuner, trial)
        _record_decisions(found)
        _record_requests(found)
    _retrain(path)
    sweep = checked().sweep
    write_winner(sweep, read_summary(path), LocalRun(path), Console(file=io.StringIO()))
    assert (path / "best.json").exists() and (path / "report.html").exists()


def train(sweep: Sweep, trial: FakeTrial, run: RunDirectory, report: Report) -> None:
    """Train a trial in its directory, as its worker does."""
    directory = run.trial(trial.config["trial"]).path
    parameters = of_recorded(sweep, trial.config["recorded"])
    train_one(sweep, parameters, directory, device="cpu", report=report)


def _train(tuner: Tuner, trial: FakeTrial) -> None:
    number = trial.config["trial"]
    rows: list[dict[str, Any]] = []

    def report(row: dict[str, Any]) -> Decision | None:
        rows.append(row)
        if number in (_STOPPED, _FAILED, _INTERRUPTED) and len(rows) == 2:
            raise Interrupted
        return tuner.report(trial, row)

    try:
        train(tuner.found.sweep, trial, tuner.found.directory, report)
    except Interrupted:
        if number == _INTERRUPTED:
            return
    if number == _STOPPED:
        tuner.verdicts.stopped[number] = "StageASHA: return 9.5 in stage 1"
    failure = {FAILURE: "FloatingPointError: diverged"} if number == _FAILED else {}
    tuner.end(trial, rows[-1] | failure)


def _record_decisions(found: OpenSweep) -> None:
    """Record what population-based training decides, on the trial that was interrupted; and store
    the training of the first trial for others.
    """
    run = found.directory
    donor = newest(run.trial(0).all_checkpoints())
    assert donor is not None
    parameters = found.record.recorded(0)
    decisions = run.decisions(_INTERRUPTED)
    decide_stage_end(decisions, 0, 32, "CriterionScheduler: it has converged")
    decide_exploit(decisions, 64, 0, donor, parameters)
    found.record.record_stage_end(_INTERRUPTED, 0, "CriterionScheduler: it has converged")
    found.record.record_exploit(_INTERRUPTED, 64, 0, parameters)
    copy = run.decisions_folder / f"{_INTERRUPTED:04d}-1.pt"
    write_lineage(run.trial(_INTERRUPTED), Exploit(1, copy, parameters))
    assert store_prefix(run.prefix("shared"), run.trial(0), 0, steps_of(donor))


def _record_requests(found: OpenSweep) -> None:
    """Record what a person has requested, and leave one request to be recorded."""
    stage_end = new_request("end_stage", trial=_INTERRUPTED, stage=0)
    entry = stage_end.recorded(stage=0, env_steps=32)
    attributes = found.record.steered_by(_INTERRUPTED, entry)
    found.record.record_stage_end(_INTERRUPTED, 0, "Ended by ann", attributes)
    for action in (PAUSE, RESUME):
        found.record.steer(new_request(action).recorded())
    write_request(LocalRun(found.directory.path), new_request("stop", trial=0))


def _retrain(path: Path) -> None:
    """Write what `segue retrain` writes."""
    numbers = [trial.number for trial in read_summary(path).best[:2]]
    configurations = [
        {"trial": number, "parameters": {"lr": 1e-3}, "search": 10.0, "per_seed": [9.0, 11.0]}
        for number in numbers
    ]
    known = {"mode": "max", "configurations": configurations}
    write_atomic(RunDirectory(path).held_out, json.dumps(known))
