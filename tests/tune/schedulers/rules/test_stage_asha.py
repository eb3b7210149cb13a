"""Stage-aware ASHA: worked numbers, and laws."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import TrialScheduler

from segue.record.study.stages import Stages
from segue.tune.schedulers.rules.stage_asha import Rung, StageASHA

STOP = TrialScheduler.STOP
CONTINUE = TrialScheduler.CONTINUE


def made(mode: str = "max", **given: Any) -> StageASHA:
    scheduler = StageASHA(**({"grace_period": 100} | given))
    assert scheduler.set_search_properties("return", mode)
    return scheduler


def report(
    stage_steps: int, value: float, stage: int = 0, stages: int = 2, done: bool = False
) -> dict[str, Any]:
    return {
        "return": value,
        "stage": stage,
        "stages": stages,
        "stage_steps": stage_steps,
        "stage_done": done,
    }


def decisions_of(scheduler: StageASHA, trial: object, *reports: dict[str, Any]) -> list[str]:
    return [
        scheduler.on_trial_result(None, SimpleNamespace(trial_id=str(trial)), row)
        for row in reports
    ]


def test_points_are_geometric_within_the_stage() -> None:
    scheduler = made()
    steps = [99, 100, 299, 300, 899, 900, 2_700]
    assert [scheduler.rung(report(n, 0.0, stage=1)) for n in steps] == [
        None,
        *(Rung(1, 2, n) for n in (100, 100, 300, 300, 900, 2_700)),
    ]


def test_a_stage_s_end_is_a_point_of_its_own_but_for_the_last() -> None:
    scheduler = made()
    assert scheduler.rung(report(5_000, 0.0, done=True)) == Rung(0, 2, None)
    assert scheduler.rung(report(10, 0.0, done=True)) == Rung(0, 2, None)
    assert scheduler.rung(report(5_000, 0.0, stage=1, done=True)) is None


def test_the_best_third_continues() -> None:
    scheduler = made()
    values = [3.0, 2.0, 1.0, 2.5, 4.0, 2.9]
    # A trial needs two others to be compared; then one of 3, two of 4, 5 and 6 may continue.
    assert [
        decisions_of(scheduler, n, report(100, value))[0] for n, value in enumerate(values)
    ] == [
        CONTINUE,
        CONTINUE,
        STOP,
        CONTINUE,
        CONTINUE,
        STOP,
    ]
    assert scheduler.reason("5") == "return 2.9 at 100 steps of stage 1 of 2 was number 3 of 6"


def test_what_is_less_can_be_better() -> None:
    scheduler = made(mode="min")
    assert [
        decisions_of(scheduler, n, report(100, value))[0]
        for n, value in enumerate([1.0, 2.0, 3.0, 0.5])
    ] == [
        CONTINUE,
        CONTINUE,
        STOP,
        CONTINUE,
    ]


def test_equal_trials_continue_together() -> None:
    scheduler = made()
    assert [decisions_of(scheduler, n, report(100, 1.0))[0] for n in range(9)] == [CONTINUE] * 9


def test_a_trial_counts_once_at_a_point_with_its_first_report() -> None:
    scheduler = made()
    for n in range(3):
        decisions_of(scheduler, n, report(100, 5.0))
    assert (
        decisions_of(scheduler, "late", report(150, 6.0), report(200, -1.0), report(299, -1.0))
        == [CONTINUE] * 3
    )
    assert scheduler._rungs.values[Rung(0, 2, 100)]["late"] == 6.0


def test_a_trial_still_imitating_is_not_compared_with_those_that_learn_from_reward() -> None:
    scheduler = made()
    for n in range(5):
        decisions_of(scheduler, n, report(100, 100.0, stage=1))
    assert decisions_of(scheduler, "imitates", report(100, 0.0, stage=0)) == [CONTINUE]
    assert decisions_of(scheduler, "alone", report(100, 0.0, stage=0, stages=1)) == [CONTINUE]
    assert decisions_of(scheduler, "same point", report(100, 0.0, stage=1)) == [STOP]


def test_one_trial_is_never_stopped() -> None:
    rows = [report(n, -float(n)) for n in range(50, 3_000, 50)]
    assert set(decisions_of(made(), 0, *rows)) == {CONTINUE}


def test_the_minimum_of_peers_is_respected() -> None:
    scheduler = made(min_peers=6)
    assert [decisions_of(scheduler, n, report(100, -float(n)))[0] for n in range(8)] == [
        CONTINUE
    ] * 6 + [STOP] * 2


def test_nan_stops_at_once() -> None:
    scheduler = made()
    assert decisions_of(scheduler, 0, report(1, float("nan"))) == [STOP]
    assert scheduler.reason("0") == "its return is NaN"


def test_a_report_without_its_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="StageASHA needs 'stage' in every report"):
        decisions_of(made(), 0, {"return": 1.0})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grace_period": 0}, "grace_period must be"),
        (
            {"reduction_factor": 1},
            "reduction_factor must be above 1, got 1: with 3, the best third continues",
        ),
        ({"min_peers": 0}, "min_peers must be"),
        ({"mode": "most"}, "mode must be 'max' or 'min', got 'most'"),
    ],
)
def test_numbers_that_cannot_work_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        StageASHA(**({"grace_period": 100} | given))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.integers(2, 5), st.integers(1, 5))
def test_a_stopped_trial_is_not_among_the_best_so_far(
    values: list[float], factor: int, peers: int
) -> None:
    scheduler = made(reduction_factor=factor, min_peers=peers)
    for n, value in enumerate(values):
        (verdict,) = decisions_of(scheduler, n, report(100, value))
        better = sum(other > value for other in values[:n])
        assert (verdict == STOP) == (n >= peers and better >= (n + 1) / factor)


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.data())
def test_positions_in_stages_follow_from_the_ends_of_stages(
    ends: list[bool], data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.integers(1, 9), min_size=len(ends), max_size=len(ends)))
    known = Stages(sum(ends) + 1)
    step = 0
    stage = 0
    entered = 0
    rows = []
    for gap, done in zip(gaps, ends, strict=True):
        step += gap
        standing = {
            "stage": stage,
            "stages": sum(ends) + 1,
            "stage_steps": step - entered,
            "stage_done": done,
        }
        rows.append({"env_steps": step} | standing)
        stage, entered = (stage + 1, step) if done else (stage, entered)
    for row in rows:
        known = known.with_report(row).with_report(row)
        assert {"env_steps": row["env_steps"]} | known.standing(row["env_steps"]) == row
    assert [
        {"env_steps": row["env_steps"]} | known.standing(row["env_steps"]) for row in rows
    ] == rows
