"""Workers that are lost, run out of memory or start late, and the dispatcher; without Ray."""

import io
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.tune.dispatch.dispatcher import Dispatcher
from segue.tune.dispatch.places import Places
from segue.tune.dispatch.study_side import StudySide
from segue.tune.observers.board import Board
from segue.tune.observers.live_view import LiveView
from segue.tune.run.directory import RunDirectory
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.forks import forks_of
from segue.tune.searcher.searcher import StudySearcher
from segue.tune.verdicts import FAILURE, OUT_OF_MEMORY, Verdicts
from segue.tune.worker.messages import Assignment, Message, Reply
from tests.tune.support.doubles import EVERY, forking_pipeline, learning_curve, make_sweep
from tests.tune.support.fake_tune import open_record

MEMORY = "OutOfMemoryError: CUDA out of memory."


class Worker:
    """A worker of Tune, and what it trains: the steps that its trials have reached."""

    PENDING = "PENDING"

    def __init__(self, index: int) -> None:
        self.trial_id = f"worker-{index}"
        self.config = {"worker": index}
        self.status = self.PENDING
        self.temporary_state = SimpleNamespace(ray_actor=f"actor {index}")
        self.standing: list[int] = []
        self.resources: dict[str, float] = {}

    def get_error(self) -> Exception:
        return RuntimeError("the process is gone")

    def update_resources(self, resources: dict[str, float]) -> None:
        self.resources = resources


class Prefixes(dict[str, tuple[int, int]]):
    """What trials share, in memory: which trial trained it, and how many steps it took."""

    def store(self, key: str, number: int, env_steps: int) -> bool:
        self[key] = number, env_steps
        return True

    def remove(self, key: str) -> None:
        del self[key]


class Cluster:
    """Workers that a dispatcher gives trials, one message at a time, and the trials' steps so far.

    With `shares`, trials that differ in `gae_lambda` have their first stage in common.
    """

    def __init__(
        self, path: Path, sweep: Sweep, rows: int, workers: int = 2, *, shares: bool = False
    ) -> None:
        self.record = open_record(path, sweep)
        self.sweep = sweep
        verdicts = Verdicts()
        corners = Corners.of(sweep)
        budget = Budget.of(sweep, sweep.requested_trials, corners.longest_pipeline * sweep.seeds)
        run = RunDirectory(path)
        scheduler = StudyScheduler(
            make_scheduler(sweep, corners), sweep, corners, self.record, run, verdicts, budget
        )
        scheduler.set_search_properties(sweep.metric, sweep.mode)
        self.prefixes = Prefixes()
        forks = forks_of(sweep, self.record, self.prefixes, is_on=shares)  # type: ignore[arg-type]
        searcher = StudySearcher(self.record, sweep, budget, verdicts, forks=forks)
        self.board = Board(self.record, sweep, budget)
        view = LiveView(self.board, run, Console(file=io.StringIO()))
        self.said: list[str] = []
        self.dispatcher = Dispatcher(
            StudySide(scheduler, searcher, [self.board, view]),
            Places(rows, sweep.retries),
            SimpleNamespace(post=self._post),  # type: ignore[arg-type]
            workers,
            verdicts,
            run,
            sweep.resources,
            lambda: -(-self.board.unfinished // workers),
            self.said.append,
        )
        self.workers = [Worker(index) for index in range(workers)]
        self.steps: Counter[int] = Counter()
        self.shares = shares
        self.adopted: dict[int, list[dict[str, Any]]] = {}
        self.repeated: set[int] = set()
        self.trained: list[tuple[int, int]] = []
        self.most = 0
        self._reply = Reply()

    def get_live_trials(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.status != "TERMINATED"]

    def stop_trial(self, worker: Worker) -> None:
        worker.status = "TERMINATED"

    def step(self, index: int, fails: Callable[[int, int], bool] = lambda *trial: False) -> None:
        """Let a worker start, or train its trials up to their next reports."""
        worker = self.workers[index]
        if worker.status == worker.PENDING:
            worker.status = "RUNNING"
            self._send(worker, Message(is_new=True))
            return
        if worker.status == "RUNNING":
            reports = [
                (number, row) for number in worker.standing for row in self._rows(number, fails)
            ]
            self._send(worker, Message(reports))

    def lose(self, index: int) -> None:
        """Kill the process of a worker; Tune starts another one."""
        worker = self.workers[index]
        if worker.status == "RUNNING":
            worker.standing.clear()
            self.dispatcher.on_trial_error(self, worker)  # type: ignore[arg-type]
            worker.status = worker.PENDING

    def run_out_of_memory(self, index: int) -> None:
        """Let the trials of a worker not fit on its GPU together."""
        self._send(self.workers[index], Message(out_of_memory=MEMORY))
        self.lose(index)

    def end(self, fails: Callable[[int, int], bool] = lambda *trial: False) -> None:
        """Let all workers train until nothing is left."""
        for _ in range(1000):
            if not self.get_live_trials():
                return
            for index in range(len(self.workers)):
                self.step(index, fails)
        raise AssertionError("the workers do not end")

    def outcomes(self) -> list[Any]:
        return [
            (trial.state, trial.values, trial.intermediate_values) for trial in self.record.trials
        ]

    def _rows(self, number: int, fails: Callable[[int, int], bool]) -> list[dict[str, Any]]:
        """The next row of a trial, or first those that it has adopted, at each attempt."""
        if number in self.repeated:
            self.repeated.remove(number)
            return self.adopted[number]
        return [self._row(number, fails)]

    def _curve(self, number: int, step: int) -> dict[str, Any]:
        parameters = self.record.parameters(number)
        if self.shares and step <= parameters["first_steps"]:
            parameters["gae_lambda"] = 0.95
        return learning_curve(self.sweep, parameters, step)

    def _begin(self, start: Assignment) -> None:
        number = start.number
        if start.prefix in self.prefixes and not self.steps[number]:
            donor, end = self.prefixes[start.prefix]
            steps = range(EVERY, end + EVERY, EVERY)
            self.adopted[number] = [
                self._curve(number, step) | {"forked_from": donor} for step in steps
            ]
            self.steps[number] = end
        if number in self.adopted:
            self.repeated.add(number)

    def _row(self, number: int, fails: Callable[[int, int], bool]) -> dict[str, Any]:
        step = self.steps[number] + EVERY
        row = self._curve(number, step)
        if fails(number, step):
            return row | {"return": float("nan"), FAILURE: "ValueError: wrong"}
        self.steps[number] = step
        self.trained.append((number, step))
        return row

    def _send(self, worker: Worker, message: Message) -> None:
        self.dispatcher.on_trial_result(
            self,  # type: ignore[arg-type]
            worker,  # type: ignore[arg-type]
            {**message.to_result(), "done": False},
        )
        reply = self._reply
        worker.standing = [one for one in worker.standing if one not in reply.stop]
        worker.standing += [start.number for start in reply.begin]
        for start in reply.begin:
            self._begin(start)
        self.most = max(self.most, len(worker.standing))
        if reply.finished:
            assert not worker.standing
            worker.status = "TERMINATED"

    def _post(self, worker: int, message: Message, reply: Reply) -> None:
        self._reply = reply


def states(trials: list[FrozenTrial]) -> Counter[TrialState]:
    return Counter(trial.state for trial in trials)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, list[Any]]:
    """What studies hold whose trials one worker trained one at a time, each whole.

    In that of the key True, trials that could share their first stage have the same values there.
    """
    found = {}
    for shares in (False, True):
        sweep = make_sweep(scheduler=None)
        cluster = Cluster(tmp_path_factory.mktemp("one"), sweep, 1, workers=1)
        cluster.shares = shares
        cluster.end()
        assert states(cluster.record.trials) == {TrialState.COMPLETE: 16}
        found[shares] = cluster.outcomes()
    return found


