"""Paths of a run: each file of a run directory is named here, once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segue.record.checkpoints import BEST, best_checkpoints_in, checkpoints_in, newest

DEFINITION = "sweep.json"
STUDY = "study.db"
TRIALS = "trials"
DECISIONS = "decisions"
REQUESTS = "requests"
PREFIXES = "prefixes"
CODE = "code"
RESULTS = "results.jsonl"
METRICS = "metrics.jsonl"
LOCK = "lock"
LOG = "log.txt"
TRIAL = "trial.json"
DRIVEN = "driven"
"""In a copy of a run from a store: a driver was running it when it was copied."""
HPARAMS = "events.out.tfevents.9999999999.hparams"
"""The parameters of a trial, for TensorBoard's page HPARAMS."""
RETRAINED = "retrained"
"""The folder of the run that retrains the best configurations."""
HELD_OUT = "retrained.json"
REPLAYS = "replayed.json"
BEST_JSON = "best.json"
BEST_PYTHON = "best.py"
REPORT = "report.html"


@dataclass(frozen=True)
class TrialLayout:
    """Paths of one trial's directory."""

    path: Path

    @property
    def lock(self) -> Path:
        """The lock of the process that trains the trial."""
        return self.path / LOCK

    @property
    def results(self) -> Path:
        """The rows that the trial reported."""
        return self.path / RESULTS

    @property
    def metrics(self) -> Path:
        """The training log: one row an interval of training or an evaluation."""
        return self.path / METRICS

    def seed_events(self, seed: int) -> Path:
        """Return the folder of TensorBoard's events of one seed, by its index."""
        return self.path / f"seed-{seed}"

    @property
    def log(self) -> Path:
        """What the trial printed."""
        return self.path / LOG

    @property
    def trial(self) -> Path:
        """What the trial trains: its parameters, pipeline and device."""
        return self.path / TRIAL

    @property
    def lineage(self) -> Path:
        """The checkpoint of another trial from which the trial continued last, if it did."""
        return self.path / "lineage.json"

    @property
    def hparams(self) -> Path:
        """TensorBoard's record of the trial's parameters, written when the trial has ended."""
        return self.path / HPARAMS

    def checkpoints(self, generation: int = 0) -> Path:
        """Return the folder of the checkpoints of a generation.

        The generation counts how often the trial continued from another trial's checkpoint.
        """
        return self.path / (f"checkpoints-{generation}" if generation else "checkpoints")

    @property
    def best(self) -> Path:
        """The folder of the checkpoint of the members with the best metric so far.

        It holds what they act with, not what they would need to continue training.
        """
        return self.path / BEST

    def best_checkpoint(self) -> Path | None:
        """Return the checkpoint of the members with the best metric, or None."""
        return newest(self.best_checkpoints())

    def best_checkpoints(self) -> Iterator[Path]:
        """Return the checkpoints in the folder of the best one; there is usually one."""
        return best_checkpoints_in(self.path)

    def all_checkpoints(self) -> Iterator[Path]:
        """Return the checkpoints of all generations."""
        return checkpoints_in(self.path)


@dataclass(frozen=True)
class RunLayout:
    """Paths of a run directory."""

    path: Path

    @property
    def lock(self) -> Path:
        """The lock of the driver that runs the sweep."""
        return self.path / LOCK

    @property
    def definition(self) -> Path:
        """The definition of the sweep, and one entry for each time that the run was started."""
        return self.path / DEFINITION

    @property
    def source(self) -> Path:
        """A copy of the sweep's file as it was when the run was last started.

        It is not executed unless a command names it.
        """
        return self.path / "sweep.py"

    @property
    def code(self) -> Path:
        """Copies of the user's own modules that the sweep's file needs, as they are imported."""
        return self.path / CODE

    def code_before(self, start: int) -> Path:
        """Return the path of the modules as they were before the start of that number."""
        return self.path / f"{CODE}-before-{start}"

    def source_before(self, start: int) -> Path:
        """Return the path of the sweep's file as it was before the start of that number."""
        return self.path / f"sweep-before-{start}.py"

    def uncommitted(self, start: int) -> Path:
        """Return the path of what git had not committed at the start of that number."""
        return self.path / f"uncommitted-{start}.diff"

    @property
    def study(self) -> Path:
        """The Optuna study in SQLite, unless the study is in a database."""
        return self.path / STUDY

    @property
    def tune(self) -> Path:
        """What Tune writes for itself; Segue does not read it."""
        return self.path / "tune"

    @property
    def trials(self) -> Path:
        """The directories of the trials."""
        return self.path / TRIALS

    def trial(self, number: int) -> TrialLayout:
        """Return the paths of a trial.

        They are results, checkpoints and log, and what the driver adds once the trial has ended.
        """
        return TrialLayout(self.path / trial_name(number))

    def all_results(self) -> Iterator[Path]:
        """Return the rows of all trials that have reported."""
        return self.trials.glob(f"*/{RESULTS}")

    @property
    def decisions_folder(self) -> Path:
        """The driver's decisions on trials, other than to stop them.

        Copies of the checkpoints that they name are stored with them; the driver is the only
        writer.
        """
        return self.path / DECISIONS

    def decisions(self, number: int) -> Path:
        """Return the file of the driver's decisions on one trial."""
        return self.decisions_folder / f"{number:04d}.json"

    def prefix(self, key: str) -> Path:
        """Return the folder of training that several trials share; see `record.files.prefixes`."""
        return self.path / PREFIXES / key

    @property
    def requests(self) -> Path:
        """What people request of the sweep, a file each until the driver has recorded it."""
        return self.path / REQUESTS

    @property
    def artifacts(self) -> Path:
        """Files that are artifacts of the study, under the names that Optuna gives them."""
        return self.path / "artifacts"

    def ledger(self, service: str) -> Path:
        """Return the file that records which trials a logging service has received."""
        return self.path / "logged" / f"{service}.jsonl"

    @property
    def driven(self) -> Path:
        """In a copy from a store: the mark that a driver was running the sweep."""
        return self.path / DRIVEN

    @property
    def held_out(self) -> Path:
        """The results of the best configurations on held-out seeds."""
        return self.path / HELD_OUT

    @property
    def replays(self) -> Path:
        """Which trials other schedulers would have stopped, of the reports of the run."""
        return self.path / REPLAYS

    @property
    def best_json(self) -> Path:
        """The winner's parameters, pipeline and values."""
        return self.path / BEST_JSON

    @property
    def best_python(self) -> Path:
        """A Python file that builds and trains the winner's pipeline."""
        return self.path / BEST_PYTHON

    @property
    def report(self) -> Path:
        """The report, one HTML page."""
        return self.path / REPORT

    def rerun(self, number: int, stamp: str) -> Path:
        """Return the directory in which a trial is trained again, at the time `stamp`."""
        return self.path / "reruns" / f"{number:04d}-{stamp}"


def trial_name(number: int) -> str:
    """Return where a trial lies in its run directory.

    >>> trial_name(7)
    'trials/0007'
    """
    return f"{TRIALS}/{number:04d}"
