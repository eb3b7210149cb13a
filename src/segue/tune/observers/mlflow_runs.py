"""MLflow: one run per trial, in an experiment with the sweep's name, at MLFLOW_TRACKING_URI.

This uses `MlflowClient` alone: Ray's callback makes new runs for resumed trials, and counts reports
in place of environment steps.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from segue.base.strict_json import to_json
from segue.record.row import ENV_STEPS
from segue.record.study.trials import COMPLETE, FAILED, PRUNED, TrialSummary
from segue.tune.run.directory import RunDirectory

_STATUS = {COMPLETE: "FINISHED", PRUNED: "KILLED", FAILED: "FAILED"}
_INTERRUPTED = "SCHEDULED"
_SWEEP = "segue.sweep"  # this and the next ones are names of tags
_TRIAL = "segue.trial"
_REPORT = "segue.report"
_STUDY = "segue.study"
_STAGE = "segue.stage"
_STATE = "segue.state"
_REASON = "segue.reason"
_PARAMETERS = "segue.parameters"
_LONGEST = 5_000  # characters of a parameter or a tag that every store accepts


class MlflowRuns:
    """MLflow as a `Service`.

    A run is found by its tags, the ledger's identity and the trial's number, which it has from its
    creation.
    """

    def __init__(self, name: str, run: RunDirectory, identity: str) -> None:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._client = MlflowClient()
        self._name = name
        self._identity = identity
        self._experiment = self._experiment_id(name)
        self._open: dict[int, str] = {}

    @staticmethod
    def check() -> None:
        """Accept: MLflow needs no setup."""

    def open_run(self, facts: TrialSummary) -> int:
        """Create the trial's run, or resume it; return the env steps of its newest report."""
        run_id, known = self._resumed(facts) or (self._created(facts), {})
        self._open[facts.number] = run_id
        # MLflow's parameters cannot change: these are the first ones, which population-based
        # training may replace.
        params = {name: str(value)[:_LONGEST] for name, value in facts.parameters.items()}
        missing = [Param(name, params[name]) for name in params.keys() - known.keys()]
        self._client.log_batch(run_id, params=missing)
        history = self._client.get_metric_history(run_id, ENV_STEPS)
        return max((metric.step for metric in history), default=0)

    def log(self, number: int, step: int, values: Mapping[str, float]) -> None:
        """Add a report to the trial's run."""
        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._open[number], metrics=metrics)

    def finish_run(self, facts: TrialSummary) -> None:
        """Close the trial's run with the status that fits how the trial ended."""
        run_id = self._open[facts.number]
        self._client.set_tag(run_id, _STUDY, self._name)
        self._client.set_tag(run_id, _STAGE, facts.reached)
        self._client.set_tag(run_id, _STATE, facts.state)
        self._client.set_tag(run_id, _PARAMETERS, to_json(dict(facts.parameters))[:_LONGEST])
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

    def attach(self, report: Path) -> None:
        """Send the report in a run of its own, which it replaces there."""
        tags = {_SWEEP: self._identity, _REPORT: "true"}
        found = self._found(tags)
        run = found or self._client.create_run(self._experiment, run_name="report", tags=tags)
        self._client.log_artifact(run.info.run_id, str(report))
        self._client.set_terminated(run.info.run_id, "FINISHED")

    def close(self) -> None:
        """Mark the runs of interrupted trials as to be resumed."""
        while self._open:
            _, run_id = self._open.popitem()
            self._client.update_run(run_id, status=_INTERRUPTED)

    def _resumed(self, facts: TrialSummary) -> tuple[str, dict[str, str]] | None:
        """Return the identifier and the parameters of the trial's run, if there is one."""
        found = self._found(self._tags(facts))
        if found is None:
            return None
        self._client.update_run(found.info.run_id, status="RUNNING")
        return str(found.info.run_id), dict(found.data.params)

    def _found(self, tags: Mapping[str, str]) -> Run | None:
        """Return the run with these tags, if there is one."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        return next(iter(self._client.search_runs([self._experiment], wanted)), None)

    def _created(self, facts: TrialSummary) -> str:
        run = self._client.create_run(
            self._experiment, run_name=str(facts.number), tags=self._tags(facts)
        )
        return str(run.info.run_id)

    def _tags(self, facts: TrialSummary) -> dict[str, str]:
        return {_SWEEP: self._identity, _TRIAL: str(facts.number)}

    def _experiment_id(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        return str(known.experiment_id if known else self._client.create_experiment(name))
