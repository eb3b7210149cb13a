"""Real training that freeze-thaw search pauses and resumes, in Tune's order of calls."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from segue.base.files import read_rows
from segue.plan.sweeps.sweep import Sweep
from segue.train.checkpoint import newest_first
from segue.tune.checks.sweep import check_sweep
from segue.tune.study.record import StudyRecord
from segue.tune.worker.one import train_one
from tests.forks import forked_python
from tests.tune.support.clusters import SECONDS, guarded
from tests.tune.support.doubles import EVERY, MIXED
from tests.tune.support.drivers import ROOT
from tests.tune.support.fake_tune import FakeTrial, FakeTune
from tests.tune.support.programs.two_nodes import SWEEP, TRIALS

LATE = 2 * EVERY  # of a trial with two checkpoints
pytestmark = pytest.mark.slow


class PausedError(Exception):
    """Ends a trial that is paused, as Tune does when its report returns."""


class KilledError(Exception):
    pass


class TrainingTune(FakeTune):
    """Trains the trials in this process. A driver that is killed leaves the files as they are."""

    def __init__(self, record: StudyRecord, path: Path, kill_at: int | None = None) -> None:
        super().__init__(record, SWEEP, TRIALS, {}, path)
        self._path = path
        self._kill_at = kill_at
        self.killed_at: int | None = None

    def _run_one(self, trial: FakeTrial) -> None:
        self.scheduler.on_trial_add(None, trial)
        number = trial.config["trial"]
        row: dict[str, Any] = {}

        def report(reported: dict[str, Any]) -> None:
            row.update(reported)
            if self._reports(trial, reported):
                raise PausedError

        try:
            train(self._record.parameters(number), directory_of(self._path, number), report)
            self._ends(trial, row)
        except PausedError:
            at = self._record.trial(number).last_step or 0
            if self._kill_at is not None and at >= self._kill_at:
                self.killed_at = number
                raise KilledError from None


def train(parameters: dict[str, Any], directory: Path, report: Any) -> None:
    train_one(SWEEP, parameters, directory, device="cpu", report=report)


def directory_of(path: Path, number: int) -> Path:
    return path / "trials" / f"{number:04d}"


def opened(path: Path, sweep: Sweep = SWEEP) -> StudyRecord:
    path.mkdir(exist_ok=True)
    return StudyRecord(path / "study.db", "double", sweep.mode, check_sweep(sweep).space)


def left_behind(path: Path, trials: list[FrozenTrial]) -> list[Any]:
    """What a sweep knows of its trials, their reports, and the digests of their checkpoints."""
    return [
        (
            *(trial.params, trial.state, trial.value, trial.intermediate_values),
            trial.user_attrs.get("pauses"),
            trained(directory_of(path, trial.number)),
        )
        for trial in trials
    ]


def trained(directory: Path) -> tuple[Any, ...]:
    """The reports of a trial, and its checkpoints, whose names state the digests of the content."""
    rows = read_rows(directory / "results.jsonl")
    return rows, [path.name for path in newest_first(directory / "checkpoints")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[FrozenTrial]]:
    path = tmp_path_factory.mktemp("whole")
    record = opened(path)
    TrainingTune(record, path).run()
    record.close()
    return path, record.trials


def test_a_trial_that_was_paused_is_trained_as_one_that_was_not(
    whole: tuple[Path, list[FrozenTrial]], tmp_path: Path
) -> None:
    path, trials = whole
    resumed = [
        trial
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.user_attrs.get("pauses")
    ]
    assert resumed
    for trial in resumed:
        once = directory_of(tmp_path, trial.number)
        train({**MIXED, **trial.params}, once, lambda row: None)
        found = trained(once)
        assert found == trained(directory_of(path, trial.number))
        assert found[1]


def test_killed_after_a_pause_and_the_newest_checkpoint_truncated(
    whole: tuple[Path, list[FrozenTrial]], tmp_path: Path
) -> None:
    path, trials = whole
    record = opened(tmp_path)
    tune = TrainingTune(record, tmp_path, kill_at=LATE)
    with pytest.raises(KilledError):
        tune.run()
    record.close()
    number = tune.killed_at
    assert number is not None
    assert "resumed" in trials[number].user_attrs["pauses"][0]
    checkpoints = directory_of(tmp_path, number) / "checkpoints"
    newest, before = newest_first(checkpoints)[:2]
    assert before.name < newest.name
    newest.write_bytes(newest.read_bytes()[:100])
    record = opened(tmp_path)
    assert record.is_paused(number)
    TrainingTune(record, tmp_path).run()
    record.close()
    assert left_behind(tmp_path, record.trials) == left_behind(path, trials)
    assert [each.name for each in checkpoints.glob("damaged-*")] == [f"damaged-{newest.name}"]


def paused_when_another_began(trials: list[FrozenTrial]) -> tuple[int, int]:
    """A trial that was paused once and resumed, and the one that began in its place."""
    pauses = [trial.user_attrs.get("pauses", []) for trial in trials]
    return next(
        (number, found[0]["instead"])
        for number, found in enumerate(pauses)
        if len(found) == 1
        and "resumed" in found[0]
        and all(each["spent"] > found[0]["spent"] for each in pauses[found[0]["instead"]])
    )


def test_a_trial_is_paused_on_one_node_and_resumes_on_another(
    whole: tuple[Path, list[FrozenTrial]], tmp_path: Path
) -> None:
    path, trials = whole
    run = tmp_path / "run"
    paused, other = paused_when_another_began(trials)
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        ran = subprocess.run(
            [
                *forked_python(),
                "-m",
                "tests.tune.support.programs.two_nodes",
                str(run),
                f"{other:04d}",
            ],
            cwd=ROOT,
            env=guarded(tmp_path) | {"RAY_TMPDIR": temporary},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "a node was lost" in ran.stdout
    found = optuna.load_study(study_name="double", storage=f"sqlite:///{run / 'study.db'}").trials
    assert "resumed" in found[paused].user_attrs["pauses"][0]
    nodes = (directory_of(run, paused) / "nodes").read_text().split()
    assert len(nodes) == len(set(nodes)) == 2, "one attempt on each"
    assert left_behind(run, found) == left_behind(path, trials)
