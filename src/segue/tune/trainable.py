"""The function that Tune runs, in a worker of its own: one trial."""

import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ray import tune

from segue.plan.sweep import Sweep
from segue.tune.run_directory import RunDirectory
from segue.tune.verdicts import FAILURE

LOG = "log.txt"


class Runner(Protocol):
    """What trains one trial: `train_one`, or a stand-in for it."""

    def __call__(
        self,
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        """Train the trial of `parameters` in `directory`, or continue it there; call `report` with each result row."""


def make_trainable(sweep: Sweep, run: RunDirectory, runner: Runner) -> Callable[[dict[str, Any]], None]:
    """The function of a configuration `{"trial": number, "parameters": {...}}` that trains that trial.

    What the trial prints goes to `log.txt` in its directory. Exceptions become a last report that names the cause, so
    that Tune only sees workers fail that were lost, which it retries.
    """
    device = "cuda" if sweep.resources.get("gpu") else "cpu"

    def trial(config: dict[str, Any]) -> None:
        directory = run.trial(config["trial"])
        report = _Report()
        with ExitStack() as stack:
            try:
                stack.enter_context(_printing_to_log(directory))
                runner(sweep, config["parameters"], directory, device=device, report=report)
            except BaseException as error:
                if report.is_stopped:
                    raise
                traceback.print_exc()
                report({**report.last, sweep.metric: float("nan"), FAILURE: one_line(error)})

    return trial


def one_line(error: BaseException) -> str:
    """What an exception says, on one line."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def train_one(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    *,
    device: str,
    report: Callable[[dict[str, Any]], None],
) -> None:
    """Train one trial to the end of its pipeline, or from where it was interrupted.

    Calls `report` with each row that `segue.train.run_trial` reports, and passes its exceptions on.
    """
    from segue.train import member_seeds, run_trial  # here, in the worker: the driver needs no torch

    run_trial(
        sweep.pipeline(**parameters),
        sweep.world,
        member_seeds(sweep.seed, sweep.seeds),
        directory,
        lanes=sweep.lanes,
        policy=sweep.policy,
        evaluation=sweep.evaluation,
        metric=sweep.metric,
        device=device,
        report=report,
    )


def _printing_to_log(directory: Path) -> ExitStack:
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = stack.enter_context((directory / LOG).open("a", buffering=1))
        stack.enter_context(redirect_stdout(log))
        stack.enter_context(redirect_stderr(log))
        return stack.pop_all()


@dataclass
class _Report:
    """Hands rows to Tune, which answers with SystemExit to a trial that it stops."""

    last: dict[str, Any] = field(default_factory=lambda: {"env_steps": 0, "final": False})
    is_stopped: bool = False

    def __call__(self, row: dict[str, Any]) -> None:
        self.last = row
        try:
            tune.report(row)
        except SystemExit:
            self.is_stopped = True
            raise
