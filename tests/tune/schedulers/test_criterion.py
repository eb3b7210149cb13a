"""Criteria under Tune, and Tune's schedulers in stages: on real runs of both."""

import io
import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from rich.console import Console
from torch import optim

from segue.base.files import read_rows
from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.criteria.metrics import Plateau, Reached
from segue.plan.criteria.scheduler import SchedulerCriterion
from segue.plan.decision import Decision
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.train import PPO
from segue.tune.checks.sweep import check_sweep
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.drive import run_sweep
from segue.tune.run.decisions import (
    decide_stage_end,
    decide_stage_end_by_person,
    decision_for,
)
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.criterion import CriterionScheduler, CriterionStopper, tracker_of
from segue.tune.schedulers.trial import NumberedTrial
from tests.tune.support.doubles import make_runner, make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

STEPS = 128 * 8  # environment steps of a rollout
FIRST = 12  # rollouts of the first stage
SECOND = 4


def test_a_tracker_holds_a_report_s_numbers() -> None:
    row = {
        "return": 3.0,
        "done": True,
        "name": "x",
        "metric_per_seed": [1.0],
        "evaluation": {"length": 7},
    }
    assert tracker_of(row).means() == {"return": 3.0, "length": 7.0}


class TestStopper:
    def test_each_trial_has_a_criterion_of_its_own(self) -> None:
        stopper = CriterionStopper(Plateau("return", patience=2))
        said = {
            trial: [
                stopper(trial, {"return": value, "training_iteration": i})
                for i, value in enumerate(values)
            ]
            for trial, values in {"flat": [1.0, 1.0, 1.0], "rising": [1.0, 2.0, 3.0]}.items()
        }
        assert said == {"flat": [False, False, True], "rising": [False] * 3}
        assert not stopper.stop_all()

    def test_its_state_outlives_the_process(self, tmp_path: Path) -> None:
        file = tmp_path / "criteria.json"
        for index in range(3):
            stopper = CriterionStopper(Plateau("return", patience=2), file)  # as after a crash
            assert stopper("a", {"return": 1.0}) == (index == 2)
        assert json.loads(file.read_text()) == {"a": {"best": 1.0, "waited": 2}}
        file.write_text('{"a": {"recent": []}}')
        with pytest.raises(ValueError, match="does not hold the states of Plateau"):
            CriterionStopper(Plateau("return", patience=2), file)

    @pytest.mark.slow
    @pytest.mark.usefixtures("cluster")
    def test_it_stops_a_trial_through_tune(self, tmp_path: Path) -> None:
        def trainable(config: dict[str, Any]) -> None:
            for step in range(10):
                tune.report({"return": config["slope"] * step, "env_steps": step})

        results = tune.Tuner(
            trainable,
            param_space={"slope": tune.grid_search([1.0, 5.0])},
            run_config=tune.RunConfig(
                storage_path=str(tmp_path), stop=CriterionStopper(Reached("return", 8.0)), verbose=0
            ),
        ).fit()
        assert sorted(result.metrics["return"] for result in results) == [8.0, 10.0]


