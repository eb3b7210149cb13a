"""Which trials are best, and what tables, services and scripts get of a trial."""

from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.record.study.ranking import best_complete, metric_of, ranked
from segue.record.study.trials import summarize


def trial(number: int, state: TrialState, value: float, **attributes: Any) -> FrozenTrial:
    steps = attributes.pop("steps", 100)
    made = create_trial(
        state=state,
        values=[value] if state == TrialState.COMPLETE else None,
        intermediate_values={steps: value},
        user_attrs=attributes,
    )
    made.number = number
    return made


VIOLATED = {"constraints": {"slow": 1.0}}
TRIALS = [
    trial(0, TrialState.COMPLETE, 1.0),
    trial(1, TrialState.COMPLETE, 3.0, **VIOLATED),
    trial(2, TrialState.COMPLETE, 2.0, constraints={"slow": 0.0}),
    trial(3, TrialState.PRUNED, 9.0, steps=50),
    trial(4, TrialState.PRUNED, 5.0, steps=200),
    trial(5, TrialState.FAIL, 7.0),
    trial(6, TrialState.COMPLETE, 2.0),
]


def test_complete_trials_come_first_then_long_ones_and_violations_last() -> None:
    assert [each.number for each in ranked(TRIALS, "max")] == [2, 6, 0, 1, 4, 3]
    assert [each.number for each in ranked(TRIALS, "min")] == [0, 2, 6, 1, 4, 3]


def test_the_best_is_allowed_if_any_is() -> None:
    for mode, number in (("max", 2), ("min", 0)):
        best = best_complete(TRIALS, mode)
        assert best is not None and best.number == number
    violated = best_complete(TRIALS[1:2], "max")
    assert violated is not None and violated.number == 1
    assert best_complete(TRIALS[3:6], "max") is None


def test_a_failed_trial_has_no_metric() -> None:
    assert [metric_of(each) for each in TRIALS[3:6]] == [9.0, 5.0, None]


def test_keys_say_the_metrics_name() -> None:
    done = create_trial(
        values=[0.5, 300.0],
        user_attrs={"success_per_seed": [0.4, 0.6], "env_steps": 400, "stage": 2},
    )
    found = summarize(done, ("success", "steps to 0.9"))
    known = found.to_dict("success")
    assert known["success"] == 0.5 and known["steps to 0.9"] == 300.0
    assert known["success_per_seed"] == [0.4, 0.6] and known["stage"] == 2
    assert found.to_columns("success")["success_per_seed"] == "0.4 0.6"
    assert not {"metric", "value", "values", "per_seed"} & known.keys()


def test_a_running_trial_is_known_by_its_rows() -> None:
    running = create_trial(state=TrialState.RUNNING)
    rows = [{"success": 0.25, "stage": 0, "stages": 2, "env_steps": 100, "stage_done": True}]
    found = summarize(running, ("success",), is_driven=False, rows=rows)
    assert (found.state, found.metric, found.stage, found.stages) == ("interrupted", 0.25, 1, 2)
    assert found.stages_ended_at == [100] and found.values == {}
