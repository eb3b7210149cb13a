import io
import os
import signal
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from ray import tune
from rich.console import Console

from segue.base.files import read_rows
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.definition import read_definition
from segue.record.study.attributes import COPY_OF
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.worlds.array.cartpole import CartPole
from tests.tune.support.doubles import GRID, MIXED, make_runner, make_sweep
from tests.tune.support.logged_calls import log_calls, replayed

SMALL = GRID | {"first_steps": 400}


def test_a_complete_sweep_does_not_start_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(space={**GRID, "first_steps": 400, "lr": 1e-3}, trials=2)
    _fill(tmp_path, sweep)
    monkeypatch.setattr("ray.init", _must_not_be_called)
    result = run_sweep(sweep, "double", tmp_path, console=_console())
    assert not result.trained
    assert result.interrupted_by is None


class Unsendable:
    """A world factory that holds a lock."""

    def __init__(self):
        self.lock = Lock()

    def __call__(self, members, lanes):
        return CartPole(members, lanes)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policy": "mlp"}, "The policy is 'mlp': use one of segue.train.policies"),
        ({"world": "CartPole-v9"}, "There is no world 'CartPole-v9'"),
        ({"metric": "retrun"}, "There is no metric 'retrun' in this world: did you mean 'return'?"),
        ({"space": MIXED | {"lr": tune.randn(0, 1)}, "trials": 3}, "uniform, loguniform"),
        ({"scheduler": tune.schedulers.HyperBandScheduler()}, "hangs where workers are reused"),
        (
            {"world": Unsendable()},
            "cannot be sent to workers .*lock.*: keep open files, locks and connections out of it",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr("ray.init", _must_not_be_called)
    with pytest.raises(ValueError, match=said):
        run_sweep(make_sweep(**changed), "double", tmp_path / "run", console=_console())
    assert not (tmp_path / "run").exists()


def test_an_address_where_nothing_answers_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Ray does not respond at 127\.0\.0\.1:1"):
        run_sweep(
            make_sweep(),
            "double",
            tmp_path / "run",
            Options(address="127.0.0.1:1"),
            console=_console(),
        )
    assert not (tmp_path / "run").exists()


def _decided(trial: FrozenTrial) -> list[Any]:
    names = ("pauses", "predicted_end", "stopped_by")
    known = [trial.user_attrs.get(name) for name in names]
    return [trial.state, trial.params, trial.intermediate_values, known]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestOnRay:
    def test_a_sweep_runs_to_its_end_and_then_has_nothing_left(self, tmp_path: Path) -> None:
        sweep = make_sweep(trials=18)
        console = _console()
        result = run_sweep(sweep, "double", tmp_path, console=console, runner=make_runner())
        assert result.trained
        trials = _trials(tmp_path)
        assert [trial.params for trial in trials[:16]] == sweep.grid()
        assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED}
        for trial in trials:
            rows = read_rows(tmp_path / "trials" / f"{trial.number:04d}" / "results.jsonl")
            assert trial.intermediate_values == {row["env_steps"]: row["return"] for row in rows}
            if COPY_OF in trial.user_attrs:
                assert trial.number >= 16 and not rows
                continue
            assert trial.user_attrs["return_per_seed"] == rows[-1]["metric_per_seed"]
            assert (trial.state == TrialState.COMPLETE) == rows[-1]["final"]
        assert "18 of 18 done" in _said(console)
        again = run_sweep(sweep, "double", tmp_path, console=_console(), runner=_must_not_be_called)
        assert not again.trained

    def test_trials_are_paused_and_resume_where_they_were(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = make_sweep(
            space=MIXED,
            trials=12,
            search="auto",
            scheduler=None,
            max_env_steps=8 * 2 * 1200,
            concurrency=2,
        )
        console = _console()
        calls = log_calls(monkeypatch)
        run_sweep(sweep, "double", tmp_path, console=console, runner=make_runner())
        monkeypatch.undo()
        search = read_definition(RunDirectory(tmp_path)).chosen_search
        assert search == "freeze_thaw (auto: 19,200 steps do not suffice for 12 whole trials)"
        trials = _trials(tmp_path)
        assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED}
        assert any(
            trial.state == TrialState.COMPLETE and trial.user_attrs.get("pauses")
            for trial in trials
        )
        for trial in trials:
            folder = tmp_path / "trials" / f"{trial.number:04d}"
            rows = read_rows(folder / "results.jsonl")
            assert trial.intermediate_values == {row["env_steps"]: row["return"] for row in rows}
            executed = [row["step"] for row in read_rows(folder / "executed.jsonl")]
            assert executed == [row["env_steps"] for row in rows]  # no step is trained twice
            if trial.state == TrialState.PRUNED:
                assert "its predicted end was" in trial.user_attrs["stopped_by"]
        again = replayed(calls, sweep, tmp_path / "again")
        assert [_decided(trial) for trial in again] == [_decided(trial) for trial in trials]

    def test_more_trials_continue_where_the_sweep_ended(self, tmp_path: Path) -> None:
        for trials in (1, 3):
            run_sweep(
                make_sweep(),
                "double",
                tmp_path,
                Options(trials=trials),
                console=_console(),
                runner=make_runner(),
            )
        states = Counter(trial.state for trial in _trials(tmp_path))
        assert states[TrialState.WAITING] == 13
        assert all(_executed_once(tmp_path, number) for number in range(3))

    def test_a_failed_trial_is_reported_and_the_rest_continues(self, tmp_path: Path) -> None:
        console = _console()
        runner = make_runner(fails_at={"lr": 3e-4, "gae_lambda": 0.8})
        run_sweep(
            make_sweep(space=SMALL, scheduler=None),
            "double",
            tmp_path,
            console=console,
            runner=runner,
        )
        failed = [trial for trial in _trials(tmp_path) if trial.state == TrialState.FAIL]
        (trial,) = failed
        assert (
            trial.user_attrs["reason"]
            == "FloatingPointError: The metric 'return' is nan after 300 steps."
        )
        log = tmp_path / trial.user_attrs["directory"] / "log.txt"
        assert "Traceback" in log.read_text()
        assert f"trial {trial.number} failed: {trial.user_attrs['reason']} (log: {log})" in _said(
            console
        )
        assert len(_trials(tmp_path)) == 8
        assert read_rows(tmp_path / trial.user_attrs["directory"] / "executed.jsonl")[-1] == {
            "step": 200
        }

    def test_a_lost_worker_is_replaced_and_nothing_is_trained_twice(self, tmp_path: Path) -> None:
        sweep = make_sweep(space=SMALL | {"lr": 3e-4}, concurrency=1)
        whole = tmp_path / "whole"
        run_sweep(sweep, "double", whole, console=_console(), runner=make_runner())
        for point in ("row", "checkpoint", "report"):
            lost = tmp_path / point
            runner = make_runner(dies_at=(point, 400))
            run_sweep(sweep, "double", lost, console=_console(), runner=runner)
            assert (lost / "trials" / f"died-{point}").exists()
            assert _outcomes(lost) == _outcomes(whole)
            executed = read_rows(lost / "trials" / "0000" / "executed.jsonl")
            assert [row["step"] for row in executed].count(400) == (2 if point == "row" else 1)

    def test_a_trial_whose_worker_is_lost_three_times_fails(self, tmp_path: Path) -> None:
        sweep = make_sweep(space=SMALL | {"lr": tune.grid_search([3e-4]), "gae_lambda": 0.8})
        console = _console()
        run_sweep(sweep, "double", tmp_path, console=console, runner=_dies)
        (trial,) = _trials(tmp_path)
        assert trial.state == TrialState.FAIL
        assert trial.user_attrs["reason"].startswith("Its worker was lost")
        assert len(read_rows(tmp_path / "attempts.jsonl")) == 3
        assert "trial 0 failed: Its worker was lost" in _said(console)

    def test_many_trials_at_a_time_leave_none_out(self, tmp_path: Path) -> None:
        sweep = make_sweep(space=MIXED, trials=12, search="random")
        run_sweep(
            sweep,
            "double",
            tmp_path,
            Options(concurrency=2),
            console=_console(),
            runner=make_runner(),
        )
        trials = _trials(tmp_path)
        assert len(trials) == 12
        assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials)
        assert len({tuple(trial.params.values()) for trial in trials}) == 12

    def test_a_repeated_configuration_is_trained_once(self, tmp_path: Path) -> None:
        space = {"first_steps": 400, "lr": tune.choice([1e-3]), "gae_lambda": 0.9}
        sweep = make_sweep(space=space, trials=3)
        console = _console()
        run_sweep(sweep, "double", tmp_path, console=console, runner=make_runner())
        assert [trial.user_attrs.get("copy_of") for trial in _trials(tmp_path)] == [None, 0, 0]
        assert "Trial 2 repeats the parameters of trial 0" in " ".join(_said(console).split())
        copied = RunDirectory(tmp_path).trial(2)
        assert copied.hparams.exists() and not copied.results.exists()

    def test_a_space_that_fails_while_trials_run_ends_the_run_with_a_sentence(
        self, tmp_path: Path
    ) -> None:
        def fails_late(trial: Any) -> dict[str, Any]:
            if any((tmp_path / "run" / "trials").glob("*")):
                raise KeyError("late")
            return {"first_steps": 400, "lr": 1e-3, "gae_lambda": trial.suggest_float("x", 0, 1)}

        sweep = make_sweep(space=fails_late, trials=2, concurrency=1)
        path = tmp_path / "run"
        result = run_sweep(sweep, "double", path, console=_console(), runner=make_runner())
        assert result.problem is not None
        assert result.problem.startswith("The space function fails: KeyError: 'late'. Finished")
        assert "would fail again: correct the space" in result.problem
        assert len(_trials(path)) == 1

    def test_values_that_a_study_cannot_hold_reach_the_pipeline(self, tmp_path: Path) -> None:
        space = {"first_steps": tune.grid_search([[400], [800]]), "lr": 1e-3, "gae_lambda": 0.9}
        sweep = make_sweep(space=space, pipeline=_pipeline_of_list, scheduler=None)
        run_sweep(sweep, "double", tmp_path, console=_console(), runner=_run_list)
        assert [trial.params for trial in _trials(tmp_path)] == [
            {"first_steps": "0: [400]"},
            {"first_steps": "1: [800]"},
        ]
        assert all(trial.state == TrialState.COMPLETE for trial in _trials(tmp_path))


