"""Weights & Biases: one run per trial, grouped by sweep, in the project WANDB_PROJECT.

The project's default is "segue". This uses `wandb` alone: Ray's callback starts two processes per
trial, names runs by identifiers that end with Tune's run, and counts reports in place of
environment steps.
"""

import io
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import wandb

from segue.record.study.trials import FAILED, TrialSummary
from segue.tune.run.directory import RunDirectory

_START_SECONDS = 30.0


class WandbRuns:
    """Weights & Biases as a `Service`.

    A run is identified by the ledger's identity and the trial's number, both on the server and on
    this machine. W&B's own process buffers what it receives, and some of it is lost if this process
    is killed. What the server has is then looked up; offline, everything since the run was last
    closed is sent again, into another file of the same run.
    """

    def __init__(self, name: str, run: RunDirectory, identity: str) -> None:
        self._name = name
        self._run = run
        self._identity = identity
        self._open: dict[int, Any] = {}

    @staticmethod
    def check() -> None:
        """Raise ValueError if W&B would request a key on the terminal."""
        with redirect_stderr(io.StringIO()):
            is_set_up = wandb.setup().settings.mode != "online" or wandb.login(
                prompt=False, verify=False
            )
        if not is_set_up:
            raise ValueError(
                "W&B has no key here: run `wandb login`, or set WANDB_MODE=offline to store its"
                " runs on this machine."
            )

    def open_run(self, facts: TrialSummary) -> int | None:
        """Create the trial's run, or resume it; return the env steps that a server has of it."""
        config = {"trial": facts.number, **facts.parameters}
        run = self._init(str(facts.number), f"{facts.number:04d}", "trial", config)
        self._open[facts.number] = run
        return None if run.offline else run.starting_step - 1

    def log(self, number: int, step: int, values: Mapping[str, float]) -> None:
        """Add a report to the trial's run."""
        self._open[number].log(dict(values), step=step, commit=True)

    def finish_run(self, facts: TrialSummary) -> None:
        """Close the trial's run, as failed if the trial has."""
        run = self._open.pop(facts.number)
        # Population-based training changes parameters.
        run.config.update(dict(facts.parameters), allow_val_change=True)
        run.summary.update({**facts.values, "state": facts.state, "reason": facts.reason or ""})
        run.tags = tuple(tag for tag in (facts.state, facts.reached) if tag)
        run.finish(exit_code=int(facts.state == FAILED))

    def attach(self, report: Path) -> None:
        """Send the report in a run of its own; offline, a copy stays beside that run.

        W&B itself would copy it into the user's home, from where it never removes it.
        """
        run = self._init("report", "report", "report", {})
        copy = Path(run.settings.sync_dir) / report.name
        shutil.copyfile(report, copy)
        sweep = re.sub(r"[^\w.-]", "-", self._name, flags=re.ASCII)
        artifact = wandb.Artifact(f"{sweep}-{self._identity}", type="report")
        artifact.add_file(str(copy), policy="immutable", skip_cache=True)
        run.log_artifact(artifact)
        run.finish()

    def close(self) -> None:
        """Close the runs of interrupted trials, which W&B then shows as preempted."""
        for number in list(self._open):
            run = self._open.pop(number)
            run.mark_preempting()
            run.finish(exit_code=1)

    def _init(self, name: str, key: str, kind: str, config: Mapping[str, Any]) -> Any:
        """Create the run of a trial or of the report, or resume it."""
        settings = wandb.Settings(
            silent=True,
            console="off",  # the terminal is the sweep's
            x_disable_stats=True,  # of this process, which trains nothing
            disable_git=True,
            save_code=False,
            init_timeout=_START_SECONDS,
        )
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", "segue"),
            group=self._name,
            name=name,
            id=f"{self._identity}-{key}",
            resume="allow",
            reinit="create_new",
            job_type=kind,
            config=dict(config),
            allow_val_change=True,
            dir=os.environ.get("WANDB_DIR", str(self._run.path)),
            settings=settings,
        )