@given(
    rows=st.integers(1, 8),
    workers=st.integers(1, 3),
    seed=st.integers(0, 2**16),
    shares=st.booleans(),
)
@settings(max_examples=8, deadline=None)
def test_whatever_is_lost_all_trials_end_once_and_as_they_would_alone(
    undisturbed: dict[bool, list[Any]],
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    workers: int,
    seed: int,
    shares: bool,
) -> None:
    draw = np.random.default_rng(seed)
    sweep = make_sweep(scheduler=None, retries=100, pipeline=forking_pipeline)
    path = tmp_path_factory.mktemp("many")
    cluster = Cluster(path, sweep, rows, workers, shares=shares)
    for _ in range(30):
        cluster.step(int(draw.integers(workers)))
        if draw.random() < 0.3:
            cluster.lose(int(draw.integers(workers)))
    cluster.end()
    assert cluster.outcomes() == undisturbed[shares]
    saved = 4 * (4 + 8) if shares else 0  # of each two trials of the same first stage, one
    assert len(cluster.trained) == len(set(cluster.trained)) == 16 * 12 - saved
    assert cluster.most <= rows
    assert not cluster.prefixes, "removed with the last trial that could need it"


def test_trials_are_dealt_evenly_and_workers_without_any_are_not_started(tmp_path: Path) -> None:
    sweep = make_sweep(scheduler=None)
    cluster = Cluster(tmp_path, sweep, rows=100, workers=3)
    for index in range(2):
        cluster.step(index)
    assert [len(worker.standing) for worker in cluster.workers] == [6, 6, 0]
    for _ in range(12):
        cluster.step(0)
    assert len(cluster.workers[0].standing) == 4, "an even share of the 10 that are left"
    while cluster.workers[2].status == Worker.PENDING:
        cluster.step(0)
        cluster.step(1)
    assert cluster.workers[2].status == "TERMINATED"
    assert states(cluster.record.trials) == {TrialState.COMPLETE: 16}


