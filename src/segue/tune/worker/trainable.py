"""The function that Tune runs, in a worker of its own: one trial."""

import json
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ray import tune

from segue.base.files import write_atomic
from segue.plan.decision import Decision
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.seeding import is_cudnn_deterministic, set_deterministic_cudnn
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.tune.cluster.gpu_growth import is_out_of_memory
from segue.tune.failures import is_disk_full, one_line, out_of_reach
from segue.tune.run.decisions import answer_to
from segue.tune.run.directory import LOG, RunDirectory
from segue.tune.run.lease import on_worker
from segue.tune.run.lineage import read_lineage, write_lineage
from segue.tune.run.stored import KeptTrial
from segue.tune.search.define_by_run import of_recorded
from segue.tune.verdicts import DISK_FULL, FAILURE, OUT_OF_MEMORY, OUT_OF_REACH, has_failed
from segue.tune.worker import preemption

TRIAL = "trial.json"  # what a trial trains, and on what


class Runner(Protocol):
    """What trains one trial: `train_one`, or a stand-in for it."""

    def __call__(
        self,
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Callable[[dict[str, Any]], Decision | None],
    ) -> None:
        """Train the trial of `parameters` in `directory`, or continue it there; call `report` with
        each result row.
        """


def make_trainable(
    sweep: Sweep, run: RunDirectory, runner: Runner
) -> Callable[[dict[str, Any]], None]:
    """The function of a configuration `{"trial": number, "parameters": {...}}` that trains that
    trial.

    What the trial prints goes to `log.txt` in its directory. After an exception it is tried again,
    `sweep.retries` times; the last one becomes a report that names the cause, so that Tune only
    sees workers fail that were lost, which it starts again.
    """
    device, is_deterministic = (
        "cuda" if sweep.resources.get("gpu") else "cpu",
        is_cudnn_deterministic(),
    )

    def trial(config: dict[str, Any]) -> None:
        here = on_worker(run)
        directory, kept = here.trial(config["trial"]), here.kept_trial(config["trial"])
        report = _Report(here.answers(config["trial"]), sweep.metric, kept)
        if is_deterministic:
            set_deterministic_cudnn()
        with ExitStack() as stack:
            try:
                kept.begin()
                stack.enter_context(_printing_to_log(directory))
                stack.enter_context(preemption.training(kept.keep_what_can_be))
                attempt = partial(
                    runner, sweep, config["parameters"], directory, device=device, report=report
                )
                _attempts(attempt, report, sweep.retries)
            except BaseException as error:
                if report.is_stopped:
                    raise
                traceback.print_exc()
                report.failed(error, _everybodys(error))

    trial.__mixins__ = (preemption.Listening,)  # type: ignore[attr-defined]  # by which Tune extends a function
    return trial


def _attempts(attempt: Callable[[], None], report: "_Report", retries: int) -> None:
    """Go on from the newest checkpoint after an exception, `retries` times."""
    for left in reversed(range(retries + 1)):
        try:
            return attempt()
        except Exception as error:
            if is_out_of_memory(error) and not report.is_stopped:
                traceback.print_exc()
                report.failed(
                    error, {OUT_OF_MEMORY: True}
                )  # returns where there is a larger share to be had
                os._exit(1)  # Tune starts the trial again with that
            # What is not finite would be so again, bit for bit; and a full disk or a lost store is
            # everybody's.
            if (
                report.is_stopped
                or not left
                or isinstance(error, FloatingPointError)
                or _everybodys(error)
            ):
                raise
            traceback.print_exc()
            if "CUDA" in str(error):
                os._exit(1)  # the process cannot use the device any more: Tune starts another one
            print(
                f"Trying again from the newest checkpoint; {left} attempt{'s' * (left > 1)} left."
            )
    return None


def _everybodys(error: BaseException) -> dict[str, str]:
    """The marks of an exception that other trials will have as well, and what they say."""
    found = {
        DISK_FULL: one_line(error) if is_disk_full(error) else None,
        OUT_OF_REACH: out_of_reach(error),
    }
    return {name: said for name, said in found.items() if said}


def train_one(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    *,
    device: str,
    report: Callable[[dict[str, Any]], Decision | None],
    accept_changes: bool = False,
) -> None:
    """Train one trial to the end of its pipeline, or from where it was interrupted.

    Calls `report` with each row that `segue.train.run_trial` reports, and passes its exceptions on.
    With `accept_changes`, a trial that was begun with another pipeline begins anew, what it wrote
    is moved aside.
    """
    from segue.train import (
        ExploitRequested,
        Preempted,
        member_seeds,
        run_trial,
    )  # here, in the worker: the driver needs no torch

    exploit = read_lineage(directory)
    while True:
        chosen = of_recorded(sweep, exploit.parameters) if exploit else parameters
        pipeline = sweep.pipeline(**chosen)
        _describe(directory, pipeline, chosen, device)
        try:
            run_trial(
                pipeline,
                sweep.world,
                member_seeds(sweep.seed, sweep.seeds),
                directory,
                lanes=sweep.lanes,
                policy=sweep.policy,
                evaluation=sweep.evaluation,
                metric=sweep.metric,
                aggregate=partial(aggregate_seeds, how=sweep.aggregate, mode=sweep.mode),
                device=device,
                report=report,
                accept_changes=accept_changes,
                exploit=exploit,
                should_preempt=preemption.is_given,
            )
            return
        except Preempted as preempted:
            print(preempted, flush=True)
            preemption.leave()  # Tune starts the trial again, in another process
        except ExploitRequested as requested:
            exploit = requested.exploit
            write_lineage(directory, exploit)


def _describe(
    directory: Path, pipeline: TrainingPipeline, parameters: Mapping[str, Any], device: str
) -> None:
    """Write down which pipeline the trial trains and on what, so that it can be shown without the
    sweep's code.
    """
    directory.mkdir(parents=True, exist_ok=True)
    asked = {"parameters": describe(dict(parameters)), "device": device}
    facts = {**asked, "text": pipeline.to_text(), "pipeline": pipeline.to_dict()}
    write_atomic(directory / TRIAL, json.dumps(facts, indent=2) + "\n")


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

    answers: Path
    metric: str
    kept: KeptTrial = field(default_factory=KeptTrial)
    last: dict[str, Any] = field(default_factory=lambda: {"env_steps": 0, "final": False})
    is_stopped: bool = False

    def __call__(self, row: dict[str, Any]) -> Decision | None:
        self.last = row
        if not has_failed(row):
            self.kept.keep()
        elif OUT_OF_REACH not in row:
            self.kept.keep_what_can_be()
        try:
            tune.report(row)
        except SystemExit:
            self.is_stopped = True
            raise
        if has_failed(row):
            return None
        self.kept.hear()
        return answer_to(self.answers, row)

    def failed(self, error: BaseException, marks: Mapping[str, Any]) -> None:
        """Say why the trial broke, with further marks."""
        self({**self.last, self.metric: float("nan"), FAILURE: one_line(error), **marks})
