"""Run one trial in its directory: train, evaluate, record, and resume an earlier attempt.

    trials/0007/
      lock  results.jsonl  metrics.jsonl  events.out.tfevents.*  checkpoints/  best/

The order of a report: the row is written, then the members are stored if they are the best so far,
then the checkpoint is complete, then the row is reported. Whatever ends the process, an attempt
resumes from the newest valid checkpoint, removes the rows after it, and reports the last remaining
row again, in case it was not received.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segue.plan.decision import Exploit
from segue.record.row import Row
from segue.train.trials.attempt import ReportCallback
from segue.train.trials.several import Trials
from segue.train.trials.spec import TrialSpec
from segue.worlds.seeds import stream


def run_trial(
    spec: TrialSpec,
    directory: Path,
    *,
    report: ReportCallback = lambda row: None,
    should_preempt: Callable[[], bool] = lambda: False,
    exploit: Exploit | None = None,
    accept_changes: bool = False,
) -> Row:
    """Train one member per seed to the end of the pipeline, and return the last row.

    Resumes from the newest valid checkpoint in `directory`, if there is one. Sets torch and BLAS to
    one thread, because packs run side by side, one on each core.

    Arguments:
        report: Called with each row after it is on the disk; may return a decision.
        should_preempt: Once it returns True, a checkpoint is written and Preempted is raised.
        exploit: The checkpoint of another trial from which this one continues. When a decision
            requests another exploit, ExploitRequested is raised, with which to call again.
        accept_changes: Whether what another trial wrote in the directory is moved aside.

    Raises ValueError for what the trainer cannot run, for an unknown metric and for a directory
    that holds another trial's checkpoint; FloatingPointError when the metric is not a finite
    number; LockedError when another process trains in the directory.
    """
    with Trials() as trials:
        trials.begin(0, spec, directory, report, exploit, accept_changes)
        while not (ended := trials.advance()):
            if should_preempt():
                raise Preempted(trials.pause(0))
    outcome = ended[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class Preempted(BaseException):  # not an error, and not to be retried here
    """The trial must resume in another process, from the checkpoint that it has just written."""

    def __init__(self, env_steps: int) -> None:
        super().__init__(
            f"This process was requested to end: a checkpoint is stored at {env_steps:,} steps."
        )


def member_seeds(seed: int, members: int) -> list[int]:
    """Return one seed per member, derived from a sweep's seed.

    Every trial trains with the same ones (common random numbers).
    """
    return [int(stream(seed, "member", index).generate_state(1)[0]) for index in range(members)]