def test_a_trial_that_was_lost_in_company_twice_is_trained_alone_and_then_fails(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, make_sweep(scheduler=None, retries=1), rows=4, workers=1)
    cluster.step(0)
    first = [*cluster.workers[0].standing]
    assert len(first) == 4
    for _ in range(2):
        cluster.lose(0)
        cluster.step(0)
    assert cluster.workers[0].standing == first[:1]
    cluster.step(0)
    assert cluster.workers[0].standing == first[:1], "nobody joins it"
    cluster.lose(0)
    cluster.step(0)
    assert cluster.workers[0].standing == first[1:2], "it waits behind the others"
    for _ in range(12):
        cluster.step(0)
    assert cluster.record.trial(first[1]).state == TrialState.COMPLETE
    while cluster.workers[0].standing != first[:1]:
        cluster.step(0)
    cluster.lose(0)
    assert cluster.record.trial(first[0]).state == TrialState.FAIL
    assert cluster.record.trial(first[0]).user_attrs["reason"] == (
        "Its worker was lost: the process is gone"
    )
    cluster.end()
    assert states(cluster.record.trials) == {TrialState.COMPLETE: 15, TrialState.FAIL: 1}


def test_trials_that_do_not_fit_on_a_gpu_together_continue_in_halves(tmp_path: Path) -> None:
    sweep = make_sweep(scheduler=None, retries=0, resources={"cpu": 1, "gpu": 0.5})
    cluster = Cluster(tmp_path, sweep, rows=8, workers=1)
    cluster.step(0)
    for left in (4, 2, 1):
        cluster.run_out_of_memory(0)
        cluster.step(0)
        assert len(cluster.workers[0].standing) == left
    assert cluster.said[0] == (
        f"The GPU's memory is too small for 8 trials side by side ({MEMORY}): this worker continues"
        " with 4."
    )
    (alone,) = cluster.workers[0].standing
    failed = {"return": float("nan"), FAILURE: MEMORY, OUT_OF_MEMORY: True, "env_steps": 0}
    cluster._send(cluster.workers[0], Message([(alone, failed)]))
    assert cluster.workers[0].standing == [alone], "its process ends, and starts with more"
    cluster.lose(0)
    cluster.workers[0].status = "RUNNING"
    assert not list(cluster.dispatcher.running()), "its silence before it starts counts for nothing"
    cluster.workers[0].status = Worker.PENDING
    cluster.dispatcher._shares.apply(cluster)  # type: ignore[arg-type]
    assert cluster.workers[0].resources == {"cpu": 1, "gpu": 1.0}
    cluster.step(0)
    assert cluster.workers[0].standing == [alone]
    assert [trial.number for trial in cluster.dispatcher.running()] == [alone]
    cluster.end()
    assert states(cluster.record.trials) == {TrialState.COMPLETE: 16}, "none has failed by it"


def test_a_worker_without_trials_makes_room_for_one_that_needs_a_whole_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(scheduler=None, resources={"cpu": 1, "gpu": 0.5})
    cluster = Cluster(tmp_path, sweep, rows=1)
    cluster.step(0)
    cluster.step(1)
    monkeypatch.setattr(StudySide, "next", lambda study: None)  # not yet
    number = cluster.workers[0].standing[0]
    failed = {"return": float("nan"), FAILURE: MEMORY, OUT_OF_MEMORY: True, "env_steps": 0}
    cluster._send(cluster.workers[0], Message([(number, failed)]))
    for _ in range(12):
        cluster.step(1)
    assert cluster.workers[1].status == "RUNNING", "trials may come"
    cluster.lose(0)
    cluster.step(1)
    assert cluster.workers[1].status == "TERMINATED"
    cluster.step(0)
    assert cluster.workers[0].standing == [number]


def test_a_failure_ends_its_trial_only(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, make_sweep(scheduler=None), rows=8)
    cluster.end(lambda number, step: number == 3 and step == 300)
    assert states(cluster.record.trials) == {TrialState.COMPLETE: 15, TrialState.FAIL: 1}
    assert cluster.record.trial(3).user_attrs["reason"] == "ValueError: wrong"


@pytest.mark.parametrize(("status", "losses"), [("RUNNING", 4), (Worker.PENDING, 2)])
def test_workers_that_end_before_they_train_end_the_run(
    tmp_path: Path, status: str, losses: int
) -> None:
    cluster = Cluster(tmp_path, make_sweep(scheduler=None), rows=8)
    for loss in range(1, losses + 1):
        worker: Any = cluster.workers[loss % 2]
        worker.status = status
        with (
            pytest.raises(RuntimeError, match="Workers cannot be started: the process is gone")
            if loss == losses
            else nullcontext()
        ):
            cluster.dispatcher.on_trial_error(cluster, worker)  # type: ignore[arg-type]
