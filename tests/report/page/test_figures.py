"""What figures show of trials made by hand."""

from dataclasses import replace
from html import escape

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from segue.report.page.figures.compute import best_of_k_figure, unit_of_time
from segue.report.page.figures.curves import learning_curves
from segue.report.page.figures.optuna_view import plot_study, plotted
from segue.report.page.figures.scheduling.pruning import ShownRung, pruning_figure, rungs
from segue.report.page.figures.slices import log_ticks, slices
from segue.report.page.text_table import TextTable
from tests.report.page.support import evidence, trial


def test_lines_have_no_stray_markers() -> None:
    """Plotly draws markers on lines of fewer than 20 points unless the mode is given."""
    found = evidence([trial(0, [1.0, 2.0]), trial(1, [3.0, 4.0])])
    for rows in found.curves.values():
        for row in rows:
            row["metric_per_seed"] = [1.0, 2.0]
    for figure in (learning_curves(found), best_of_k_figure(found)):
        assert all(trace.mode in ("lines", "markers") for trace in figure.data)
        marked = [trace for trace in figure.data if trace.mode == "markers"]
        assert all(trace.marker.symbol == "diamond" for trace in marked)


def test_a_single_stage_is_not_marked() -> None:
    figure = learning_curves(evidence([trial(0, [1.0], stages=1, ends=[1200])]))
    assert {trace.mode for trace in figure.data} == {"lines"}
    assert not figure.layout.annotations and not figure.layout.shapes


def test_reports_of_one_rung_are_counted_together() -> None:
    """Rungs at about 150 and 500; a stage that ends at 160 is a report of its own."""
    trials = [
        trial(0, [9.0]),
        trial(1, [1.0], state="pruned", steps=160),
        trial(2, [2.0], state="pruned", steps=200),
        trial(3, [3.0], state="pruned", steps=500),
    ]
    steps = {0: range(100, 1300, 100), 1: (100, 160), 2: (100, 200), 3: range(100, 600, 100)}
    curves = {
        number: [{"env_steps": step, "return": 1.0} for step in reported]
        for number, reported in steps.items()
    }
    counts = rungs(replace(evidence(trials), curves=curves))
    assert list(counts) == [ShownRung(0, 160, 200), ShownRung(0, 500, 500)]
    assert [count.stopped for count in counts.values()] == [[1, 2], [3]]
    assert [count.survived for count in counts.values()] == [[0, 3], [0]]
    assert list(pruning_figure(counts, by_stage=False).data[0].x) == ["160 to 200", "500"]


@pytest.mark.parametrize(
    ("seconds", "unit"), [(50.4, "seconds"), (1_000.0, "minutes"), (90_000.0, "hours")]
)
def test_time_has_a_readable_unit(seconds: float, unit: str) -> None:
    assert unit_of_time(seconds)[0] == unit


def study_of_slices() -> optuna.Study:
    kinds = {
        "lr": FloatDistribution(1e-4, 1e-1, log=True),
        "rule": CategoricalDistribution(["adam", "sgd"]),
        "size": CategoricalDistribution([8.0, 16.0]),
    }
    study = optuna.create_study(direction="maximize")
    for lr, rule, size in ((1e-4, "adam", 8.0), (3e-2, "sgd", 16.0)):
        params = {"lr": lr, "rule": rule, "size": size}
        study.add_trial(create_trial(value=lr, params=params, distributions=kinds))
    return study


def test_axes_of_slices_can_be_read() -> None:
    axes = {axis.title.text: axis for axis in slices(study_of_slices(), "return").select_xaxes()}
    assert list(axes["lr"].ticktext) == ["0.0001", "0.001", "0.01"]
    assert list(axes["rule"].ticktext) == ["adam", "sgd"]
    assert list(axes["rule"].tickvals) == ["'adam'", "'sgd'"]  # as Optuna names them
    assert axes["rule"].automargin  # long ones lie aslant
    assert list(axes["size"].ticktext) == ["8", "16"]


def test_columns_of_words_are_those_whose_cells_are_not_numbers() -> None:
    rows = [("1,000", "-0.5", "adam", "", ""), ("2,000", "+1 (of 3)", "8", ".5", "paused at 7")]
    table = TextTable("anchor", "", "", ("a", "b", "c", "d", "e"), rows)
    assert table.words == [False, False, True, False, True]


def test_ticks_of_a_wide_range_are_few() -> None:
    assert log_ticks([1e-9, 1.0]) == [1e-9, 1e-6, 1e-3, 1.0]
    assert log_ticks([3e-4, 7e-4]) == [3e-4, 7e-4]


def test_trials_keep_their_numbers_in_plots() -> None:
    found = evidence([trial(0, [1.0])])
    kinds = {"<lr>": FloatDistribution(0.0, 1.0)}
    wider = {"<lr>": FloatDistribution(0.0, 2.0)}
    states = [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    trials = []
    for number, (state, distribution) in enumerate(zip(states, (kinds, kinds, wider), strict=True)):
        value = 1.0 if state == TrialState.COMPLETE else None
        made = create_trial(
            state=state, value=value, params={"<lr>": 0.5}, distributions=distribution
        )
        made.number = number
        trials.append(made)
    study = plot_study(replace(found.summary, trials=tuple(trials)), lambda each: each.value)
    assert [each.number for each in plotted(study)] == [1, 2]
    assert {each.distributions[escape("<lr>")].high for each in plotted(study)} == {2.0}
