"""Requests of people to a sweep, applied once each, whenever the driver is killed."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from ray import tune
from ray.tune.search import Searcher

from segue.plan.sweeps.sweep import Sweep
from segue.record.local_run import LocalRun
from segue.record.study.attributes import STAGES_ENDED_BY, STEERED, STOPPED_BY
from segue.record.study.steering import (
    Request,
    is_added,
    steered,
    waiting_requests,
    write_request,
)
from segue.store.objects import Store
from segue.tune.run.decisions import parse_decisions
from segue.tune.run.directory import RunDirectory
from segue.tune.run.requests import Inbox
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.searcher import is_complete
from segue.tune.searcher.steering import Steering
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import FakeTrial, FakeTune, open_record

SPACE = {
    "first_steps": 400,
    "lr": tune.choice([1e-3, 3e-4, 1e-4]),
    "gae_lambda": tune.uniform(0.8, 1.0),
}
POINTS = [{"first_steps": 400, "lr": lr, "gae_lambda": 0.95} for lr in (1e-3, 3e-4, 1e-4)]
ADDED = {"lr": 3e-4, "gae_lambda": 0.9}
At = tuple[int, int]


def _sweep() -> Sweep:
    return make_sweep(space=SPACE, points=POINTS, trials=3, scheduler=None)


def _request(name: str, action: Any, **what: Any) -> Request:
    return Request(name=name, action=action, by="ann@lab", at="2027-01-02T03:04:05+00:00", **what)


STOP = _request("1", "stop", trial=0)
END = _request("2", "end_stage", trial=1, stage=0)
ADD = _request("3", "add", parameters=ADDED)
PAUSE = _request("4", "pause")
RESUME = _request("5", "resume")
LATE = _request("6", "stop", trial=0)
FOREIGN = _request("7", "add", parameters={"lr": 3e-4, "gae_lambda": 0.1})
SCRIPT: Mapping[At, list[Request]] = {
    (0, 300): [STOP],
    (1, 200): [END, ADD, FOREIGN],
    (3, 500): [PAUSE, LATE],
}
"""Before which reports requests are made: of a trial, at its steps."""


class Killed(BaseException):
    """In place of SIGKILL."""


class SteeredTune(FakeTune):
    """A run of a sweep in which people make requests before reports; they are made once."""

    def __init__(
        self,
        path: Path,
        steps: dict[int, int],
        script: Mapping[At, list[Request]],
        before: Callable[[StudyRecord], None] = lambda record: None,
    ) -> None:
        self.record = open_record(path, _sweep())
        self.record.plan(_sweep().planned())
        self.inbox = Inbox(RunDirectory(path))
        self.inbox.read()
        self.messages: list[str] = []
        before(self.record)
        self.steering = Steering(self.record, RunDirectory(path), self.inbox, self.messages.append)
        super().__init__(self.record, _sweep(), 3, steps, path, self.steering)
        self._path = path
        self._script = script

    def request(self, request: Request) -> None:
        made = self._path / "made"
        made.mkdir(exist_ok=True)
        if not (made / request.name).exists():
            write_request(LocalRun(self._path), request)
            (made / request.name).touch()
        self.inbox.read()

    def run(self) -> None:
        for index in count():
            trial_id = f"tune-{index}"
            config = self.searcher.suggest(trial_id)
            if config == Searcher.FINISHED:
                return
            if config is None:
                assert self.steering.is_paused
                self.request(RESUME)
                continue
            assert isinstance(config, dict)
            self._run_one(FakeTrial(trial_id, config))

    def _reports(self, trial: FakeTrial, row: dict[str, Any]) -> bool:
        for request in self._script.get((trial.config["trial"], row["env_steps"]), []):
            self.request(request)
        return super()._reports(trial, row)


def _drive(path: Path, before: Callable[[StudyRecord], None] = lambda record: None) -> SteeredTune:
    path.mkdir(exist_ok=True)
    driver = SteeredTune(path, _steps(path), SCRIPT, before)
    driver.run()
    driver.inbox._remove_done()
    return driver


_STEPS: dict[Path, dict[int, int]] = {}


def _steps(path: Path) -> dict[int, int]:
    """The checkpoints of a run's trials, which outlive its drivers."""
    return _STEPS.setdefault(path, {})


