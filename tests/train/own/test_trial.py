"""A trainer of the user's own, without a sweep: reports, stages, checkpoints and mistakes."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segue.plan.criteria.metrics import Plateau, Reached
from segue.plan.criteria.scheduler import SchedulerCriterion
from segue.plan.decision import Decision
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.stages import TrainerStage, TrainerSteps, trainer_plan
from segue.plan.tracker import ScalarMeanTracker
from segue.record.files.results import read_results
from segue.train import (
    Preempted,
    Signal,
    TrainerError,
    TrainerSpec,
    Trial,
    run_own_trial,
    run_trainer,
)

EVERY = 100


class Walk:
    """A trainer whose weights are a sum of random numbers, and that may die at given steps."""

    def __init__(self, dies_at: int = 0, saves_every: int = EVERY) -> None:
        self.dies_at = dies_at
        self.saves_every = saves_every
        self.signals: list[tuple[int, Signal]] = []
        self.resumed_from: list[object] = []

    def to_dict(self) -> dict[str, Any]:
        """Its description: what it has seen so far does not make another trainer of it."""
        return {}

    def __call__(self, trial: Trial) -> None:
        generator = torch.Generator().manual_seed(trial.seed)
        weights = torch.zeros(3)
        self.resumed_from.append(trial.resumed_from)
        if trial.resumed_from is not None:
            weights = trial.resumed_from["weights"]
            generator.set_state(trial.resumed_from["generator"])
        steps = trial.env_steps
        while not trial.should_stop:
            weights = weights + trial.parameters["lr"] * torch.randn(3, generator=generator)
            steps += EVERY
            state = {"weights": weights, "generator": generator.get_state()}
            is_saved = steps % self.saves_every == 0
            signal = trial.report(
                steps,
                {"return": weights.sum(), "length": steps},
                checkpoint=state if is_saved else None,
            )
            self.signals.append((steps, signal))
            if steps == self.dies_at:
                self.dies_at = 0
                raise ConnectionError("lost")


def spec_of(trainer: Callable[[Any], object], steps: TrainerSteps, **given: Any) -> TrainerSpec:
    return TrainerSpec(trainer, trainer_plan(steps), {"lr": 0.1}, given.pop("seeds", [5]), **given)


def rows_of(directory: Path) -> list[dict[str, Any]]:
    return [dict(row) for row in read_results(directory / "results.jsonl", "return").rows]


def test_a_trial_reports_until_its_steps_are_taken(tmp_path: Path) -> None:
    walk = Walk()
    last = run_trainer(walk, {"lr": 0.1}, tmp_path, steps=(150, 200), seeds=[5])
    rows = rows_of(tmp_path)
    assert rows[-1] == last
    names = ("env_steps", "stage", "stage_steps", "stage_done", "final", "stages")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (100, 0, 100, False, False, 2),
        (200, 0, 200, True, False, 2),
        (300, 1, 100, False, False, 2),
        (400, 1, 200, True, True, 2),  # 350 steps, in whole reports
    ]
    assert [signal.name for _, signal in walk.signals] == [
        "CONTINUE",
        "END_STAGE",
        "CONTINUE",
        "STOP",
    ]
    assert last["evaluation"]["length"] == 400 and last["metric_per_seed"] == [last["return"]]
    logged = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["valid-metrics/length"] for row in logged] == [100, 200, 300, 400]
    assert list(tmp_path.glob("events.out.tfevents.*"))


@pytest.mark.parametrize("saves_every", [EVERY, 300])
def test_a_resumed_trial_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, saves_every: int
) -> None:
    whole = Walk(saves_every=saves_every)
    run_trainer(whole, {"lr": 0.1}, tmp_path / "whole", steps=(400, 500))
    broken = Walk(dies_at=500, saves_every=saves_every)
    with pytest.raises(ConnectionError):
        run_trainer(broken, {"lr": 0.1}, tmp_path / "broken", steps=(400, 500))
    run_trainer(broken, {"lr": 0.1}, tmp_path / "broken", steps=(400, 500))
    assert rows_of(tmp_path / "broken") == rows_of(tmp_path / "whole")
    assert broken.resumed_from[0] is None and broken.resumed_from[1] is not None
    resumed_at = 500 // saves_every * saves_every
    assert [steps for steps, _ in broken.signals] == [
        *range(EVERY, 501, EVERY),
        *range(resumed_at + EVERY, 901, EVERY),
    ]


def test_the_last_row_before_a_checkpoint_is_reported_again(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    walk = Walk(dies_at=200)
    with pytest.raises(ConnectionError):
        run_own_trial(spec_of(walk, 300), tmp_path, report=seen.append)
    run_own_trial(spec_of(walk, 300), tmp_path, report=seen.append)
    assert [(row["env_steps"], row.get("replayed", False)) for row in seen] == [
        (100, False),
        (200, False),
        (200, True),
        (300, False),
    ]
    run_own_trial(spec_of(walk, 300), tmp_path, report=seen.append)  # it is at its end
    assert seen[-1]["final"] and seen[-1]["replayed"] and len(walk.resumed_from) == 2


def test_files_that_a_function_writes_are_restored(tmp_path: Path) -> None:
    found: list[list[str]] = []

    def train(trial: Trial) -> None:
        steps = trial.env_steps
        if trial.resumed_from is not None:
            folder = trial.resumed_from.parent
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            found.append([f"{path.relative_to(folder)}: {path.read_text()}" for path in paths])
        while not trial.should_stop:
            steps += EVERY

            def save(path: Path, steps: int = steps) -> None:
                path.with_suffix(".zip").write_text(f"model {steps}")
                (path.parent / "buffer").mkdir()
                (path.parent / "buffer" / "0").write_text("buffer")

            trial.report(steps, 1.0, checkpoint=save)
            if steps == 200 and not found:
                raise ConnectionError("lost")

    with pytest.raises(ConnectionError):
        run_trainer(train, {}, tmp_path, steps=300)
    run_trainer(train, {}, tmp_path, steps=300)
    assert found == [["buffer/0: buffer", "checkpoint.zip: model 200"]]


def test_seeds_are_aggregated_and_a_tracker_is_a_report(tmp_path: Path) -> None:
    tracker = ScalarMeanTracker()

    def train(trial: Trial) -> None:
        tracker.add_scalars({"length": 3.0})
        tracker.add_scalars({"length": 5.0, "loss": math.nan})
        trial.report(100, tracker, per_seed=np.array([1.0, 2.0, 6.0]))

    run_own_trial(spec_of(train, 100, seeds=[1, 2, 3], aggregate=min, log_seeds=True), tmp_path)
    (row,) = rows_of(tmp_path)
    assert row["return"] == 1.0 and row["metric_per_seed"] == [1.0, 2.0, 6.0]
    assert row["evaluation"] == {"return": 3.0, "length": 4.0}  # a loss that is NaN is left out
    assert row["total_env_steps"] == 300
    assert len(list(tmp_path.glob("seed-*/events.out.tfevents.*"))) == 3


def test_the_last_report_has_the_mean_over_the_last_ones_of_its_stage(tmp_path: Path) -> None:
    def train(trial: Trial) -> None:
        for step, metric in enumerate([8.0, 1.0, 2.0, 6.0], start=1):
            trial.report(step, per_seed=[metric, metric + 1], stage_done=step == 1)

    evaluation = Evaluation(every=1, mean_of_last=3)
    run_own_trial(spec_of(train, (1, 3), seeds=[1, 2], evaluation=evaluation), tmp_path)
    assert [row["return"] for row in rows_of(tmp_path)] == [8.5, 1.5, 2.5, 3.5]
    last = rows_of(tmp_path)[-1]
    assert last["metric_per_seed"] == [3.0, 4.0] and last["evaluation"]["return"] == 6.5


class Tally:
    """A trainer that is a class, and ends its first stage itself."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def train(self) -> None:
        for steps in range(EVERY, 10_000, EVERY):
            if self.trial.report(steps, steps, stage_done=steps == 200) is Signal.STOP:
                return


