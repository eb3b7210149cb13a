"""Pauses of a freeze-thaw search: the sections of the report, and its warning."""

import html
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from segue.record.study.content import damaged_attributes
from segue.report.analysis.pauses import Pauses
from segue.report.data.evidence import Evidence
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from segue.report.page.figures.scheduling.pauses import (
    events_table,
    predicted_figure,
    timeline_figure,
)
from segue.report.page.figures.scheduling.predictions import calibration_text
from segue.report.page.page import page
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from tests.report.conftest import make
from tests.report.page.support import evidence, trial
from tests.report.page.test_report import anchors, without_scripts
from tests.tune.support.doubles import MIXED, make_sweep

PAUSING: dict[str, Any] = {
    "space": MIXED,
    "trials": 16,
    "max_env_steps": 6 * 2400,
    "seed": 1,
    "search": "freeze_thaw",
    "scheduler": None,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 16 trials within the steps of six."""
    return make(tmp_path_factory.mktemp("paused") / "run", 16, **PAUSING)


def test_every_pause_is_shown_with_its_reason(run: Path) -> None:
    found = Pauses.of(Evidence.of(read_summary(run)))
    spent = [pause.spent for pause in found.pauses]
    assert spent == sorted(spent) and 0 < len(found.resumed) < len(spent)
    for pause in found.pauses:
        assert pause.end.low <= pause.end.value <= pause.end.high
        assert pause.resumed is None or pause.spent <= pause.resumed.spent
    table = events_table(found)
    last = found.pauses[-1]
    paused = next(row for row in table.rows[::-1] if row[2].startswith("paused"))
    assert paused[:3] == (f"{last.spent:,}", str(last.trial), f"paused at {last.at:,}")
    assert paused[3].startswith(f"predicted end {last.end.value:.4g} (")
    assert paused[3].endswith(f"; trial {last.instead} in its place")
    why = [row[3] for row in table.rows if row[2].startswith("resumed")]
    assert all(re.match(r"the most promising of \d+ paused trials? ", text) for text in why)
    figure = timeline_figure(found)
    assert [len(trace.x) for trace in figure.data[1:]] == [len(spent), len(found.resumed)]


def test_predicted_ends_stand_beside_the_curves(run: Path) -> None:
    found = Pauses.of(Evidence.of(read_summary(run)))
    states = {each.number: each.state for each in facts(read_summary(run))}
    assert {states[number] for number in found.ends} == {"pruned"}
    *_, complete, paused = predicted_figure(found).data
    assert set(complete.customdata) == {n for n, state in states.items() if state == "complete"}
    assert set(paused.customdata) == set(found.ends)
    assert sorted([*complete.x, *paused.x]) == list(range(1, len(states) + 1))
    assert max(paused.error_y["array"]) > 0
    text = html.unescape(without_scripts(page(read_summary(run))))
    wanted = [
        anchor for anchor in anchors(text) if anchor in ("predicted", "pauses", "calibration")
    ]
    assert wanted[:2] == ["predicted", "pauses"]
    assert "<h2>Predicted ends</h2>" in text and "A pause takes no steps" in text


def paused(at: int, value: float, half: float, **more: Any) -> dict[str, Any]:
    return {"at": at, "spent": at, "value": value, "low": value - half, "high": value + half} | more


def test_the_worked_calibration() -> None:
    resumed = {"spent": 500, "of": 3, "new": 64, "check": False}
    predicted = [[(1.0, 0.5), (2.0, 0.1)], [(2.5, 1.0)], [(4.0, 0.2)], [(9.0, 1.0)]]
    ends = [2.05, 3.0, 5.0, None]
    trials = [
        create_trial(
            state=TrialState.COMPLETE if end else TrialState.PRUNED,
            value=end or 1.0,
            params={"lr": 1e-3},
            distributions={"lr": FloatDistribution(1e-4, 1e-2)},
            intermediate_values={100: 1.0},
            user_attrs={
                "pauses": [
                    paused(100 * (1 + index), *each, instead=7, resumed=resumed if end else None)
                    for index, each in enumerate(of_trial)
                ]
            },
        )
        for end, of_trial in zip(ends, predicted, strict=True)
    ]
    for number, each in enumerate(trials):
        each.number = number
        assert damaged_attributes(each.user_attrs) == []
    shown = [trial(n, (end or 1.0,), "complete" if end else "pruned") for n, end in enumerate(ends)]
    found = evidence(shown)
    object.__setattr__(found.summary, "trials", tuple(trials))
    pauses = Pauses.of(found)
    assert [each.is_within for each in pauses.predictions] == [False, True, False, True]
    assert pauses.median_error == pytest.approx((0.5 + 1.0) / 2)
    assert pauses.correlation == pytest.approx(1.0)
    object.__setattr__(pauses.pauses[0].resumed, "is_check", True)
    reasons = [row[3] for row in events_table(pauses).rows if row[2].startswith("resumed")]
    promising = "the most promising of 3 paused trials and 64 new points"
    assert reasons.count(promising) == 3
    assert reasons.count("a check: early values may mislead, so that it runs to its end") == 1
    assert "2 of 4 ends lie in their interval (50 %, where 80 % are" in calibration_text(pauses)


def test_the_page_says_which_search_auto_chose(run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run, tmp_path / "run"))
    directory = RunDirectory(run)
    with open_run(directory, make_sweep(**PAUSING), "double", search="freeze_thaw (auto: why)"):
        pass
    seen = html.unescape(without_scripts(page(read_summary(run))))
    assert "<dt>search</dt><dd>freeze_thaw (auto: why)</dd>" in seen


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pauses", [100]),
        ("pauses", [{"at": 100}]),
        ("pauses", [paused(100, 1.0, 0.1, resumed={"spent": "many"})]),
        ("predicted_end", 0.5),
        ("predicted_end", {"value": "high", "low": 0.0, "high": 1.0}),
    ],
)
def test_a_damaged_attribute_is_left_out(name: str, value: object) -> None:
    assert damaged_attributes({name: value}) == [name]