class TestScheduler:
    def test_the_criterion_stops_and_otherwise_the_inner_scheduler_does(self) -> None:
        scheduler = CriterionScheduler(
            Reached("return", 5.0), ASHAScheduler("env_steps", max_t=10, grace_period=1)
        )
        scheduler.set_search_properties("return", "max")
        said = {}
        for number, value in enumerate([3.0, 4.0, 1.0, 6.0]):
            trial = NumberedTrial(number, {})
            scheduler.on_trial_add(None, trial)
            row = {"return": value, "env_steps": 1, "training_iteration": 1}
            said[number] = scheduler.on_trial_result(None, trial, row)
        stop = TrialScheduler.STOP
        go_on = TrialScheduler.CONTINUE
        assert said == {0: go_on, 1: go_on, 2: stop, 3: stop}
        assert scheduler.reason("3").startswith("Reached(metric='return', value=5.0")
        assert scheduler.reason("2") == (
            "asha: return 1 after 1 steps is below the cutoff 3.75, number 3 of 3"
        )

    @pytest.mark.parametrize("killed_after", [1, 4])
    def test_a_continued_sweep_remembers_what_the_criteria_have_seen(
        self, tmp_path: Path, killed_after: int
    ) -> None:
        sweep = make_sweep(scheduler=CriterionScheduler(Plateau("return", 3, delta=0.2)))
        outcomes = []
        for name, budgets in (("whole", [8]), ("parts", [killed_after, 8])):
            (tmp_path / name).mkdir()
            for budget in budgets:
                record = open_record(tmp_path / name, sweep)
                FakeTune(record, sweep, budget, {}).run()
                record.close()
            outcomes.append(
                [(t.state, t.last_step, t.user_attrs.get("stopped_by")) for t in record.trials]
            )
        assert outcomes[0] == outcomes[1]
        reasons = {reason for _, _, reason in outcomes[0]}
        assert any(
            "CriterionScheduler: Plateau(metric='return', patience=3" in str(reason)
            for reason in reasons
        )

    def test_its_state_within_a_trial_is_rebuilt(self, tmp_path: Path) -> None:
        sweep = make_sweep(scheduler=CriterionScheduler(Plateau("return", 3, delta=10.0)))
        for steps in ([100, 200], [300, 400]):  # the driver is killed after the second report
            record = open_record(tmp_path, sweep)
            fake = FakeTune(record, sweep, 1, {})
            trial = fake.start()
            said = [fake.reports(trial, step) for step in steps]
            record.close()
        assert said == [False, True]

    def test_an_inner_scheduler_that_cannot_work_is_refused(self) -> None:
        sweep = make_sweep(scheduler=CriterionScheduler(Reached("return", 1.0), ASHAScheduler()))
        with pytest.raises(
            ValueError, match="counts 'training_iteration': give it time_attr='env_steps'"
        ):
            make_scheduler(sweep)

    def test_a_class_in_place_of_a_criterion_is_refused(self) -> None:
        with pytest.raises(TypeError, match="must be an EarlyStoppingCriterion"):
            CriterionScheduler(Reached)  # type: ignore[arg-type]

    @pytest.mark.slow
    @pytest.mark.usefixtures("cluster")
    def test_the_study_records_which_criterion_stopped_a_trial(self, tmp_path: Path) -> None:
        sweep = make_sweep(trials=3, scheduler=CriterionScheduler(Reached("return", 0.6)))
        run_sweep(sweep, "double", tmp_path, console=silent(), runner=make_runner())
        stopped = [
            trial for trial in trials_of(tmp_path, "double") if trial.state == TrialState.PRUNED
        ]
        assert stopped
        for trial in stopped:
            assert trial.user_attrs["stopped_by"].startswith(
                "CriterionScheduler: Reached(metric='return', value=0.6"
            )
            assert trial.value is not None and trial.value >= 0.6


