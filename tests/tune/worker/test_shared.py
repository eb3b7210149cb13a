"""A worker that trains several trials side by side: each is the same trial as alone."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from torch.optim import Adam

from segue.base.files import read_rows
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.criteria.scheduler import SchedulerCriterion
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.builder import Builder
from segue.record.layout import LOG
from segue.record.row import ENV_STEPS, STAGE_DONE, Row
from segue.store.objects import StoreError
from segue.train import PPO
from segue.train.trials.several import Trials
from segue.tune.run.decisions import (
    decide_exploit,
    decide_stage_end,
    decide_stage_end_by_person,
)
from segue.tune.run.directory import RunDirectory
from segue.tune.run.stored import TrialSync
from segue.tune.verdicts import FAILURE, STORE_UNAVAILABLE
from segue.tune.worker import preemption
from segue.tune.worker.messages import Assignment
from segue.tune.worker.worker import make_worker
from tests.train.support.same import assert_same_state
from tests.train.support.trials import final_state
from tests.tune.support.worker import FakeDispatcher, work

STEPS = 384
LRS = (1e-4, 1e-3, 3e-3, 1e-2)
STARTS = [Assignment(number, {"lr": lr, "breaks": "never"}) for number, lr in enumerate(LRS)]


class Breaks(EarlyStoppingCriterion):
    """Prints, and raises after 128 steps."""

    def __call__(self, stage_steps: int, total_steps: int, training_metrics: Any) -> bool:
        print(f"at {total_steps}")
        if total_steps >= 128:
            raise ZeroDivisionError("mine")
        return False


class Prints(EarlyStoppingCriterion):
    """Prints."""

    def __call__(self, stage_steps: int, total_steps: int, training_metrics: Any) -> bool:
        print("hello")
        return False


CRITERIA = {"never": Prints, "always": Breaks, "scheduled": lambda: SchedulerCriterion("asha")}


def pipeline(lr: float, breaks: str) -> TrainingPipeline:
    stages = [
        PipelineStage(["ppo"], max_stage_steps=steps, early_stopping_criterion=CRITERIA[breaks]())
        for steps in (STEPS // 2, STEPS // 2)
    ]
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=stages,
        optimizer_builder=Builder(Adam, {"lr": lr}),
        num_mini_batch=1,
        update_repeats=1,
        max_grad_norm=0.5,
        num_steps=8,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=64,
        metric_accumulate_interval=64,
    )


def real(**given: Any) -> Sweep:
    requested: dict[str, Any] = {
        "pipeline": pipeline,
        "space": {
            "lr": tune.grid_search([*LRS, -1.0]),
            "breaks": tune.grid_search(list(CRITERIA)),
        },
        "world": "CartPole-v1",
        "evaluation": Evaluation(every=64, episodes=1, max_episode_steps=20),
        "lanes": 4,
    }
    return Sweep(**(requested | given))


def rows(path: Path, number: int) -> list[Row]:
    return read_rows(path / "trials" / f"{number:04d}" / "results.jsonl")


def trial(path: Path, number: int) -> Path:
    return path / "trials" / f"{number:04d}"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a worker leaves that trains the trials one after another."""
    path = tmp_path_factory.mktemp("alone")
    work(real(), path, starts=STARTS)
    return path


def assert_same(path: Path, alone: Path, *numbers: int) -> None:
    for number in numbers:
        assert rows(path, number) == rows(alone, number) != []
        assert_same_state(final_state(trial(path, number)), final_state(trial(alone, number)))


def test_four_at_a_time_are_the_same_and_report_together(tmp_path: Path, alone: Path) -> None:
    dispatcher = work(real(), tmp_path, starts=STARTS, rows=4)
    assert_same(tmp_path, alone, *range(4))
    assert [len(message.reports) for message in dispatcher.messages] == [0, *[4] * 6]
    assert (trial(tmp_path, 2) / LOG).read_text() == (trial(alone, 2) / LOG).read_text() * 4


@pytest.mark.slow
def test_one_that_is_stopped_makes_room_for_the_next(tmp_path: Path, alone: Path) -> None:
    dispatcher = work(real(), tmp_path, starts=STARTS, rows=3, stop_at=[(1, 64)])
    assert_same(tmp_path, alone, 0, 2, 3)
    assert rows(tmp_path, 1) == rows(alone, 1)[:1]
    assert [start for start, row in dispatcher.reports if row["final"]] == [0, 2, 3]


def test_one_that_raises_fails_alone_after_its_retries(tmp_path: Path, alone: Path) -> None:
    starts = [*STARTS[:3], Assignment(3, {"lr": 1e-2, "breaks": "always"})]
    dispatcher = work(real(retries=1), tmp_path, starts=starts, rows=4)
    assert_same(tmp_path, alone, 0, 1, 2)
    (failed,) = [(number, row[FAILURE]) for number, row in dispatcher.reports if FAILURE in row]
    assert failed == (3, "ZeroDivisionError: mine")
    log = (trial(tmp_path, 3) / LOG).read_text()
    assert "Trying again from the newest checkpoint; 1 attempt left." in log
    assert log.count("ZeroDivisionError: mine") == 2
    assert "ZeroDivisionError" not in (trial(tmp_path, 0) / LOG).read_text()


