"""The function that Tune runs to train one trial, in a worker process of the trial's own."""

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

from segue.base.files import write_atomic
from segue.base.strict_json import to_json
from segue.base.text import plural
from segue.plan.decision import Decision
from segue.plan.pipelines.text import shown
from segue.plan.seeding import is_cudnn_deterministic, set_deterministic_cudnn
from segue.plan.sweeps.aggregate import aggregate_seeds
from segue.plan.sweeps.setup import functions_of_space
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.layout import TrialLayout
from segue.record.row import Row
from segue.train import (
    ExploitRequested,
    Preempted,
    TrainerError,
    TrialSpec,
    member_seeds,
    run_trial,
)
from segue.tune.cluster.credentials import fetch_credentials
from segue.tune.cluster.parcel import Parcel
from segue.tune.failures import is_out_of_memory
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import on_worker
from segue.tune.run.lineage import read_lineage, write_lineage
from segue.tune.search.auto import may_pause
from segue.tune.search.define_by_run import of_recorded
from segue.tune.verdicts import OUT_OF_MEMORY
from segue.tune.worker import preemption
from segue.tune.worker.own import train_own
from segue.tune.worker.reporter import TuneReporter, shared_cause

Report = Callable[[Row], Decision | None]


class Runner(Protocol):
    """A function that trains one trial: `train_one`, or a stand-in for it."""

    def __call__(
        self,
        sweep: Sweep,
        parameters: Mapping[str, Any],
        directory: Path,
        *,
        device: str,
        report: Report,
    ) -> None:
        """Train a trial in `directory`, or resume it there; call `report` with each result row."""


def make_trainable(
    sweep: Sweep, run: RunDirectory, runner: Runner
) -> Callable[[dict[str, Any]], None]:
    """Return the function that trains the trial of `{"trial": number, "recorded": {...}}`.

    The worker looks the recorded parameters up in its own copy of the sweep's space, so that they
    are the very objects that the pipeline function compares them with.
    What the trial prints goes to `log.txt` in its directory. After an exception the trial is tried
    again, `sweep.retries` times. The last exception becomes a report that names the cause: the only
    failures that Tune sees, and retries, are those of lost workers.
    """
    device = "cuda" if sweep.resources.get("gpu") else "cpu"
    is_deterministic = is_cudnn_deterministic()
    parcel = Parcel.of(sweep)
    metric = sweep.metric
    retries = sweep.retries

    def trial(config: dict[str, Any]) -> None:
        number = config["trial"]
        here = on_worker(run)
        sync = here.trial_sync(number)
        report = TuneReporter(here.decisions(number), metric, sync)
        directory = here.trial(number).path
        if is_deterministic:
            set_deterministic_cudnn()

        def attempt() -> None:
            (mine,) = parcel.open()
            parameters = of_recorded(mine, config["recorded"])
            runner(mine, parameters, directory, device=device, report=report)

        with ExitStack() as stack:
            try:
                fetch_credentials()
                sync.begin()
                stack.enter_context(_printing_to_log(directory))
                stack.enter_context(preemption.training(sync.upload_if_possible))
                _run_with_retries(attempt, report, retries)
            except BaseException as error:
                if report.is_stopped:
                    raise
                traceback.print_exc()
                report.report_failure(error, shared_cause(error))

    vars(trial)["__mixins__"] = (preemption.PreemptionMixin,)  # with which Tune extends a function
    return trial


def _run_with_retries(attempt: Callable[[], None], report: TuneReporter, retries: int) -> None:
    """Run an attempt, and after an exception another one, which resumes, `retries` times at most.

    An exception that another attempt would raise as well is raised at once.
    """
    for left in reversed(range(retries + 1)):
        try:
            attempt()
            return
        except Exception as error:
            if report.is_stopped:
                raise
            if is_out_of_memory(error):
                _exit_for_a_larger_share(error, report)
            if not left or _is_permanent(error):
                raise
            traceback.print_exc()
            if "CUDA" in str(error):
                os._exit(1)  # the process cannot use the device any more: Tune starts another one
            print(f"Trying again from the newest checkpoint; {plural(left, 'attempt')} left.")


def _exit_for_a_larger_share(error: Exception, report: TuneReporter) -> NoReturn:
    """End the process, which Tune starts again with a larger share of the GPU.

    If there is no larger share, Tune stops the trial at the report instead.
    """
    traceback.print_exc()
    report.report_failure(error, {OUT_OF_MEMORY: True})
    os._exit(1)


def _is_permanent(error: Exception) -> bool:
    # A number that is not finite would come again, bit for bit, and so would a trainer's mistake.
    return isinstance(error, FloatingPointError | TrainerError) or bool(shared_cause(error))


def train_one(
    sweep: Sweep,
    parameters: Mapping[str, Any],
    directory: Path,
    *,
    device: str,
    report: Report,
    accept_changes: bool = False,
) -> None:
    """Train one trial to the end of its pipeline, from its newest checkpoint if there is one.

    Calls `report` with each row that `segue.train.run_trial` reports, and passes its exceptions on.
    With `accept_changes`, a trial that was started with another pipeline starts from scratch, and
    its files are moved aside.
    """
    if sweep.trainer is not None:
        train_own(
            sweep,
            parameters,
            directory,
            device=device,
            report=report,
            accept_changes=accept_changes,
        )
        return
    exploit = read_lineage(TrialLayout(directory))
    while True:
        keywords = of_recorded(sweep, exploit.parameters) if exploit else parameters
        spec = _trial_spec(sweep, keywords, device)
        _write_description(directory, sweep, spec, keywords)
        try:
            run_trial(
                spec,
                directory,
                report=report,
                should_preempt=preemption.is_requested,
                exploit=exploit,
                accept_changes=accept_changes,
            )
            return
        except Preempted as preempted:
            print(preempted, flush=True)
            preemption.exit_process()  # Tune starts the trial again, in another process
        except ExploitRequested as requested:
            exploit = requested.exploit
            write_lineage(TrialLayout(directory), exploit)


def _trial_spec(sweep: Sweep, parameters: Mapping[str, Any], device: str) -> TrialSpec:
    """Return what the trial of these parameters trains, and how it is evaluated."""
    setup = sweep.at(parameters)
    return TrialSpec(
        setup.pipeline,
        setup.world,
        member_seeds(sweep.seed, sweep.seeds),
        setup.evaluation,
        metric=sweep.metric,
        mode=sweep.mode,
        aggregate=partial(aggregate_seeds, how=sweep.aggregate, mode=sweep.mode),
        lanes=setup.lanes,
        policy=setup.policy,
        device=device,
        log_seeds=sweep.log_seeds,
        code=sweep.code,
        saves_at_reports=may_pause(sweep),
    )


def _write_description(
    directory: Path, sweep: Sweep, spec: TrialSpec, parameters: Mapping[str, Any]
) -> None:
    """Write what the trial trains, and on what, to be shown without the sweep's code."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = {
        "parameters": describe(dict(parameters)),
        "device": spec.device,
        "text": spec.pipeline.to_text(),
        "pipeline": spec.pipeline.to_dict(),
        "setup": {
            part: shown(getattr(spec, part))
            for part in functions_of_space(sweep)
            if part != "pipeline"
        },
    }
    write_atomic(TrialLayout(directory).trial, to_json(facts, indent=2) + "\n")


@contextmanager
def _printing_to_log(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (
        TrialLayout(directory).log.open("a", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        yield
