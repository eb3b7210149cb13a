"""The share of a GPU that a probe measures: how it is reckoned, and what a sweep does with it."""

from pathlib import Path
from typing import Any

import pytest
import ray
from ray import cloudpickle, tune

from segue.base.files import append_row, read_rows
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.sweep import Sweep
from segue.train import Network
from segue.train.trials.gpu_need import SPARE, Need
from segue.tune.cluster import gpu_share
from segue.tune.cluster.gpu_share import largest, share_of, with_gpu_share
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from tests.tune.cluster import test_gpu_share
from tests.tune.support import doubles
from tests.tune.support.doubles import GRID, make_sweep, pipeline
from tests.tune.support.drivers import trials_of

GIGABYTE = 10**9
THERE = [{"CPU": 2.0}, {"CPU": 2.0, "GPU": 1.0}]
AUTO = {"cpu": 1, "gpu": "auto"}


def need(gigabytes: float, busy: float) -> Need:
    return Need("A GPU", round(gigabytes * GIGABYTE), 80 * GIGABYTE, busy, 12345.6)


def small(sweep: Sweep, setup: TrialSetup) -> Need:
    """A stand-in for a probe, where there is no GPU."""
    return need(2, busy=0.28)


@pytest.mark.parametrize(
    ("needed", "trials", "share"),
    [
        (need(80 / SPARE / 4, 0.1), 4, 0.25),  # memory decides
        (need(1, 0.3), 3, 0.3333),  # time decides; rounded down, so that three fit
        (need(70, 0.1), 1, 1.0),
        (need(1, 0.97), 1, 1.0),
        (need(0.0001, 0.00003), 10_000, 0.0001),  # Ray counts in ten-thousandths
        (need(0, 0), 10_000, 0.0001),
    ],
)
def test_as_many_trials_share_a_gpu_as_it_has_memory_and_time_for(
    needed: Need, trials: int, share: float
) -> None:
    assert needed.trials == trials
    assert share_of(needed) == pytest.approx(share)
    assert share_of(needed) * trials <= 1


def test_the_measurement_is_printed_in_readable_units() -> None:
    assert str(need(2, 0.28)) == "2.0 of 80 GB of A GPU, busy 28% of the time, 12,346 env steps/s"


@pytest.mark.parametrize("resources", [{"cpu": 1}, {"cpu": 2, "gpu": 0.5}, {"gpu": 0}])
def test_a_given_share_is_unchanged(resources: dict[str, Any]) -> None:
    said: list[str] = []
    sweep = make_sweep(resources=resources)
    assert with_gpu_share(sweep, Corners.of(sweep), THERE, False, said.append) is sweep and not said


@pytest.mark.parametrize(("asked", "left"), [(AUTO, {"cpu": 1}), ({"gpu": "auto"}, {"cpu": 1})])
def test_without_a_gpu_trials_run_on_processors_with_a_message(
    asked: dict[str, Any], left: dict[str, Any]
) -> None:
    said: list[str] = []
    sweep = make_sweep(resources=asked)
    found = with_gpu_share(sweep, Corners.of(sweep), THERE[:1], False, said.append)
    assert found.resources == left
    assert said == ["Ray has no GPU: trials run on processors."]


def test_the_pipeline_with_the_largest_mini_batches_is_measured() -> None:
    def of_size(num_steps: int, num_mini_batch: int) -> TrainingPipeline:
        made = pipeline(400, 1e-3, 0.9)
        settings = made.settings(0)
        names = (
            "update_repeats",
            "max_grad_norm",
            "gamma",
            "use_gae",
            "gae_lambda",
            "save_interval",
        )
        kept = {name: getattr(settings, name) for name in names}
        return TrainingPipeline(
            made.named_losses,
            made.pipeline_stages,
            made.optimizer_builder,
            num_mini_batch,
            num_steps=num_steps,
            metric_accumulate_interval=100,
            advance_scene_rollout_period=None,
            **kept,
        )

    space = {"num_steps": tune.grid_search([16, 64]), "num_mini_batch": tune.grid_search([2, 8])}
    found = largest(Corners.of(make_sweep(pipeline=of_size, space=space)))
    assert (found.pipeline.num_steps, found.pipeline.num_mini_batch) == (64, 2)


def test_lanes_and_parameters_count_in_what_is_measured() -> None:
    sweep = make_sweep(
        pipeline=lambda: pipeline(400, 1e-3, 0.9),
        space={"lanes": tune.grid_search([4, 8]), "width": tune.grid_search([64, 32])},
        lanes=lambda lanes: lanes,
        policy=lambda width: Network(hidden=width),
    )
    found = largest(Corners.of(sweep))
    assert (found.lanes, found.policy) == (8, Network(hidden=64))


def trains(sweep: Sweep, parameters: Any, directory: Path, *, device: str, report: Any) -> None:
    share = ray.get_runtime_context().get_assigned_resources().get("GPU")
    append_row(directory / "on.jsonl", {"device": device, "share": share})
    doubles.make_runner()(sweep, parameters, directory, device=device, report=report)


def too_large(sweep: Sweep, setup: TrialSetup) -> Need:
    raise RuntimeError("CUDA out of memory. Tried to allocate 200.00 GiB.")


@pytest.mark.slow
def test_trials_get_the_share_that_was_measured(
    cluster: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloudpickle.register_pickle_by_value(test_gpu_share)
    monkeypatch.setattr(gpu_share, "need_of", small)
    sweep = make_sweep(trials=2, space={**GRID, "lr": 1e-3, "gae_lambda": 0.9}, scheduler=None)
    run_sweep(sweep, "double", tmp_path / "run", Options(gpus="auto"), runner=trains)
    assert "busy 28% of the time, 12,346 env steps/s: each gets 0.3333 of a GPU." in " ".join(
        capsys.readouterr().out.split()
    )
    for trial in trials_of(tmp_path / "run"):
        rows = read_rows(tmp_path / "run" / trial.user_attrs["directory"] / "on.jsonl")
        assert rows == [{"device": "cuda", "share": 0.3333}]
    measured = make_sweep(resources=AUTO)
    corners = Corners.of(measured)
    with pytest.raises(ValueError, match="A trial does not fit on a whole GPU: use fewer seeds"):
        with_gpu_share(measured, corners, THERE, False, print, too_large)
    monkeypatch.setattr(gpu_share, "SECONDS", 1.0)
    holding = ray.remote(num_gpus=1)(type("Holding", (), {"on": lambda self: True})).remote()
    assert ray.get(holding.on.remote())
    with pytest.raises(ValueError, match="Ray had no free GPU for"):
        with_gpu_share(measured, corners, THERE, False, print, small)
    ray.kill(holding)
