"""Trials with a trainer of the sweep's own, as searcher, scheduler and worker see them."""

import math
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from segue.plan.criteria.scheduler import SchedulerCriterion
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.stages import TrainerStage
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import LOG
from segue.train import Trial
from segue.tune.checks.sweep import check_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.verdicts import FAILURE
from segue.tune.worker.rerun import rerun
from tests.tune.support.doubles import CONFIG, EVERY, GRID, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record
from tests.tune.support.worker import rows_of


def quiet(trial: Trial) -> None:
    """Do nothing."""


def climb(trial: Trial) -> None:
    steps = trial.env_steps
    while not trial.should_stop:
        steps += EVERY
        values = [steps * trial.parameters["lr"] + seed % 7 for seed in trial.seeds]
        trial.report(steps, {"length": steps}, per_seed=values, checkpoint={"steps": steps})


def own(**given: Any) -> Sweep:
    requested: dict[str, Any] = {
        "trainer": climb,
        "steps": lambda first_steps: (first_steps, 1200 - first_steps),
        "space": GRID,
        "evaluation": Evaluation(every=EVERY),
        "seeds": 2,
        "scheduler": "asha",
    }
    return Sweep(**(requested | given))


@pytest.mark.parametrize("scheduler", ["asha", "stage_asha", "median", "hyperband"])
def test_schedulers_judge_the_trials_of_a_trainer_as_those_of_a_pipeline(
    tmp_path: Path, scheduler: str
) -> None:
    outcomes = []
    for name, make in (("own", own), ("pipeline", make_sweep)):
        sweep = make(scheduler=scheduler)
        (tmp_path / name).mkdir()
        record = open_record(tmp_path / name, sweep)
        FakeTune(record, sweep, sweep.requested_trials, {}, tmp_path / name).run()
        outcomes.append(
            [(trial.state, trial.intermediate_values, trial.user_attrs) for trial in record.trials]
        )
    assert outcomes[0] == outcomes[1]
    assert len({state for state, _, _ in outcomes[0]}) > 1


def test_a_worker_trains_with_the_trainer_and_writes_what_it_trains(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    reports = rows_of(own(), tmp_path)
    assert [row["env_steps"] for row in reports] == list(range(100, 1300, 100))
    assert [row["env_steps"] for row in reports if row["stage_done"]] == [400, 1200]
    assert '"2 stages, 1,200 steps, trained by climb' in run.trial(7).trial.read_text()
    compared, difference = rerun(own(), run, 7, CONFIG["recorded"], tmp_path / "again")
    assert (compared, difference) == (12, None)


@pytest.mark.parametrize("trainer", [quiet, lambda trial: trial.report(100, per_seed=[1, 2])])
def test_a_trainer_s_mistake_is_the_trial_s_reason_and_is_not_tried_again(
    tmp_path: Path, trainer: Any
) -> None:
    reports = rows_of(own(trainer=trainer), tmp_path)
    assert math.isnan(reports[-1]["return"])
    assert reports[-1][FAILURE].startswith("TrainerError: The trainer ")
    assert "Trying again" not in (tmp_path / "trials" / "0007" / LOG).read_text()


def test_a_trial_that_is_stopped_has_ended(tmp_path: Path) -> None:
    reports = rows_of(own(), tmp_path, stop_at=[(7, 100)])
    assert [row["env_steps"] for row in reports] == [100]


def test_a_sweep_with_a_trainer_is_checked_without_a_world() -> None:
    stages = (TrainerStage(400, SchedulerCriterion("asha")), 800)
    corners = check_sweep(own(steps=stages, evaluation=None)).corners
    assert (corners.longest_pipeline, corners.pipelines) == (1200, ())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"scheduler": "pbt"}, "which a trainer of the sweep's own does not have: use 'asha'"),
        ({"metric": "stage"}, "The metric is 'stage', which is a field of every report: give it"),
        ({"metric": "rollout/return"}, "The metric is 'rollout/return', which contains a slash"),
        (
            {"scheduler": tune.schedulers.ASHAScheduler("env_steps", max_t=100)},
            "ends trials after 100 steps, but trials of this sweep take 1,200",
        ),
    ],
)
def test_what_a_trainer_cannot_do_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_sweep(own(**given))