def test_a_class_can_train_and_end_its_stages(tmp_path: Path) -> None:
    run_trainer(Tally, {}, tmp_path, steps=(1000, 300))
    ends = [(row["env_steps"], row["stage"]) for row in rows_of(tmp_path) if row["stage_done"]]
    assert ends == [(200, 0), (500, 1)]


@pytest.mark.parametrize(
    ("criterion", "ends_at"),
    [(Reached("return", 300), 300), (Plateau("constant", patience=2), 300)],
)
def test_a_criterion_ends_a_stage(tmp_path: Path, criterion: Any, ends_at: int) -> None:
    def train(trial: Trial) -> None:
        steps = trial.env_steps
        while not trial.should_stop:
            steps += EVERY
            trial.report(steps, {"return": steps, "constant": 1}, checkpoint={"steps": steps})
            if steps == 200 and trial.resumed_from is None:
                raise ConnectionError("lost")  # the criterion's state is in the checkpoint

    stages = (TrainerStage(1000, criterion), 200)
    with pytest.raises(ConnectionError):
        run_trainer(train, {}, tmp_path, steps=stages)
    run_trainer(train, {}, tmp_path, steps=stages)
    rows = rows_of(tmp_path)
    assert [row["env_steps"] for row in rows if row["stage_done"]] == [ends_at, ends_at + 200]


