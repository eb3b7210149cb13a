"""What TensorBoard's own HPARAMS backend finds in the trials of a sweep."""

import io
import logging
import signal
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from rich.console import Console
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.get_experiment import Handler

from segue.record.layout import HPARAMS
from segue.record.study.trials import TrialSummary
from segue.store.objects import Store
from segue.train.trials.log import TrialLog
from segue.tune.drive import run_sweep
from segue.tune.observers.hparams import STATE, HParams, is_written, write_hparams
from segue.tune.run.directory import RunDirectory
from tests.tune.support.doubles import FAILS_AT, GRID, make_runner, make_sweep
from tests.tune.support.drivers import outcomes, run
from tests.tune.support.fake_tune import FakeTune, open_record

COMPLETE = api_pb2.STATUS_SUCCESS
PRUNED = api_pb2.STATUS_UNKNOWN
FAILED = api_pb2.STATUS_FAILURE
STATUSES = {"complete": COMPLETE, "pruned": PRUNED, "fail": FAILED}
FACTS = TrialSummary(
    number=7,
    state="complete",
    parameters={"lr": 0.1, "deep": True, "sizes": "[8]"},
    values={"return": 0.5},
    env_steps=1200,
    started=datetime.fromtimestamp(10.0),
    ended=datetime.fromtimestamp(20.0),
)


class Page:
    """What the page shows of a directory: TensorBoard's reader, its data provider, and the plugin's
    own answers.
    """

    def __init__(self, trials: Path) -> None:
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        self._trials = trials
        self._reader = EventMultiplexer()
        self.reload()

    def reload(self) -> None:
        self._reader.AddRunsFromDirectory(str(self._trials))
        self._reader.Reload()
        provider = MultiplexerDataProvider(self._reader, str(self._trials))
        self._plugin = Context(TBContext(data_provider=provider, logdir=str(self._trials)))

    def columns(self) -> dict[str, int]:
        """The parameters and their types."""
        request = api_pb2.GetExperimentRequest()
        return {
            info.name: info.type
            for info in Handler(RequestContext(), self._plugin, "", request).run().hparam_infos
        }

    def trials(self) -> dict[str, Any]:
        """One session a trial, by the trial's directory."""
        request = api_pb2.ListSessionGroupsRequest(allowed_statuses=[0, 1, 2, 3], slice_size=1000)
        found = (
            list_session_groups.Handler(RequestContext(), self._plugin, "", request)
            .run()
            .session_groups
        )
        assert all(len(group.sessions) == 1 for group in found)
        return {group.name: group for group in found}


def parameters(group: Any) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}


def finals(group: Any) -> dict[str, tuple[float, int]]:
    return {one.name.tag: (one.value, one.training_step) for one in group.sessions[0].metric_values}


def test_parameters_the_end_and_what_it_came_to_are_read_back(tmp_path: Path) -> None:
    write_hparams(tmp_path / "0007" / HPARAMS, FACTS)
    page = Page(tmp_path)
    (group,) = page.trials().values()
    assert parameters(group) == {"lr": 0.1, "deep": True, "sizes": "[8]", STATE: "complete"}
    assert finals(group) == {"final/return": (0.5, 1200), "final/env_steps": (1200.0, 1200)}
    assert (group.sessions[0].status, group.sessions[0].start_time_secs) == (COMPLETE, 10.0)
    assert page.columns()["lr"] == api_pb2.DATA_TYPE_FLOAT64


def test_a_tensorboard_that_reads_along_sees_the_end_beside_the_trials_own_events(
    tmp_path: Path,
) -> None:
    (tmp_path / "0007").mkdir()
    with TrialLog(tmp_path / "0007") as log:
        log.valid({"return": [0.25]}, 600, 600)
        log.flush()
        page = Page(tmp_path)
        assert page.trials() == {}
        log.valid({"return": [0.5]}, 1200, 1200)
    write_hparams(tmp_path / "0007" / HPARAMS, FACTS)
    page.reload()
    (group,) = page.trials().values()
    assert finals(group)["final/return"] == (0.5, 1200)
    assert finals(group)["valid-metrics/return"] == (0.5, 1200)


def test_finished_trials_without_a_file_get_theirs_and_running_ones_none(tmp_path: Path) -> None:
    sweep = make_sweep(scheduler=None)
    record = open_record(tmp_path, sweep)
    runs = RunDirectory(tmp_path)
    fake = FakeTune(record, sweep, 2, {}, tmp_path)
    fake.run()
    FakeTune(record, sweep, 3, {}, tmp_path).start()
    HParams(record, sweep, runs).backfill()
    record.close()
    assert [is_written(runs.trial(number).hparams) for number in range(3)] == [True, True, False]
    before = runs.trial(0).hparams.stat().st_mtime_ns
    runs.trial(1).hparams.write_bytes(b"")  # as a power cut may leave it
    record = open_record(tmp_path, sweep)
    HParams(record, sweep, runs).backfill()
    record.close()
    assert is_written(runs.trial(1).hparams)
    assert runs.trial(0).hparams.stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_file_is_in_the_store_before_it_is_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = make_sweep(scheduler=None)
    bucket = tmp_path / "bucket"
    runs = RunDirectory(tmp_path / "here", Store.of(f"file://{bucket}/run"))
    runs.path.mkdir()
    record = open_record(runs.path, sweep)
    FakeTune(record, sweep, 1, {}, runs.path).run()
    bucket.write_text("no folder: the store is out of reach")
    HParams(record, sweep, runs).backfill()
    assert (
        not is_written(runs.trial(0).hparams)
        and "TensorBoard's HPARAMS page will lack trials" in capsys.readouterr().err
    )
    bucket.unlink()
    HParams(record, sweep, runs).backfill()
    record.close()
    (kept,) = Page(bucket / "run" / "trials").trials().values()
    (here,) = Page(runs.path / "trials").trials().values()
    assert parameters(kept) == parameters(here) and finals(kept) == finals(here)