def _content(driver: SteeredTune) -> list[Any]:
    trials = [
        (
            trial.state,
            trial.values,
            trial.params,
            trial.intermediate_values,
            trial.user_attrs,
        )
        for trial in driver.record.trials
    ]
    decisions = parse_decisions(driver.scheduler._run.decisions(1).read_bytes())
    return [trials, steered(driver.record.trials, driver.record._steering), decisions]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SteeredTune:
    return _drive(tmp_path_factory.mktemp("whole"))


def test_a_trial_is_stopped_at_its_next_report(whole: SteeredTune) -> None:
    trial = whole.record.trial(0)
    assert (trial.state, trial.last_step) == (TrialState.PRUNED, 300)
    assert trial.user_attrs[STOPPED_BY] == "Stopped by ann@lab, 2027-01-02 03:04 UTC."
    assert [each["request"] for each in trial.user_attrs[STEERED]] == ["1"]


def test_a_stage_ends_at_the_next_report_and_the_trial_continues(whole: SteeredTune) -> None:
    trial = whole.record.trial(1)
    assert trial.state == TrialState.COMPLETE
    reason = "Ended by ann@lab, 2027-01-02 03:04 UTC."
    assert trial.user_attrs[STAGES_ENDED_BY] == {"1": reason}
    decisions = parse_decisions(whole.scheduler._run.decisions(1).read_bytes())
    assert decisions == {"0": {"env_steps": 200, "by": reason, "by_person": True}}


def test_an_added_trial_is_the_next_one_and_is_beyond_the_number_of_trials(
    whole: SteeredTune,
) -> None:
    assert len(whole.record) == 4
    assert whole.record.added == [3]
    added = whole.record.trial(3)
    assert added.params == ADDED and is_added(added)
    assert added.state == TrialState.COMPLETE
    started = [trial.datetime_start for trial in whole.record.trials]
    assert started[1] < started[3] < started[2]  # type: ignore[operator]


def test_a_paused_trial_resumes_from_its_checkpoint_with_every_report_once(
    whole: SteeredTune,
) -> None:
    added = whole.record.trial(3)
    assert list(added.intermediate_values) == list(range(100, 1300, 100))
    found = steered(whole.record.trials, whole.record._steering)
    assert [each.action for each in found if each.action in ("pause", "resume")] == [
        "pause",
        "resume",
    ]
    assert not whole.steering.is_paused


def test_a_sweep_that_was_paused_has_the_trials_of_one_that_was_not(tmp_path: Path) -> None:
    found = []
    for name, script in (("paused", {(1, 500): [PAUSE]}), ("whole", {})):
        path = tmp_path / name
        path.mkdir()
        driver = SteeredTune(path, {}, script)
        driver.run()
        found.append(
            [
                (trial.state, trial.values, trial.params, trial.intermediate_values)
                for trial in driver.record.trials
            ]
        )
    assert found[0] == found[1]


def test_a_request_without_an_effect_is_recorded_with_the_reason(whole: SteeredTune) -> None:
    problems = [
        each.problem
        for each in steered(whole.record.trials, whole.record._steering)
        if each.problem
    ]
    late, foreign = problems
    assert late == "the trial had ended already"
    assert foreign.startswith("its values are not in the space: The value 0.1 of 'gae_lambda'")


def test_the_files_of_recorded_requests_are_removed(whole: SteeredTune, tmp_path: Path) -> None:
    assert list(whole._path.joinpath("requests").iterdir()) == []
    assert len(whole.messages) == 7


WRITES = (
    "_create_new_trial",  # which Optuna's cache in front of the storage calls
    "set_trial_intermediate_value",
    "set_trial_user_attrs",
    "set_trial_state_values",
    "set_study_user_attr",
)


