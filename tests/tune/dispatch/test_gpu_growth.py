"""A trial whose memory does not fit gets a larger share of the GPU: laws, and a Ray that believes
in one GPU.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
from optuna.trial import TrialState

from segue.base.files import append_row, read_rows
from segue.plan.sweeps.sweep import Sweep
from segue.tune.dispatch.gpu_growth import Shares
from segue.tune.drive import run_sweep
from segue.tune.failures import is_out_of_memory
from segue.tune.options.options import Options
from tests.tune.support.doubles import make_runner, make_sweep
from tests.tune.support.drivers import trials_of


class OutOfMemoryError(RuntimeError):  # named as torch's is
    pass


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (OutOfMemoryError("whatever"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB."), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (MemoryError("out of memory"), False),
    ],
)
def test_out_of_memory_is_distinguished_from_other_errors(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one
    wrapped = ValueError("a loss failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped) is is_one


def test_a_share_doubles_up_to_a_whole_gpu() -> None:
    shares = Shares({"cpu": 1, "gpu": 0.3})
    seen = []
    while shares.grow(7):
        seen.append(shares.of(7))
    assert seen == [0.6, 1.0] and shares.of(8) == 0.3


@pytest.mark.parametrize("resources", [{"cpu": 1}, {"gpu": 1}, {"gpu": 2}])
def test_whole_gpus_and_none_do_not_grow(resources: dict[str, float]) -> None:
    assert not Shares(resources).grow(0)


def hungry(needs: float) -> Callable[..., None]:
    """A runner whose memory fits into that share only, which it finds out after three reports."""
    train = make_runner()

    def run(
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        assert device == "cuda"
        share = ray.get_runtime_context().get_assigned_resources()["GPU"]
        append_row(directory / "shares.jsonl", {"share": share})

        def report_or_fail(row: dict[str, Any]) -> None:
            report(row)
            if row["env_steps"] == 300 and share < needs:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        train(sweep, parameters, directory, device=device, report=report_or_fail)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(("needs", "seen"), [(0.5, [0.25, 0.5]), (2.0, [0.25, 0.5, 1.0])])
def test_a_trial_resumes_with_a_larger_share(
    needs: float, seen: list[float], cluster: None, tmp_path: Path
) -> None:
    sweep = make_sweep(trials=2, resources={"cpu": 1, "gpu": 0.25}, scheduler=None)
    run_sweep(sweep, "double", tmp_path / "run", Options(), runner=hungry(needs))
    for trial in trials_of(tmp_path / "run"):
        if trial.state == TrialState.WAITING:
            continue
        directory = tmp_path / "run" / trial.user_attrs["directory"]
        assert [row["share"] for row in read_rows(directory / "shares.jsonl")] == seen
        if needs > 1:
            assert (
                trial.state == TrialState.FAIL
                and "CUDA out of memory" in trial.user_attrs["reason"]
            )
        else:
            assert trial.state == TrialState.COMPLETE
            executed = [row["step"] for row in read_rows(directory / "executed.jsonl")]
            assert len(executed) == len(set(executed)) == 12  # nothing was trained twice
