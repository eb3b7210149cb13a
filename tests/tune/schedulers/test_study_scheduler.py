from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.sweeps.points.corners import Corners
from segue.tune.run.directory import RunDirectory
from segue.tune.schedulers.criterion import CriterionScheduler
from segue.tune.schedulers.rules.stage_asha import StageASHA
from segue.tune.schedulers.study_scheduler import StudyScheduler
from segue.tune.schedulers.trial import NumberedTrial
from segue.tune.searcher.budget import Budget
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE, Verdicts
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import FakeTrial, FakeTune, open_record


class Remembering(FIFOScheduler):  # type: ignore[misc]
    """Records its calls, and returns `verdict`."""

    def __init__(self, verdict: str = TrialScheduler.CONTINUE) -> None:
        super().__init__()
        self.verdict = verdict
        self.calls: list[tuple[Any, ...]] = []

    def on_trial_add(self, tune_controller: Any, trial: NumberedTrial) -> None:
        self.calls.append(("add", trial.trial_id))

    def on_trial_result(
        self, tune_controller: Any, trial: NumberedTrial, result: dict[str, Any]
    ) -> str:
        self.calls.append(("result", trial.trial_id, result["env_steps"], result["return"]))
        return self.verdict

    def on_trial_complete(
        self, tune_controller: Any, trial: NumberedTrial, result: dict[str, Any]
    ) -> None:
        self.calls.append(("complete", trial.trial_id))

    def on_trial_error(self, tune_controller: Any, trial: NumberedTrial) -> None:
        self.calls.append(("error", trial.trial_id))


def test_trials_are_known_by_the_number_of_the_study(tmp_path: Path) -> None:
    inner = Remembering()
    scheduler = _scheduler(inner, open_record(tmp_path, make_sweep()))
    scheduler.on_trial_add(None, _trial(3))
    assert scheduler.on_trial_result(None, _trial(3), _row(100)) == TrialScheduler.CONTINUE
    scheduler.on_trial_complete(None, _trial(3), _row(100))
    assert inner.calls == [("add", "3"), ("result", "3", 100, 1.0), ("complete", "3")]


def test_a_stop_is_remembered_for_the_searcher(tmp_path: Path) -> None:
    verdicts = Verdicts()
    scheduler = _scheduler(
        Remembering(TrialScheduler.STOP), open_record(tmp_path, make_sweep()), verdicts
    )
    assert scheduler.on_trial_result(None, _trial(3), _row(100)) == TrialScheduler.STOP
    assert verdicts.stopped == {3: "Remembering: return 1 after 100 steps"}


def test_the_last_report_of_a_pipeline_cannot_be_stopped(tmp_path: Path) -> None:
    verdicts = Verdicts()
    scheduler = _scheduler(
        Remembering(TrialScheduler.STOP), open_record(tmp_path, make_sweep()), verdicts
    )
    assert (
        scheduler.on_trial_result(None, _trial(3), _row(1200, final=True))
        == TrialScheduler.CONTINUE
    )
    assert verdicts.stopped == {}


def test_a_pause_is_not_granted(tmp_path: Path) -> None:
    scheduler = _scheduler(Remembering(TrialScheduler.PAUSE), open_record(tmp_path, make_sweep()))
    assert scheduler.on_trial_result(None, _trial(3), _row(100)) == TrialScheduler.CONTINUE


