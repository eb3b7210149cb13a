"""Tune's calls of searcher and scheduler, in Tune's order, one trial at a time and without Ray."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from ray.tune.utils.util import flatten_dict

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.rules.pbt import StagedPBT
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.search.auto import chosen_search
from segue.tune.search.domains import SearchSpace
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.copies import Copies
from segue.tune.searcher.freeze_thaw import freeze_thaw_of
from segue.tune.searcher.searcher import StudySearcher
from segue.tune.searcher.steering import Steering
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE, Verdicts
from tests.tune.support.doubles import EVERY, learning_curve

_CONTROLLER = SimpleNamespace(get_live_trials=list)


@dataclass
class FakeTrial:
    """What searcher and scheduler see of a Tune trial."""

    trial_id: str
    config: dict[str, Any]


def open_record(path: Path, sweep: Sweep) -> StudyRecord:
    """The study of a sweep in a folder, with its grid.

    A new one is a copy of the first with this grid, which Optuna takes 0.2 s to write.
    """
    file = path / "study.db"
    space = SearchSpace.of(sweep.space)
    points = sweep.grid() or []
    if not file.exists():
        key = repr((sweep.mode, [space.recorded(point) for point in points]))
        if key not in _PLANNED:
            with TemporaryDirectory() as folder:
                first = StudyRecord(Path(folder) / "study.db", "double", sweep.mode, space)
                first.plan(points)
                first.close()
                _PLANNED[key] = (Path(folder) / "study.db").read_bytes()
        file.write_bytes(_PLANNED[key])
    record = StudyRecord(file, "double", sweep.mode, space)
    record.plan(points)
    return record


_PLANNED: dict[str, bytes] = {}
"""Studies in which a grid is planned, and nothing else."""


class FakeTune:
    """Runs what is left of a sweep against a study. `steps` is kept by the caller: the trials' own
    directories.
    """

    def __init__(
        self,
        record: StudyRecord,
        sweep: Sweep,
        budget: int,
        steps: dict[int, int],
        path: Path = Path("nowhere"),
        steering: Steering | None = None,
    ) -> None:
        verdicts = Verdicts()
        corners = Corners.of(sweep)
        limits = Budget.of(sweep, budget, corners.longest_pipeline * sweep.seeds)
        scheduler = make_scheduler(sweep, corners)
        copies = Copies(record, is_on=not isinstance(scheduler, StagedPBT))
        search = chosen_search(sweep, corners).name
        freeze_thaw = freeze_thaw_of(search, sweep, record, limits)
        self.searcher = StudySearcher(
            record,
            sweep,
            limits,
            verdicts,
            copies,
            freeze_thaw,
            search=search,
            steering=steering,
        )
        self.scheduler = StudyScheduler(
            scheduler,
            sweep,
            corners,
            record,
            RunDirectory(path),
            verdicts,
            limits,
            freeze_thaw,
            steering,
        )
        self.scheduler.set_search_properties(sweep.metric, sweep.mode)
        self._sweep = sweep
        self._record = record
        self._steps = steps
        self._last: dict[str, dict[str, Any]] = {}

    def start(self, trial_id: str = "by hand") -> FakeTrial:
        """Begin one trial, to be driven by hand."""
        config = self.searcher.suggest(trial_id)
        assert isinstance(config, dict)
        trial = FakeTrial(trial_id, config)
        self.scheduler.on_trial_add(_CONTROLLER, trial)
        return trial

    def reports(self, trial: FakeTrial, step: int) -> bool:
        """Report what the trial has at a step; True when it is stopped."""
        parameters = self._record.parameters(trial.config["trial"])
        return self._reports(trial, learning_curve(self._sweep, parameters, step))

    def hear(self, trial: FakeTrial, row: dict[str, Any]) -> bool:
        """Report a row; True when the trial is stopped."""
        self._last[trial.trial_id] = row
        return self._reports(trial, row)

    def finish(self, trial: FakeTrial) -> None:
        """The trial ends with what it reported last."""
        self._ends(trial, self._last[trial.trial_id])

    def run(self) -> None:
        for index in count():
            trial_id = f"tune-{index}"
            config = self.searcher.suggest(trial_id)
            if config == Searcher.FINISHED:
                return
            assert isinstance(config, dict)
            self._run_one(FakeTrial(trial_id, config))

    def _run_one(self, trial: FakeTrial) -> None:
        self.scheduler.on_trial_add(_CONTROLLER, trial)
        number = trial.config["trial"]
        parameters = self._record.parameters(number)
        reached = self._steps.get(number, 0)
        row = learning_curve(self._sweep, parameters, reached) | {"replayed": True}
        if reached and self._reports(trial, row):
            return
        for step in range(reached + EVERY, 1200 + EVERY, EVERY):
            row = learning_curve(self._sweep, parameters, step)
            if parameters["lr"] == 3e-3 and step == 2 * EVERY:
                row |= {"return": float("nan"), FAILURE: "FloatingPointError: diverged"}
            else:
                self._steps[number] = step  # as a checkpoint does: before the report
            if self._reports(trial, row):
                return
        self._ends(trial, row)

    def _reports(self, trial: FakeTrial, row: dict[str, Any]) -> bool:
        said = self.scheduler.on_trial_result(_CONTROLLER, trial, row)
        if said == TrialScheduler.STOP:
            self._ends(trial, row)
            return True
        self.searcher.on_trial_result(trial.trial_id, flatten_dict(row))
        return False

    def _ends(self, trial: FakeTrial, row: dict[str, Any]) -> None:
        self.scheduler.on_trial_complete(_CONTROLLER, trial, row)
        self.searcher.on_trial_complete(trial.trial_id, flatten_dict(row))  # as Tune does