@pytest.mark.slow
@pytest.mark.parametrize("later", [0, 1], ids=["before", "after"])
def test_kills_around_the_records_of_requests_lose_and_repeat_nothing(
    whole: SteeredTune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    _, records = _killed(tmp_path / "undisturbed", monkeypatch, [])
    kills = [write + later for write in records]
    driver, _ = _killed(tmp_path / "killed", monkeypatch, kills)
    assert len(kills) == 7
    assert _content(driver) == _content(whole)


def _killed(
    path: Path, monkeypatch: pytest.MonkeyPatch, kill_before: list[int]
) -> tuple[SteeredTune, list[int]]:
    """Drive a sweep, killed before each of these writes to the disk and started again.

    Return its last driver, and the writes that recorded requests.
    """
    pending = list(kill_before)
    writes = 0
    records: list[int] = []

    def before(record: StudyRecord) -> None:
        def write(method: Any) -> Any:
            def written(*arguments: Any, **keywords: Any) -> Any:
                nonlocal writes
                if pending and writes == pending[0]:
                    pending.pop(0)
                    raise Killed
                attributes = [getattr(each, "user_attrs", each) for each in arguments]
                if "ann@lab" in repr(attributes):
                    records.append(writes)
                writes += 1
                return method(*arguments, **keywords)

            return written

        for name in WRITES:
            storage = record._disk.storage
            monkeypatch.setattr(storage, name, write(getattr(storage, name)))

    while True:
        try:
            return _drive(path, before), records
        except Killed:
            continue


def test_a_stage_end_is_decided_although_the_driver_was_killed_before_it_wrote_so(
    tmp_path: Path,
) -> None:
    driver = SteeredTune(tmp_path, {}, {})
    driver.record.begin(1)
    driver.record.report(1, 100, 0.1)
    entry = END.recorded(stage=0, env_steps=100)
    attributes = driver.record.steered_by(1, entry)
    driver.record.record_stage_end(1, 0, "Ended by ann@lab.", attributes)
    again = SteeredTune(tmp_path, {}, {})
    path = again.scheduler._run.decisions(1)
    assert parse_decisions(path.read_bytes())["0"]["env_steps"] == 100


def test_a_finished_sweep_continues_with_an_added_trial(tmp_path: Path) -> None:
    first = SteeredTune(tmp_path, {}, {})
    first.run()
    assert is_complete(first.record, Budget(3))
    first.request(ADD)
    again = SteeredTune(tmp_path, {}, {})
    assert not is_complete(again.record, Budget(3))
    again.run()
    assert [trial.number for trial in again.record.trials] == [0, 1, 2, 3]
    assert again.record.trial(3).state == TrialState.COMPLETE


def test_a_paused_sweep_stays_paused_after_a_kill(tmp_path: Path) -> None:
    first = SteeredTune(tmp_path, {}, {})
    first.request(PAUSE)
    assert first.searcher.suggest("tune-0") is None
    again = SteeredTune(tmp_path, {}, {})
    assert again.searcher.suggest("tune-0") is None
    assert again.steering.paused_by == "ann@lab, 2027-01-02 03:04 UTC"
    again.request(RESUME)
    assert isinstance(again.searcher.suggest("tune-0"), dict)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"action": "dance"}', b"\x00"])
def test_a_file_that_is_not_a_request_is_named_and_left(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "1.json").write_bytes(content)
    messages: list[str] = []
    inbox = Inbox(RunDirectory(tmp_path), messages.append)
    inbox.read()
    inbox.read()
    assert inbox.take() == []
    assert len(messages) == 1 and "1.json is not a request, and was skipped" in messages[0]
    assert (folder / "1.json").exists()


def test_requests_to_a_run_in_a_store_are_read_and_removed_there(tmp_path: Path) -> None:
    store = Store.of((tmp_path / "store").as_uri())
    write_request(LocalRun(tmp_path / "copy", store), STOP)
    assert [each.name for each in waiting_requests(LocalRun(tmp_path / "copy", store))] == ["1"]
    inbox = Inbox(RunDirectory(tmp_path / "driver", store))
    inbox.read()
    (request,) = inbox.take()
    assert request == STOP
    inbox.remove(request)
    with inbox.watching():
        pass
    assert store.names() == {}
