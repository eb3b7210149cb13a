"""Steer a sweep that runs: `segue trial stop`, `trial end-stage`, `add`, `pause` and `resume`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.base.text import assignments, printable
from segue.cli.shared.arguments import Run, SweepFile

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun
    from segue.record.study.steering import Request
    from segue.record.study.trials import TrialSummary
    from segue.report.data.summary import Summary

Number = Annotated[int, typer.Argument(help="Number of the trial.", metavar="TRIAL")]
_NAMES = "NAME=VALUE..."


def stop_trial(run: Run, trial: Number) -> int:
    """Stop a trial at its next report, as a scheduler does."""
    local_run, summary = _read(run)
    _running(run, summary, trial, "stop")
    _send(local_run, summary, "stop", f"trial {trial} stops at its next report", trial=trial)
    return 0


def end_stage_of_trial(run: Run, trial: Number) -> int:
    """End the stage in which a trial is, at its next report; the trial then continues."""
    local_run, summary = _read(run)
    running = _running(run, summary, trial, "end a stage of")
    stage = len(running.stages_ended_at)
    effect = f"stage {stage + 1} of trial {trial} ends at its next report"
    _send(local_run, summary, "end_stage", effect, trial=trial, stage=stage)
    return 0


def add_trial(
    run: Run,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=_NAMES, help="A value for each name that the sweep searches, such as lr=1e-3."
        ),
    ] = None,
    like: Annotated[
        int | None, typer.Option(help="Trial from which the values of other names are taken.")
    ] = None,
    sweep: SweepFile = None,
) -> int:
    """Add a trial with these values, which is the next to be tried."""
    from segue.plan.sweeps.points.typed_point import typed_point
    from segue.tune.options.option import check_assignments
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of

    typed = check_assignments(_NAMES, values) if values else {}
    if not typed:
        raise ValueError(f"{_NAMES} is missing: give the values of the trial, such as lr=1e-3.")
    local_run, summary = _read(run)
    known = {} if like is None else dict(_trial(run, summary, like).trained_with)
    original = sweep_of(RunDirectory(local_run.path, local_run.store), sweep)
    recorded = typed_point(original, {**known, **typed})
    _check_new(run, summary, recorded)
    effect = f"a trial with {assignments(recorded)} is the next to be tried"
    _send(local_run, summary, "add", effect, parameters=recorded)
    return 0


def pause_sweep(run: Run) -> int:
    """Pause a sweep: its trials leave their workers at their next reports, and none starts."""
    local_run, summary = _read(run)
    if not _is_driven(local_run):
        raise ValueError(f"{run} is not running: there is nothing to pause.")
    if _is_paused(local_run, summary):
        raise ValueError(f"{run} is paused already: `segue resume {run}` continues it.")
    _send(local_run, summary, "pause", "each trial pauses at its next report, and none starts")
    return 0


def resume_sweep(run: Run) -> int:
    """Resume a sweep that was paused: its trials continue from their checkpoints."""
    local_run, summary = _read(run)
    if not _is_paused(local_run, summary):
        raise ValueError(f"{run} is not paused: `segue show {run}` shows its trials.")
    _send(local_run, summary, "resume", "the sweep continues")
    return 0


def _read(run: str) -> "tuple[LocalRun, Summary]":
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary

    local_run = fetch_run(run)
    return local_run, read_summary(local_run.path)


def _trial(run: str, summary: "Summary", number: int) -> "TrialSummary":
    from segue.report.data.facts import facts

    found = [trial for trial in facts(summary) if trial.number == number]
    if not found:
        raise ValueError(f"{run} has no trial {number}: `segue show {run}` lists its trials.")
    return found[0]


def _running(run: str, summary: "Summary", number: int, what: str) -> "TrialSummary":
    """Return the trial of a request; raise ValueError for one that does not run."""
    trial = _trial(run, summary, number)
    if trial.has_ended:
        raise ValueError(f"Trial {number} of {run} is {trial.state}: there is nothing to {what}.")
    if trial.state == "waiting":
        raise ValueError(f"Trial {number} of {run} has not started: there is nothing to {what}.")
    return trial


def _check_new(run: str, summary: "Summary", recorded: Mapping[str, Any]) -> None:
    """Raise ValueError if a trial has these parameters and its result, or will have it."""
    from segue.record.study.repetition import is_repeatable
    from segue.report.data.facts import facts

    since = summary.definition.changed_at
    repeatable = {trial.number for trial in summary.trials if is_repeatable(trial, since)}
    for trial in facts(summary):
        is_known = trial.number in repeatable or not trial.has_ended
        if is_known and dict(trial.parameters) == recorded:
            raise ValueError(
                f"Trial {trial.number} of {run} has these values already, and is {trial.state}:"
                f" `segue show {run} --trial {trial.number}` shows it."
            )


def _is_driven(local_run: "LocalRun") -> bool:
    from segue.record.local_run import is_running

    return is_running(local_run.path)


def _is_paused(local_run: "LocalRun", summary: "Summary") -> bool:
    """Return whether a sweep is paused, or will be by the requests that were made of it."""
    from segue.record.study.steering import pause_of, waiting_requests

    known = {entry["request"] for entry in summary.steering}
    waiting = [each for each in waiting_requests(local_run) if each.name not in known]
    return pause_of([*summary.steering, *(each.recorded() for each in waiting)]) is not None


def _send(local_run: "LocalRun", summary: "Summary", action: Any, effect: str, **what: Any) -> None:
    from segue.record.study.steering import new_request, write_request

    request: Request = new_request(action, **what)
    write_request(local_run, request)
    print(printable(f"Requested by {request.by}: {effect}."))
    if not _is_driven(local_run):
        print(printable(f"The sweep is not running: `segue run {summary.name}` applies it."))
