"""Reports of a run, decided again: by the scheduler that ran, and by others."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from segue.plan.sweeps.points.corners import Corners
from segue.record.layout import RunLayout
from segue.record.study.content import read_report_order
from segue.record.study.sqlite_file import study_for_reading
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.schedulers.replay import replay_run, stops_of
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.verdicts import FAILURE
from tests.tune.support.doubles import EVERY, learning_curve, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

AT_ONCE = 5
RESTART_AFTER = 30  # reports
SCHEDULERS = {
    **{name: name for name in ("asha", "stage_asha", "hyperband", "median")},
    "of one's own": StageASHA(100, 2, min_peers=1),
}


class Interleaved:
    """A run of the double's grid, several trials at once, with a driver that is killed once."""

    def __init__(self, path: Path, scheduler: Any) -> None:
        self.path = path
        self.sweep = make_sweep(scheduler=scheduler)
        self.steps: dict[int, int] = {}
        self.left = 16
        self._open()
        reports = 0
        active: list[Any] = []
        while self.left or active:
            while self.left and len(active) < AT_ONCE:
                active.append(self.tune.start(f"tune-{self.left}-{reports}"))
                self.left -= 1
            for trial in list(active):
                reports += 1
                if self._advance(trial):
                    active.remove(trial)
                if reports == RESTART_AFTER:
                    break
            if reports == RESTART_AFTER:
                self.left += len(active)
                active = []
                self.record.close()
                self._open()
        self.trials = self.record.trials
        self.record.close()

    def _open(self) -> None:
        self.record = open_record(self.path, self.sweep)
        self.tune = FakeTune(self.record, self.sweep, 16, {})

    def _advance(self, trial: Any) -> bool:
        """Let a trial report once; return whether it has ended."""
        number = trial.config["trial"]
        step = self.steps[number] = self.steps.get(number, 0) + EVERY
        parameters = self.record.parameters(number)
        row = learning_curve(self.sweep, parameters, step)
        if parameters["lr"] == 3e-3 and step == 2 * EVERY:
            row |= {"return": float("nan"), FAILURE: "FloatingPointError: diverged"}
        if self.tune.hear(trial, row):
            return True
        if step == 1200:
            self.tune.finish(trial)
        return step == 1200

    def order(self) -> list[tuple[int, int]]:
        storage = study_for_reading(self.path / "study.db")
        return read_report_order(storage, "double", "the study")


@pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=SCHEDULERS)
def test_the_scheduler_that_ran_decides_as_it_did(tmp_path: Path, scheduler: Any) -> None:
    with suppress_ray_warnings():
        run = Interleaved(tmp_path, scheduler)
    live = {
        trial.number: trial.last_step for trial in run.trials if trial.state == TrialState.PRUNED
    }
    assert live
    assert len(run.order()) == sum(len(trial.intermediate_values) for trial in run.trials)
    found = replay_run(run.sweep, RunLayout(tmp_path), run.trials, run.order())
    assert found is not None
    assert found.stops[str(found.ran)] == live
    assert set(found.stops) == {"asha", "stage_asha", "hyperband", "median"}
    assert set(found.planned.values()) == {1200}


def test_another_scheduler_decides_as_if_it_had_run(tmp_path: Path) -> None:
    """Without interruption and without stops: then the reports of every trial are all there."""
    with suppress_ray_warnings():
        without = Interleaved(tmp_path, None)
    found = replay_run(without.sweep, RunLayout(tmp_path), without.trials, without.order())
    assert found is not None and found.ran is None
    corners = Corners.of(without.sweep)
    reports = [
        (number, learning_curve(without.sweep, without.record.parameters(number), step))
        for number, step in without.order()
    ]
    scheduler = StageASHA(corners.longest_stage // 8, 3)
    assert found.stops["stage_asha"] == stops_of(scheduler, without.sweep, reports)


def test_trials_that_exchange_parameters_cannot_be_replayed() -> None:
    assert replay_run(make_sweep(scheduler="pbt"), RunLayout(Path("nowhere")), [], []) is None