class TestSchedulerInAStage:
    def test_an_answer_holds_from_its_report_on_and_for_its_stage(self, tmp_path: Path) -> None:
        path = tmp_path / "decisions" / "0007.json"
        decide_stage_end(path, 0, 2_000, "ASHA: too low")
        rows = [(0, 1_000), (0, 2_000), (0, 3_000), (1, 4_000)]
        answers = [
            decision_for(path, {"stage": stage, "env_steps": steps}).end_stage
            for stage, steps in rows
        ]
        assert answers == [None, 0, 0, None]
        decide_stage_end(path, 0, 3_000, "ASHA: still too low")  # the stage had not ended yet
        assert decision_for(path, {"stage": 0, "env_steps": 2_000}) == Decision(0)

    def test_the_decision_of_a_person_replaces_that_of_a_scheduler(self, tmp_path: Path) -> None:
        path = tmp_path / "decisions" / "0007.json"
        decide_stage_end(path, 0, 1_000, "ASHA: too low")
        decide_stage_end_by_person(path, 0, 2_000, "ann")
        decide_stage_end_by_person(path, 0, 3_000, "bob")
        decide_stage_end(path, 0, 4_000, "ASHA: still too low")
        row = {"stage": 0, "env_steps": 2_000}
        assert decision_for(path, row) == Decision(0, by_person=True)
        assert decision_for(path, row | {"env_steps": 1_000}) == Decision()
        assert decision_for(path, row | {"stage": 1}) == Decision()

    @pytest.mark.parametrize(
        ("scheduler", "said"),
        [
            (ASHAScheduler("env_steps"), "counts 'env_steps': give it time_attr='stage_steps'"),
            (ASHAScheduler("stage_steps", max_t=50), "ends trials after 50 steps"),
        ],
    )
    def test_a_scheduler_that_cannot_work_is_refused_when_the_sweep_is_checked(
        self, scheduler: Any, said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            check_sweep(staged_sweep(scheduler))

    @pytest.mark.slow
    @pytest.mark.usefixtures("cluster")
    def test_asha_ends_a_stage_and_the_trial_continues_in_the_next(self, tmp_path: Path) -> None:
        with suppress_ray_warnings():
            run_sweep(staged_sweep("asha"), "staged", tmp_path, console=silent())
        trials = trials_of(tmp_path, "staged")
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
        ended = [trial for trial in trials if "stages_ended_by" in trial.user_attrs]
        assert ended and len(ended) < 4
        for trial in trials:
            stages = trial.user_attrs["stages"]["ended_at"]
            assert len(stages) == 2 and stages[1] - stages[0] == SECOND * STEPS
            reason = trial.user_attrs.get("stages_ended_by", {}).get("1")
            assert (stages[0] < FIRST * STEPS) == (reason is not None)
            if reason:
                assert reason.startswith("asha: return ") and "steps of the stage" in reason

    @pytest.mark.slow
    @pytest.mark.usefixtures("cluster")
    def test_a_continued_sweep_ends_the_same_stages(self, tmp_path: Path) -> None:
        outcomes = []
        for name, budgets in (("whole", [4]), ("parts", [2, 4])):
            for budget in budgets:
                with suppress_ray_warnings():
                    run_sweep(
                        staged_sweep("asha", trials=budget),
                        "staged",
                        tmp_path / name,
                        console=silent(),
                    )
            found = trials_of(tmp_path / name, "staged")
            outcomes.append(
                [(trial.intermediate_values, trial.user_attrs["stages"]) for trial in found]
            )
        assert outcomes[0] == outcomes[1]
        rows = read_rows(tmp_path / "parts" / "trials" / "0003" / "results.jsonl")
        assert [row["stage"] for row in rows] == sorted(row["stage"] for row in rows)


def staged(lr: float, scheduler: Any) -> TrainingPipeline:
    criterion = SchedulerCriterion(scheduler)
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[
            PipelineStage(
                ["ppo"], max_stage_steps=FIRST * STEPS, early_stopping_criterion=criterion
            ),
            PipelineStage(["ppo"], max_stage_steps=SECOND * STEPS),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=4,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=128,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=STEPS,
        metric_accumulate_interval=STEPS,
    )


def staged_sweep(scheduler: Any, trials: int = 4) -> Sweep:
    return Sweep(
        pipeline=staged,
        space={"lr": tune.grid_search([1e-3, 1e-7, 2e-3, 1e-8]), "scheduler": scheduler},
        world="CartPole-v1",
        evaluation=Evaluation(every=2 * STEPS, episodes=5, max_episode_steps=200),
        trials=trials,
        concurrency=1,
    )


def trials_of(path: Path, name: str) -> list[FrozenTrial]:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path / 'study.db'}").trials


def silent() -> Console:
    return Console(file=io.StringIO())
