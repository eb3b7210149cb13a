"""Tune's calls of searcher and scheduler in a real run, made again on a new study."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from segue.plan.sweeps.sweep import Sweep
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.searcher.searcher import StudySearcher
from tests.tune.support.fake_tune import FakeTrial, FakeTune, open_record

_SEARCHER = ("suggest", "on_trial_result", "on_trial_complete")
_SCHEDULER = ("on_trial_add", "on_trial_result", "on_trial_complete")


@dataclass
class Call:
    """A call of one of both, its arguments without Tune's own objects, and what it returned."""

    of: str
    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    returned: Any


def log_calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Log all calls of the searcher and the scheduler from now on, in their order."""
    calls: list[Call] = []

    def log(owner: type, of: str, method: str) -> None:
        original = getattr(owner, method)

        def logged(self: Any, *arguments: Any, **keywords: Any) -> Any:
            given = tuple(map(_plain, arguments))
            returned = original(self, *arguments, **keywords)
            calls.append(Call(of, method, given, deepcopy(keywords), deepcopy(returned)))
            return returned

        monkeypatch.setattr(owner, method, logged)

    for method in _SEARCHER:
        log(StudySearcher, "searcher", method)
    for method in _SCHEDULER:
        log(StudyScheduler, "scheduler", method)
    return calls


def _plain(argument: Any) -> Any:
    if hasattr(argument, "trial_id"):
        return FakeTrial(argument.trial_id, deepcopy(argument.config))
    if hasattr(argument, "get_live_trials"):
        return SimpleNamespace(get_live_trials=list)
    return deepcopy(argument)


def replayed(calls: list[Call], sweep: Sweep, path: Path) -> list[FrozenTrial]:
    """Make the calls again, each with the result that it had, and return the study's trials."""
    path.mkdir()
    record = open_record(path, sweep)
    tune = FakeTune(record, sweep, sweep.requested_trials, {}, path)
    for call in calls:
        part = getattr(tune, call.of)
        returned = getattr(part, call.method)(*call.arguments, **call.keywords)
        assert returned == call.returned, call
    record.close()
    return record.trials