def test_a_write_error_is_reported_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = make_sweep(scheduler=None)
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 2, {}, tmp_path).run()
    (tmp_path / "trials").write_text("in the way")
    HParams(record, sweep, RunDirectory(tmp_path)).backfill()
    record.close()
    assert capsys.readouterr().err.count("TensorBoard's HPARAMS page will lack trials") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestOnRay:
    def test_each_trial_of_a_sweep_is_there_however_it_ended(self, tmp_path: Path) -> None:
        sweep = make_sweep(trials=8)
        run_sweep(sweep, "double", tmp_path, console=quiet(), runner=make_runner(fails_at=FAILS_AT))
        check(tmp_path, {"complete", "pruned", "fail"})

    def test_a_space_that_is_a_function_has_the_columns_of_all_its_trials(
        self, tmp_path: Path
    ) -> None:
        sweep = make_sweep(space=branching, scheduler=None, trials=6, search="random")
        run_sweep(sweep, "double", tmp_path, console=quiet(), runner=make_runner())
        assert set(Page(tmp_path / "trials").columns()) == {
            "kind",
            "extra",
            "first_steps",
            "lr",
            "gae_lambda",
            STATE,
        }

    def test_values_that_are_no_numbers_become_text(self, tmp_path: Path) -> None:
        space = GRID | {"first_steps": 400, "gae_lambda": 0.9, "lr": tune.grid_search([None, 1e-3])}
        sweep = make_sweep(space=space, pipeline=with_none, scheduler=None)
        run_sweep(sweep, "double", tmp_path, console=quiet(), runner=run_with_none)
        page = Page(tmp_path / "trials")
        assert page.columns()["lr"] == api_pb2.DATA_TYPE_STRING
        assert [parameters(group)["lr"] for group in page.trials().values()] == ["None", 1e-3]


@pytest.mark.slow
def test_a_sweep_whose_driver_was_killed_has_each_trial_once(tmp_path: Path) -> None:
    assert run(tmp_path, trials=6, kill_at=("report", 15))[0] == -signal.SIGKILL
    begun = {
        path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob(f"trials/*/{HPARAMS}")
    }
    for name in list(begun)[:1]:  # as if the kill had come between the study's record and this file
        (tmp_path / "trials" / name / HPARAMS).unlink()
        del begun[name]
    assert run(tmp_path, trials=6)[0] == 0
    check(tmp_path, {"complete", "pruned", "fail"})
    assert {
        name: (tmp_path / "trials" / name / HPARAMS).stat().st_mtime_ns for name in begun
    } == begun


def check(path: Path, states: set[str]) -> None:
    """Each finished trial of the study is on the page once, and says the same there."""
    shown = Page(path / "trials").trials()
    shown_states = set()
    finished = [outcome for outcome in outcomes(path) if outcome[1].is_finished()]
    assert sorted(shown) == [f"{outcome[0]:04d}" for outcome in finished]
    for number, state, value, params, _, attributes in finished:
        group = shown[f"{number:04d}"]
        assert parameters(group).items() >= dict(params).items()
        assert group.sessions[0].status == STATUSES[state.name.lower()]
        if value is not None:
            assert finals(group)["final/return"] == (
                pytest.approx(value, rel=1e-6),
                attributes["env_steps"],
            )
        shown_states.add(state.name.lower())
    assert shown_states == states


def branching(trial: Any) -> Mapping[str, Any]:
    kind = trial.suggest_categorical("kind", ["short", "long"])
    steps = 400 if kind == "short" else 400 + trial.suggest_int("extra", 0, 2) * 200
    return {"first_steps": steps, "lr": trial.suggest_float("lr", 1e-4, 1e-3), "gae_lambda": 0.9}


def with_none(first_steps: int, lr: float | None, gae_lambda: float) -> Any:
    from tests.tune.support.doubles import pipeline

    return pipeline(first_steps, lr or 3e-4, gae_lambda)


def run_with_none(
    sweep: Any, parameters: Mapping[str, Any], directory: Path, *, device: str, report: Any
) -> None:
    chosen = {**parameters, "lr": parameters["lr"] or 3e-4}
    make_runner()(sweep, chosen, directory, device=device, report=report)


def quiet() -> Console:
    return Console(file=io.StringIO())
