"""Trials that no other one beats, by several objectives, and by the metric and its cost."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.cli.trained.retrain import RetrainChoice, _chosen
from segue.record.files.definition import RunDefinition
from segue.record.study.trials import TrialSummary
from segue.report.analysis.front import Front, fronts, unbeaten
from segue.report.data.evidence import Evidence
from segue.report.data.summary import read_summary
from segue.report.page.figures.front import front_figure, front_table
from tests.report.page.support import evidence, trial

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(points)
def test_every_point_is_unbeaten_or_beaten_by_an_unbeaten_one(
    found: list[tuple[int, int]],
) -> None:
    best = [found[index] for index in unbeaten(found)]
    assert best
    for one, other in found:
        assert any(mine >= one and theirs >= other for mine, theirs in best)
        is_beaten = any(
            mine >= one and theirs >= other and (mine, theirs) != (one, other)
            for mine, theirs in found
        )
        assert is_beaten == ((one, other) not in best)


def of_two(number: int, value: float, length: float, violated: float = 0.0) -> TrialSummary:
    found = trial(number, (value, value))
    values = {"return": value, "length": length}
    return replace(found, values=values, constraints={"safe": violated})


def test_the_front_of_several_objectives_leaves_out_what_violates_a_constraint() -> None:
    trials = [
        of_two(0, 5.0, 90.0),
        of_two(1, 3.0, 20.0),
        of_two(2, 3.0, 30.0),
        of_two(3, 9.0, 10.0, violated=1.0),
        of_two(4, 1.0, 10.0),
    ]
    sweep = {"metric": "return", "mode": "max", "objectives": [["length", "min"]]}
    found = evidence(trials)
    summary = replace(
        found.summary,
        definition=RunDefinition(name="x", fingerprint="", sweep=sweep),
        further_objectives=("length",),
    )
    (front,) = fronts(replace(found, summary=summary))
    assert front.modes == ("max", "min")
    assert [each.number for each in front.best] == [0, 1, 4]
    figure = front_figure([front])
    assert [list(trace.text) for trace in figure.data] == [["2"], ["3"], ["4", "1", "0"]]
    table = front_table([front])
    assert table.columns[:4] == ("trial", "return", "length", "safe <= 0")
    assert table.rows[1][:4] == ("1", "3", "20", "0")


def test_with_one_objective_the_metric_is_compared_with_the_steps_to_reach_it() -> None:
    trials = [trial(0, (5.0, 5.0)), trial(1, (4.0, 4.0)), trial(2, (4.0, 4.0))]
    curves = {0: [1.0] * 8 + [5.0] * 4, 1: [1.0, 4.5, 3.0, 4.0], 2: [1.0, 1.0, 1.0, 4.0]}
    (front, *timed) = fronts(evidence(trials, curves))
    assert not timed, "there is no log with speeds"
    assert [front.values_of(each)[1] for each in trials] == [1800.0, 400.0, 800.0]
    assert [each.number for each in front.best] == [0, 1]
    least = Front.of(("return", "length"), ("min", "min"), trials[:2], [(1.0, 2.0), (0.5, 2.0)])
    assert [each.number for each in least.best] == [1]


def test_the_trials_of_the_front_are_retrained(run: Path) -> None:
    summary = read_summary(run)
    front, timed = fronts(Evidence.of(summary))
    assert timed.names[1] == "seconds to reach it"
    chosen = _chosen(summary, str(run), RetrainChoice.pareto, None)
    assert [each.number for each in chosen] == [each.number for each in front.best]
    assert _chosen(summary, str(run), RetrainChoice.pareto, 1) == chosen[:1]
    assert len(_chosen(summary, str(run), RetrainChoice.best, None)) == 3


def test_the_modes_of_a_damaged_definition_are_refused(run: Path) -> None:
    known = json.loads((run / "sweep.json").read_text())
    known["definition"]["objectives"] = ["length"]
    (run / "sweep.json").write_text(json.dumps(known))
    with pytest.raises(ValueError, match=r"sweep.json is damaged \(objectives"):
        read_summary(run)
