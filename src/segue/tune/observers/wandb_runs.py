"""Weights & Biases: a run for each trial, in the project WANDB_PROJECT ("segue" by default),
grouped by sweep.

Through `wandb` alone: Ray's callback starts two processes a trial, names runs by identifiers that
end with Tune's run, and counts reports in place of environment steps.
"""

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stderr
from typing import Any

import wandb

from segue.tune.run.directory import RunDirectory
from segue.tune.study.trial_facts import FAILED, TrialFacts

_START_SECONDS = 30.0


def check() -> None:
    """Raise ValueError where W&B would ask for a key on the terminal."""
    with redirect_stderr(io.StringIO()):
        is_set_up = wandb.setup().settings.mode != "online" or wandb.login(
            prompt=False, verify=False
        )
    if not is_set_up:
        raise ValueError(
            "W&B has no key here: run `wandb login`, or keep its runs on this machine:"
            " WANDB_MODE=offline."
        )


def make(name: str, run: RunDirectory, identity: str) -> "WandbRuns":
    """The runs of a sweep of that name."""
    return WandbRuns(name, run, identity)


class WandbRuns:
    """Runs are known by the ledger's identity and the trial's number, on the server and on this
    machine alike.

    W&B's own process holds back what it is told: a kill of this one loses some of it. The server
    then says what it has; offline, all since the run was last closed is told again, into another
    file of the same run.
    """

    def __init__(self, name: str, run: RunDirectory, identity: str) -> None:
        self._name, self._run, self._identity = name, run, identity
        self._open: dict[int, Any] = {}

    def begin(self, facts: TrialFacts) -> int | None:
        """Make the run, or go on with it."""
        quiet = wandb.Settings(
            silent=True,
            console="off",  # the terminal is the sweep's
            x_disable_stats=True,  # of this process, which trains nothing
            disable_git=True,
            save_code=False,
            init_timeout=_START_SECONDS,
        )
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "segue"),
            group=self._name,
            name=str(facts.number),
            id=f"{self._identity}-{facts.number:04d}",
            resume="allow",
            reinit="create_new",
            job_type="trial",
            config={"trial": facts.number, **facts.parameters},
            allow_val_change=True,
            dir=os.environ.get("WANDB_DIR", str(self._run.path)),
            settings=quiet,
        )
        self._open[facts.number] = run
        return None if run.offline else run.starting_step - 1

    def log(self, number: int, step: int, numbers: Mapping[str, float]) -> None:
        """Add a report."""
        self._open[number].log(dict(numbers), step=step, commit=True)

    def end(self, facts: TrialFacts) -> None:
        """Close the run: failed where the trial has."""
        run = self._open.pop(facts.number)
        run.config.update(
            dict(facts.parameters), allow_val_change=True
        )  # population-based training changes them
        run.summary.update({**facts.values, "state": facts.state, "reason": facts.reason or ""})
        run.finish(exit_code=int(facts.state == FAILED))

    def close(self) -> None:
        """Close the runs of interrupted trials, which W&B then shows as preempted."""
        for number in list(self._open):
            run = self._open.pop(number)
            run.mark_preempting()
            run.finish(exit_code=1)