def test_a_step_is_evaluated_once(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    record.begin(0)
    record.report(0, 200, 1.0)
    inner = Remembering(TrialScheduler.STOP)
    scheduler = _scheduler(inner, record)
    assert scheduler.on_trial_result(None, _trial(0), _row(100)) == TrialScheduler.CONTINUE
    assert scheduler.on_trial_result(None, _trial(0), _row(200)) == TrialScheduler.CONTINUE
    assert inner.calls == []
    assert scheduler.on_trial_result(None, _trial(0), _row(300)) == TrialScheduler.STOP


def test_a_failure_stops_the_trial_and_is_not_a_result(tmp_path: Path) -> None:
    inner = Remembering()
    verdicts = Verdicts()
    scheduler = _scheduler(inner, open_record(tmp_path, make_sweep()), verdicts)
    row = _row(100) | {FAILURE: "ValueError: diverged"}
    assert scheduler.on_trial_result(None, _trial(3), row) == TrialScheduler.STOP
    scheduler.on_trial_complete(None, _trial(3), row)
    assert inner.calls == [("error", "3")]
    assert verdicts.stopped == {}


def test_the_cause_of_a_lost_worker_is_recorded(tmp_path: Path) -> None:
    verdicts = Verdicts()
    scheduler = _scheduler(Remembering(), open_record(tmp_path, make_sweep()), verdicts)
    scheduler.on_trial_error(None, _LostTrial("tune-0", _trial(4).config))
    assert verdicts.lost == {4: "Its worker was lost: The actor died."}


def test_the_inner_scheduler_is_shown_the_history_once(tmp_path: Path) -> None:
    record = open_record(tmp_path, make_sweep())
    for number in range(4):
        record.begin(number)
        record.report(number, 100, float(number))
    record.complete(0, 200, 5.0, {})
    record.stop(1, 200, 6.0, {})
    record.fail(2, "diverged", {})
    inner = Remembering()
    scheduler = _scheduler(inner, record)
    scheduler.on_trial_add(None, _trial(3))
    scheduler.on_trial_add(None, _trial(4))
    assert inner.calls == [
        *(
            ("add", "3"),
            ("result", "3", 100, 3.0),
            ("error", "3"),
        ),  # what runs is shown first, and added again below
        *(("add", "0"), ("result", "0", 100, 0.0), ("result", "0", 200, 5.0), ("complete", "0")),
        *(("add", "1"), ("result", "1", 100, 1.0), ("result", "1", 200, 6.0), ("complete", "1")),
        *(("add", "2"), ("result", "2", 100, 2.0), ("error", "2")),
        ("add", "3"),
        ("add", "4"),
    ]


@pytest.mark.parametrize(
    "scheduler",
    [
        "asha",
        "stage_asha",
        "median",
        MedianStoppingRule("env_steps", grace_period=200, min_samples_required=2),
    ],
)
@pytest.mark.parametrize(
    "killed_after", [7, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 11))]
)
def test_verdicts_are_those_of_one_long_run(
    tmp_path: Path, scheduler: Any, killed_after: int
) -> None:
    sweep = make_sweep(scheduler=scheduler)
    outcomes = []
    for name, budgets in (("whole", [16]), ("in parts", [killed_after, killed_after + 2, 16])):
        (tmp_path / name).mkdir()
        for budget in budgets:
            record = open_record(tmp_path / name, sweep)
            FakeTune(record, sweep, budget, {}).run()
            record.close()
        outcomes.append([(trial.state, trial.value, trial.last_step) for trial in record.trials])
    assert outcomes[0] == outcomes[1]
    assert len({state for state, _, _ in outcomes[0]}) >= 2


@pytest.mark.parametrize("name", ["asha", "stage_asha", "criterion"])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_rung_counts_what_trials_share_once(
    tmp_path: Path, name: str, is_restarted: bool
) -> None:
    """The best third of 1.0 and 0.0 is above 0.67; of two times 1.0 and 0.0, it is 1.0."""
    sweep = make_sweep()
    record = open_record(tmp_path, sweep)
    asha = AsyncHyperBandScheduler("env_steps", grace_period=400, max_t=1200, reduction_factor=3)
    made = {
        "asha": asha,
        "stage_asha": StageASHA(400),
        "criterion": CriterionScheduler(NeverEarlyStoppingCriterion(), asha),
    }[name]
    verdicts = Verdicts()

    def report(number: int, step: int, value: float, **marks: Any) -> str:
        row = _row(step) | {"stages": 2, "stage_done": step == 400, "return": value} | marks
        decision = str(scheduler.on_trial_result(None, _trial(number), row))
        if "forked_from" in marks:
            fork = {"trial": 0, "env_steps": step, "total_env_steps": step}
            record.record_fork(number, fork)
        record.report(number, step, value)
        return decision

    scheduler = _scheduler(deepcopy(made), record, verdicts)
    for number in range(4):
        record.begin(number)
        scheduler.on_trial_add(None, _trial(number))
    report(0, 400, 1.0)
    report(1, 400, 1.0, forked_from=0)
    report(2, 400, 0.0)
    assert report(1, 500, 5.0) == TrialScheduler.CONTINUE, "it is compared at 400 no more"
    if is_restarted:
        scheduler = _scheduler(deepcopy(made), record, verdicts)
        scheduler.on_trial_add(None, _trial(3))
    if name == "stage_asha":
        assert "2 at the end of stage 1 of 2" in scheduler.debug_string()
    else:
        assert report(3, 400, 0.8) == TrialScheduler.CONTINUE


class _LostTrial(FakeTrial):
    def get_error(self) -> Exception:
        return RuntimeError("The actor died.\nclass_name: ...")


def _scheduler(
    inner: TrialScheduler, record: StudyRecord, verdicts: Verdicts | None = None
) -> StudyScheduler:
    run = RunDirectory(Path("nowhere"))
    sweep = make_sweep()
    scheduler = StudyScheduler(
        inner, sweep, Corners.of(sweep), record, run, verdicts or Verdicts(), Budget(16)
    )
    assert scheduler.set_search_properties("return", "max")
    return scheduler


def _trial(number: int) -> FakeTrial:
    return FakeTrial(f"tune-{number}", {"trial": number, "recorded": {}})


def _row(step: int, final: bool = False) -> dict[str, Any]:
    stage = {"stage": 0, "stages": 1, "stage_steps": step, "stage_done": final}
    return {"return": 1.0, "env_steps": step, "final": final} | stage