def _dies(sweep: Sweep, parameters: Any, directory: Path, *, device: str, report: Any) -> None:
    from segue.base.files import append_row

    append_row(directory.parent.parent / "attempts.jsonl", {})
    os.kill(os.getpid(), signal.SIGKILL)


def _pipeline_of_list(first_steps: list[int], lr: float, gae_lambda: float) -> Any:
    from tests.tune.support.doubles import pipeline

    return pipeline(first_steps[0], lr, gae_lambda)


def _run_list(sweep: Sweep, parameters: Any, directory: Path, *, device: str, report: Any) -> None:
    make_runner()(
        sweep,
        {**parameters, "first_steps": parameters["first_steps"][0]},
        directory,
        device=device,
        report=report,
    )


def _fill(path: Path, sweep: Sweep) -> None:
    from tests.tune.support.fake_tune import FakeTune, open_record

    with open_run(RunDirectory(path), sweep, "double"):
        record = open_record(path, sweep)
        FakeTune(record, sweep, 2, {}).run()
        record.close()


def _must_not_be_called(*arguments: Any, **keywords: Any) -> None:
    raise AssertionError("must not be called")


def _console() -> Console:
    return Console(file=io.StringIO(), width=60)


def _said(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _trials(path: Path) -> list[FrozenTrial]:
    return optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}").trials


def _outcomes(path: Path) -> list[Any]:
    return [
        (trial.state, trial.value, trial.params, trial.intermediate_values)
        for trial in _trials(path)
    ]


def _executed_once(path: Path, number: int) -> bool:
    executed = [
        row["step"] for row in read_rows(path / "trials" / f"{number:04d}" / "executed.jsonl")
    ]
    return len(executed) == len(set(executed)) > 0