@pytest.mark.parametrize("by_person", [False, True], ids=["scheduler", "person"])
def test_a_scheduler_or_a_person_ends_a_stage_at_the_next_report(
    tmp_path: Path, by_person: bool
) -> None:
    def decide(row: Mapping[str, Any]) -> Decision:
        end = row["env_steps"] == 200
        return Decision(end_stage=0 if end else None, by_person=end and by_person)

    first = 1000 if by_person else TrainerStage(1000, SchedulerCriterion("asha"))
    walk = Walk()
    run_own_trial(
        spec_of(walk, (first, 100)),
        tmp_path,
        report=decide,
    )
    assert [(steps, signal.name) for steps, signal in walk.signals] == [
        (100, "CONTINUE"),
        (200, "CONTINUE"),
        (300, "END_STAGE"),
        (400, "STOP"),
    ]


@pytest.mark.parametrize("heeds", [True, False])
def test_a_trainer_is_told_to_stop_and_ends_at_its_next_report_otherwise(
    tmp_path: Path, heeds: bool
) -> None:
    reached: list[int] = []

    def train(trial: Trial) -> None:
        for steps in range(EVERY, 10_000, EVERY):
            reached.append(steps)
            if trial.report(steps, 1.0) is Signal.STOP and heeds:
                assert trial.should_stop
                return

    def stop(row: Mapping[str, Any]) -> None:
        if row["env_steps"] == 200:
            raise SystemExit(0)

    with pytest.raises(SystemExit):
        run_own_trial(spec_of(train, 5000), tmp_path, report=stop)
    assert reached == ([100, 200] if heeds else [100, 200, 300])
    assert [row["env_steps"] for row in rows_of(tmp_path)] == [100, 200]


def test_a_preempted_trial_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    walk = Walk()
    with pytest.raises(Preempted, match="a checkpoint is stored at 200 steps"):
        run_own_trial(spec_of(walk, 300), tmp_path, should_preempt=lambda: len(walk.signals) == 1)
    run_own_trial(spec_of(walk, 300), tmp_path)
    assert [row["env_steps"] for row in rows_of(tmp_path)] == [100, 200, 300]


def test_an_exception_after_the_end_does_not_undo_the_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(trial: Trial) -> None:
        trial.report(100, 1.0)
        raise OSError("no display")

    run_trainer(train, {}, tmp_path, steps=100)
    assert "no display" in capsys.readouterr().err