def test_one_whose_parameters_are_refused_fails_and_the_others_train(
    tmp_path: Path, alone: Path
) -> None:
    starts = [Assignment(0, {"lr": -1.0, "breaks": "never"}), *STARTS[1:]]
    dispatcher = work(real(retries=0), tmp_path, starts=starts, rows=4)
    assert [number for number, row in dispatcher.reports if FAILURE in row] == [0]
    assert_same(tmp_path, alone, 1, 2, 3)


@pytest.mark.slow
def test_decisions_end_the_stages_of_their_trials_only(tmp_path: Path, alone: Path) -> None:
    """Of the criterion that asks a scheduler, and of any stage where a person decides."""
    decide_stage_end(RunDirectory(tmp_path).decisions(1), 0, 64, "a scheduler, of another kind")
    decide_stage_end(RunDirectory(tmp_path).decisions(2), 0, 64, "a scheduler")
    decide_stage_end_by_person(RunDirectory(tmp_path).decisions(3), 0, 64, "a person")
    starts = [*STARTS[:2], Assignment(2, {"lr": LRS[2], "breaks": "scheduled"}), STARTS[3]]
    work(real(), tmp_path, starts=starts, rows=4, decided=[1, 2, 3])
    assert_same(tmp_path, alone, 0, 1)
    for number in (2, 3):
        ends = [
            next(row[ENV_STEPS] for row in rows(path, number) if row[STAGE_DONE])
            for path in (tmp_path, alone)
        ]
        assert ends[0] < ends[1] == STEPS // 2


@pytest.mark.slow
def test_one_continues_from_the_checkpoint_of_another(tmp_path: Path, alone: Path) -> None:
    donor = min((trial(alone, 1) / "checkpoints").glob("*.pt"))
    decisions = RunDirectory(tmp_path).decisions(2)
    decide_exploit(decisions, 64, 1, donor, {"lr": LRS[1], "breaks": "never"})
    work(real(), tmp_path, starts=STARTS, rows=4, decided=[2])
    assert_same(tmp_path, alone, 0, 1, 3)
    assert rows(tmp_path, 2)[-1] == rows(alone, 1)[-1] | {"generation": 1}
    assert len(rows(tmp_path, 2)) < len(rows(alone, 1)), "it skipped what the other had trained"


@pytest.mark.slow
def test_one_whose_results_cannot_be_stored_says_so(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unavailable(TrialSync):
        def upload(self) -> None:
            raise StoreError("The store is gone.")

    def sync(run: RunDirectory, number: int) -> TrialSync:
        return Unavailable() if number == 3 else TrialSync()

    monkeypatch.setattr(RunDirectory, "trial_sync", sync)
    dispatcher = work(real(), tmp_path, starts=STARTS, rows=4)
    assert_same(tmp_path, alone, 0, 1, 2)
    (failed,) = [
        (number, row[STORE_UNAVAILABLE]) for number, row in dispatcher.reports if FAILURE in row
    ]
    assert failed == (3, "The store is gone.")


class Exited(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process does not end."""

    def exit_process(code: int) -> None:
        raise Exited

    monkeypatch.setattr(os, "_exit", exit_process)
    yield
    preemption._requested.clear()


@pytest.mark.usefixtures("exits")
def test_memory_that_is_too_small_for_all_is_not_the_failure_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(trials: Trials) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Trials, "advance", full)
    dispatcher = FakeDispatcher(deque(STARTS), rows=4)
    worker = make_worker(real(), RunDirectory(tmp_path), exchange=lambda config: dispatcher)
    with pytest.raises(Exited):
        worker({})
    assert dispatcher.messages[-1].out_of_memory == (
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB."
    )
    assert dispatcher.reports == []


@pytest.mark.slow
@pytest.mark.usefixtures("exits")
def test_a_preempted_worker_saves_all_and_another_one_continues(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Trials.advance
    calls = []

    def preempted(trials: Trials) -> Any:
        calls.append(1)
        if len(calls) == 3:
            preemption._requested.set()
        return advance(trials)

    monkeypatch.setattr(Trials, "advance", preempted)
    with pytest.raises(Exited):
        work(real(), tmp_path, starts=STARTS, rows=4)
    preemption._requested.clear()
    for number in range(4):
        assert (
            "This process was requested to end: a checkpoint is stored at 96 steps."
            in (trial(tmp_path, number) / LOG).read_text()
        )
    work(real(), tmp_path, starts=STARTS, rows=4)
    assert_same(tmp_path, alone, *range(4))


def test_a_trial_whose_directory_cannot_be_fetched_is_fetched_by_the_next_attempt(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    class Flaky(TrialSync):
        def begin(self) -> None:
            begun.append(1)
            if len(begun) == 1:
                raise OSError("not now")

    monkeypatch.setattr(RunDirectory, "trial_sync", lambda run, number: Flaky())
    work(real(retries=1), tmp_path, starts=STARTS[:1], rows=4)
    assert len(begun) == 2
    assert_same(tmp_path, alone, 0)
