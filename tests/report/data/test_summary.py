import io
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from segue.report.data.commands import commands
from segue.report.data.summary import Summary, mean_and_spread, read_summary
from segue.report.overview import progress_line, show
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import open_record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Trial 0 complete with 2.0, 1 complete with 3.0, 2 stopped with 9.0, 3 failed, 4 interrupted,
    11 waiting.
    """
    sweep = make_sweep()
    with suppress_ray_warnings(), open_run(RunDirectory(tmp_path / "run"), sweep, "double"):
        record = open_record(tmp_path / "run", sweep)
        for number in range(5):
            record.begin(number)
        _end_some(record)
        record.close()
    return tmp_path / "run"


def _end_some(record: StudyRecord) -> None:
    for number, values in enumerate(([1.0, 3.0], [3.0, 3.0])):
        steps = 1200 - 300 * number  # a criterion may end a better trial sooner
        attributes = {
            "return_per_seed": values,
            "env_steps": steps,
            "directory": f"trials/000{number}",
        }
        record.complete(number, steps, sum(values) / 2, attributes)
    record.stop(2, 200, 9.0, {"return_per_seed": [8.0, 10.0], "env_steps": 200})
    record.fail(3, "ValueError: [diverged]", {"directory": "trials/0003"})


def test_mean_and_spread_of_a_sample() -> None:
    assert mean_and_spread([2.0]) == (2.0, 0.0)
    assert mean_and_spread([1.0, 2.0, 3.0]) == (2.0, 1.0)


def test_trials_that_ended_come_before_those_that_were_stopped(run: Path) -> None:
    assert [trial.number for trial in read_summary(run).best] == [1, 0, 2]


def test_less_may_be_better(run: Path) -> None:
    summary = read_summary(run)
    sweep = {**summary.definition.sweep, "mode": "min"}
    turned = replace(summary, definition=replace(summary.definition, sweep=sweep))
    assert [trial.number for trial in turned.best] == [0, 1, 2]


@pytest.mark.parametrize("width", [60, 120])
def test_the_summary_shows_the_results_and_fits(run: Path, width: int) -> None:
    said = _shown(read_summary(run), width)
    assert said.startswith(
        "double: 16 trials: 2 complete, 1 stopped early, 1 failed, 1 interrupted, 11 waiting\n"
    )
    assert "3 ± 0" in said
    assert "2 ± 1.414" in said
    assert "200 stopped" in said
    assert "gae_lambda 0.95" in said
    assert f"trial 3 failed: ValueError: [diverged] (log: {run}/trials/0003/log.txt)" in said
    table = [line for line in said.splitlines() if "±" in line or "─" in line]
    assert max(map(len, table)) <= width


def test_each_command_is_one_line_and_names_the_best_trial(run: Path) -> None:
    summary = read_summary(run)
    said = _shown(summary, 60).splitlines()
    assert said[-4:] == [f"  {command}" for command in commands(summary)]
    assert shlex.split(said[-1]) == ["ls", f"{run}/trials/0001"]


@pytest.mark.slow
def test_the_command_for_optuna_works(run: Path) -> None:
    command = next(line for line in commands(read_summary(run)) if " trials --storage" in line)
    assert command.endswith(f"--storage sqlite:///{run}/study.db --study-name double")
    python = sys.executable
    optuna = str(Path(sys.executable).with_name("optuna"))
    shown = subprocess.run(
        [python, optuna, *shlex.split(command)[1:]], capture_output=True, text=True, check=True
    )
    for state in ("COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING"):
        assert state in shown.stdout
    assert "gae_lambda" in shown.stdout


def test_many_failures_are_counted(run: Path) -> None:
    summary = read_summary(run)
    failed = [trial for trial in summary.trials if trial.state == TrialState.FAIL]
    many = replace(summary, trials=tuple(failed * 8))
    said = _shown(many, 200)
    assert said.count("trial 3 failed") == 5
    assert "and 3 more failed" in said


def test_one_trial_is_one(run: Path) -> None:
    summary = read_summary(run)
    definition = replace(summary.definition, runs=())  # how many are requested is unknown
    alone = replace(summary, definition=definition, trials=summary.trials[:1])
    assert progress_line(alone) == "double: 1 trial: 1 complete"


def test_nothing_to_show_is_not_an_error(run: Path) -> None:
    summary = read_summary(run)
    waiting: tuple[FrozenTrial, ...] = tuple(
        t for t in summary.trials if t.state == TrialState.WAITING
    )
    said = _shown(replace(summary, trials=waiting), 60)
    assert said.startswith("double: 16 trials: 16 waiting\nFurther commands:")
    assert said.endswith(f"ls {run}\n")


def test_what_is_not_a_run_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a run directory"):
        read_summary(tmp_path)


def test_reading_leaves_one_file_behind(run: Path) -> None:
    read_summary(run)
    assert sorted(path.name for path in run.iterdir() if path.name.startswith("study")) == [
        "study.db"
    ]


def _shown(summary: Summary, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(summary, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]
