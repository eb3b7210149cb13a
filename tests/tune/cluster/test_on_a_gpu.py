"""Sweeps on a real GPU: a measured share, and memory that does not suffice."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from optuna.trial import TrialState
from ray import cloudpickle

from segue.base.files import append_row, read_rows
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.tune.cluster.gpu_share import largest, need_of
from segue.tune.cluster.session import ray_session
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from tests.tune.cluster import test_on_a_gpu
from tests.tune.support import doubles
from tests.tune.support.doubles import GRID, make_runner, make_sweep
from tests.tune.support.drivers import trials_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]


@pytest.fixture(scope="module")
def gpu() -> Iterator[None]:
    """A separate Ray with the GPU that it finds."""
    ray.shutdown()
    for module in (doubles, test_on_a_gpu):
        cloudpickle.register_pickle_by_value(module)
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    with ray_session():
        yield
    ray.shutdown()


def test_a_trial_is_measured(gpu: None) -> None:
    sweep = make_sweep(seeds=4)
    found = ray.get(ray.remote(num_gpus=1)(need_of).remote(sweep, largest(Corners.of(sweep))))
    assert (
        100e6 < found.memory < found.of_memory == torch.cuda.get_device_properties(0).total_memory
    )
    assert 0 < found.busy < 1 and found.rate > 100


def test_trials_train_side_by_side_with_a_measured_share(
    gpu: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = make_sweep(space={**GRID, "lr": 1e-3}, seeds=2, scheduler=None)
    run_sweep(sweep, "double", tmp_path / "run", Options(gpus="auto"))
    said = " ".join(capsys.readouterr().out.split())
    assert "A trial needs" in said and "of a GPU." in said
    trials = trials_of(tmp_path / "run")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    for trial in trials:
        written = tmp_path / "run" / trial.user_attrs["directory"] / "trial.json"
        assert json.loads(written.read_text())["device"] == "cuda"


def hungry(
    sweep: Sweep, parameters: Mapping[str, Any], directory: Path, *, device: str, report: Any
) -> None:
    """Takes three fifths of the GPU's memory for two seconds in the middle: two such trials do not
    fit.
    """
    share = ray.get_runtime_context().get_assigned_resources()["GPU"]
    append_row(directory / "shares.jsonl", {"share": share})

    def report_or_fail(row: dict[str, Any]) -> None:
        report(row)
        if row["env_steps"] == 300:
            taken = torch.empty(
                int(0.6 * torch.cuda.mem_get_info()[1]), dtype=torch.uint8, device="cuda"
            )
            time.sleep(2)
            assert taken.is_cuda

    make_runner()(sweep, parameters, directory, device=device, report=report_or_fail)


def test_trials_that_run_out_of_memory_end_with_larger_shares(gpu: None, tmp_path: Path) -> None:
    sweep = make_sweep(
        space={**GRID, "lr": 1e-3}, resources={"cpu": 1, "gpu": 0.25}, scheduler=None
    )
    run_sweep(sweep, "double", tmp_path / "run", Options(), runner=hungry)
    trials = trials_of(tmp_path / "run")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    last = []
    for trial in trials:
        directory = tmp_path / "run" / trial.user_attrs["directory"]
        shares = [row["share"] for row in read_rows(directory / "shares.jsonl")]
        assert shares == [0.25, 0.5, 1.0][: len(shares)]
        last.append(shares[-1])
        executed = [row["step"] for row in read_rows(directory / "executed.jsonl")]
        assert len(executed) == len(set(executed)) == 12  # nothing was trained twice
    assert max(last) > 0.25
