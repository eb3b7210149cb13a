"""What every scheduler must do, on the real study and in Tune's order of calls."""

import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

from segue.plan.criteria.metrics import Plateau
from segue.plan.sweeps.checks import SCHEDULERS
from segue.plan.sweeps.sweep import Sweep
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE
from tests.tune.support.doubles import EVERY, make_sweep
from tests.tune.support.fake_tune import FakeTrial, FakeTune, open_record

OFFERED: dict[str, Any] = {
    **{name: name for name in SCHEDULERS},
    "ASHAScheduler": ASHAScheduler("env_steps", max_t=1200, grace_period=200, reduction_factor=2),
    "MedianStoppingRule": MedianStoppingRule("env_steps", grace_period=200, min_samples_required=2),
    "StageASHA": StageASHA(200, 2, min_peers=1),
    "CriterionScheduler": CriterionScheduler(
        Plateau("return", 100), ASHAScheduler("env_steps", max_t=1200, grace_period=200)
    ),
}


@pytest.fixture(params=OFFERED)
def scheduler(request: pytest.FixtureRequest) -> Any:
    return OFFERED[request.param]


@pytest.fixture(params=[name for name in OFFERED if name != "pbt"])
def stopping(request: pytest.FixtureRequest) -> Any:
    """Schedulers that stop trials: population-based training does not."""
    return OFFERED[request.param]


@pytest.fixture(params=["max", pytest.param("min", marks=pytest.mark.slow)])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Race:
    """Trials that are driven by hand, report by report, in any order."""

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.record: StudyRecord = open_record(path, sweep)
        self.fake = FakeTune(self.record, sweep, 16, {})
        self.trials: list[FakeTrial] = []

    def start(self) -> int:
        self.trials.append(self.fake.start(f"tune-{len(self.trials)}"))
        return len(self.trials) - 1

    def report(self, number: int, step: int, value: float, **more: Any) -> bool:
        """True where the trial is stopped."""
        in_second = step > 400
        row = {
            "return": value,
            "metric_per_seed": [value],
            "env_steps": step,
            "total_env_steps": 2 * step,
        }
        row |= {"stage": int(in_second), "stages": 2, "stage_steps": step - 400 * in_second}
        row |= {"stage_done": step in (400, 1200), "final": step == 1200}
        return self.fake.hear(self.trials[number], row | more)

    def state(self, number: int) -> FrozenTrial:
        return self.record.trials[number]


def run(race: Race, number: int, value: float) -> bool:
    """Report the same value at every step, and end; True where the trial was stopped on the way."""
    if any(race.report(number, step, value) for step in range(EVERY, 1200 + EVERY, EVERY)):
        return True
    race.fake.finish(race.trials[number])
    return False


def better_and_better(mode: str) -> list[float]:
    """Each is the best so far, so that all come to the end."""
    return [5.0, 6.0, 7.0, 8.0] if mode == "max" else [8.0, 7.0, 6.0, 5.0]


def test_one_trial_alone_is_never_stopped(tmp_path: Path, scheduler: Any, mode: str) -> None:
    race = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    assert not run(race, race.start(), 1.0)
    assert race.state(0).state == TrialState.COMPLETE


def test_equal_trials_are_not_distinguished(tmp_path: Path, scheduler: Any, mode: str) -> None:
    race = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    assert not any(run(race, race.start(), 1.0) for _ in range(8))


def test_the_worst_of_many_is_stopped_and_the_best_is_not(
    tmp_path: Path, stopping: Any, mode: str
) -> None:
    race = Race(tmp_path, make_sweep(scheduler=stopping, mode=mode))
    for value in better_and_better(mode):
        run(race, race.start(), value)
    best, worst = (9.0, 1.0) if mode == "max" else (1.0, 9.0)
    assert run(race, race.start(), worst)
    assert not run(race, race.start(), best)
    stopped = race.state(4)
    assert stopped.state == TrialState.PRUNED
    assert stopped.value == stopped.intermediate_values[max(stopped.intermediate_values)]
    assert stopped.user_attrs["stopped_by"]


def test_a_late_trial_is_compared_with_those_before(
    tmp_path: Path, stopping: Any, mode: str
) -> None:
    race = Race(tmp_path, make_sweep(scheduler=stopping, mode=mode))
    late = race.start()
    worst = 0.1 if mode == "max" else 100.0
    race.report(late, EVERY, worst)
    for value in better_and_better(mode):
        run(race, race.start(), value)
    assert any(race.report(late, step, worst) for step in range(2 * EVERY, 1200, EVERY))


def test_a_metric_that_is_nan_fails_its_trial_only(
    tmp_path: Path, scheduler: Any, mode: str
) -> None:
    race = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    broken = race.start()
    race.report(broken, EVERY, 1.0)
    assert race.report(broken, 2 * EVERY, math.nan, **{FAILURE: "FloatingPointError: nan"})
    assert race.state(broken).state == TrialState.FAIL
    assert race.state(broken).user_attrs["reason"] == "FloatingPointError: nan"
    assert not run(race, race.start(), 1.0)


def test_the_last_report_is_never_stopped(tmp_path: Path, scheduler: Any, mode: str) -> None:
    race = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    for value in better_and_better(mode):
        run(race, race.start(), value)
    last = race.start()
    assert not race.report(last, 1200, 0.0 if mode == "max" else 100.0)


@pytest.mark.parametrize(
    "killed_after", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 9))]
)
def test_a_sweep_in_parts_has_the_verdicts_of_an_uninterrupted_one(
    tmp_path: Path, scheduler: Any, mode: str, killed_after: int
) -> None:
    sweep = make_sweep(scheduler=scheduler, mode=mode)
    found = []
    for name, budgets in (("whole", [12]), ("parts", [killed_after, 12])):
        (tmp_path / name).mkdir()
        for budget in budgets:
            record = open_record(tmp_path / name, sweep)
            FakeTune(record, sweep, budget, {}).run()
            record.close()
        found.append(
            [(t.state, t.value, t.last_step, t.user_attrs.get("stopped_by")) for t in record.trials]
        )
    assert found[0] == found[1]


def test_a_resumed_trial_is_evaluated_once_per_step(
    tmp_path: Path, scheduler: Any, mode: str
) -> None:
    race = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    for value in better_and_better(mode)[:3]:
        run(race, race.start(), value)
    good = 8.0 if mode == "max" else 4.0
    trial = race.start()
    for step in (100, 200, 300):
        assert not race.report(trial, step, good)
    race.record.close()
    again = Race(tmp_path, make_sweep(scheduler=scheduler, mode=mode))
    resumed = again.start()
    assert again.trials[resumed].config["trial"] == 3
    assert not again.report(resumed, 300, good, replayed=True)
    assert not any(again.report(resumed, step, good) for step in range(400, 1300, EVERY))
    assert sorted(again.state(3).intermediate_values) == list(range(100, 1300, EVERY))
