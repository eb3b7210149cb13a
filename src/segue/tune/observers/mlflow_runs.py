"""MLflow: a run for each trial, in an experiment with the sweep's name, where MLFLOW_TRACKING_URI
says.

Through `MlflowClient` alone: Ray's callback makes new runs for continued trials, and counts reports
in place of environment steps.
"""

import json
import logging
import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from segue.tune.run.directory import RunDirectory
from segue.tune.study.trial_facts import COMPLETE, FAILED, PRUNED, TrialFacts

_STATUS = {COMPLETE: "FINISHED", PRUNED: "KILLED", FAILED: "FAILED"}
_INTERRUPTED = "SCHEDULED"
_CLOCK = "env_steps"  # a number of every report
_SWEEP, _TRIAL, _STATE, _REASON, _PARAMETERS = (
    f"segue.{name}" for name in ("sweep", "trial", "state", "reason", "parameters")
)
_LONGEST = 5_000  # characters of a parameter or a tag that every store takes


def check() -> None:
    """MLflow needs nothing to be set up."""


def make(name: str, run: RunDirectory, identity: str) -> "MlflowRuns":
    """The runs of a sweep of that name."""
    return MlflowRuns(name, identity)


class MlflowRuns:
    """Runs are known by tags, the ledger's identity and the trial's number, which they have from
    their beginning.
    """

    def __init__(self, name: str, identity: str) -> None:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._client, self._identity = MlflowClient(), identity
        self._experiment = self._made(name)
        self._open: dict[int, str] = {}

    def begin(self, facts: TrialFacts) -> int:
        """Make the run, or go on with it."""
        tags = {_SWEEP: self._identity, _TRIAL: str(facts.number)}
        asked = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found = self._client.search_runs([self._experiment], asked)
        if found:
            run_id = found[0].info.run_id
            self._client.update_run(run_id, status="RUNNING")
        else:
            run_id = self._client.create_run(
                self._experiment, run_name=str(facts.number), tags=tags
            ).info.run_id
        self._open[facts.number] = run_id
        # Parameters of MLflow never change: these are the first ones, which population-based
        # training may leave.
        known = found[0].data.params if found else {}
        params = {name: str(value)[:_LONGEST] for name, value in facts.parameters.items()}
        self._client.log_batch(
            run_id, params=[Param(name, params[name]) for name in params.keys() - known.keys()]
        )
        return max(
            (told.step for told in self._client.get_metric_history(run_id, _CLOCK)), default=0
        )

    def log(self, number: int, step: int, numbers: Mapping[str, float]) -> None:
        """Add a report."""
        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in numbers.items()]
        self._client.log_batch(self._open[number], metrics=metrics)

    def end(self, facts: TrialFacts) -> None:
        """Close the run, with the status that fits how the trial ended."""
        run_id = self._open[facts.number]
        self._client.set_tag(run_id, _STATE, facts.state)
        self._client.set_tag(run_id, _PARAMETERS, json.dumps(dict(facts.parameters))[:_LONGEST])
        if facts.reason:
            self._client.set_tag(run_id, _REASON, facts.reason[:_LONGEST])
        now = int(1000 * time.time())
        finals = [
            Metric(f"final {name}", value, now, facts.env_steps)
            for name, value in facts.values.items()
        ]
        self._client.log_batch(run_id, metrics=finals)
        self._client.set_terminated(run_id, _STATUS[facts.state])
        del self._open[facts.number]

    def close(self) -> None:
        """Mark the runs of interrupted trials as those that will go on."""
        while self._open:
            _, run_id = self._open.popitem()
            self._client.update_run(run_id, status=_INTERRUPTED)

    def _made(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        return str(known.experiment_id if known else self._client.create_experiment(name))