def test_another_trainer_does_not_resume_a_trial(tmp_path: Path) -> None:
    run_trainer(Walk(), {"lr": 0.1}, tmp_path, steps=100)
    with pytest.raises(ValueError, match="holds a checkpoint of another trial"):
        run_trainer(Walk(), {"lr": 0.2}, tmp_path, steps=100)


MISTAKES: dict[str, tuple[Callable[[Trial], object], str]] = {
    "silent": (
        lambda trial: None,
        "The trainer <lambda> returned without a report: let it call trial.report(env_steps,"
        " return) until trial.should_stop.",
    ),
    "early": (
        lambda trial: trial.report(300, 1.0),
        "The trainer <lambda> returned after 300 of 1,000 steps: let it report until"
        " trial.should_stop, or declare fewer steps in the sweep.",
    ),
    "backwards": (
        lambda trial: [trial.report(steps, 1.0) for steps in (200, 100)],
        "The trainer reports 100 steps after 200: env_steps counts the environment steps of one"
        " seed since the trial began, also in a trial that resumes, and must grow from report to"
        " report.",
    ),
    "no steps": (
        lambda trial: trial.report("many", 1.0),  # type: ignore[arg-type]
        "The trainer reports 'many' as env_steps: give a whole number.",
    ),
    "no metric": (
        lambda trial: trial.report(100),
        "The trainer reports no 'return' after 100 steps: the sweep has it as its metric.",
    ),
    "another metric": (
        lambda trial: trial.report(100, {"reward": 1.0, "length": 2}),
        "The trainer reports 'reward' and 'length', but no 'return' after 100 steps: the sweep has"
        " it as its metric.",
    ),
    "a text": (
        lambda trial: trial.report(100, {"return": "high"}),  # type: ignore[dict-item]
        "The trainer reports 'return' as 'high': give one number.",
    ),
    "both": (
        lambda trial: trial.report(100, 1.0, per_seed=[1.0]),
        "The trainer reports 'return' and per_seed after 100 steps: leave out the former, which"
        " follows from per_seed.",
    ),
    "seeds": (
        lambda trial: trial.report(100, per_seed=[1.0, 2.0]),
        "The trainer reports 2 values of 'return' after 100 steps, but the trial has 1 seed: give"
        " per_seed with one value for each of trial.seeds.",
    ),
    "an object": (
        lambda trial: trial.report(100, 1.0, checkpoint={"model": [object()]}),
        "checkpoint['model'][0] is of the type object, which could not be read without executing"
        " code: give tensors, arrays and plain values, or a function that writes files.",
    ),
    "a key": (
        lambda trial: trial.report(100, 1.0, checkpoint={"at": {(3, 4): 1}}),
        "checkpoint['at'] has the key (3, 4), of the type tuple: give text or plain numbers as"
        " keys.",
    ),
    "a text to save": (
        lambda trial: trial.report(100, 1.0, checkpoint="model.zip"),  # type: ignore[arg-type]
        "The trainer gives 'model.zip' as checkpoint: give a dictionary, or a function that writes"
        " to the path that it is given.",
    ),
    "no file": (
        lambda trial: trial.report(100, 1.0, checkpoint=lambda path: None),
        "The function that the trainer gives as checkpoint has written no file: it is called with"
        " the path to write to.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_trainer_s_mistake_is_one_sentence(tmp_path: Path, mistake: str) -> None:
    train, sentence = MISTAKES[mistake]
    with pytest.raises(TrainerError) as caught:
        run_trainer(train, {}, tmp_path, steps=1000)
    assert str(caught.value) == sentence


def test_the_last_report_has_the_objectives(tmp_path: Path) -> None:
    spec = spec_of(lambda trial: trial.report(100, 1.0), 100, objectives=["length"])
    with pytest.raises(TrainerError, match="has no 'length', which is an objective"):
        run_own_trial(spec, tmp_path)


def test_a_metric_that_is_not_finite_fails_the_trial(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="The metric 'return' is nan after 100 steps"):
        run_trainer(lambda trial: trial.report(100, math.nan), {}, tmp_path, steps=100)
    assert not rows_of(tmp_path)
