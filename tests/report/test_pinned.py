"""Everything that shows a run says which names the command line has pinned."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from segue.plan.sweeps.points.pins import pin
from segue.report import tables
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from segue.report.export import Winner, export
from segue.report.page.page import page
from tests.report.conftest import MakeRun
from tests.report.test_description import described
from tests.tune.support.doubles import MIXED, make_sweep

PINNED = "lr=0.0003, gae_lambda=0.95"


def test_the_pins_of_a_run_are_shown(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = pin(make_sweep(), {"lr": "3e-4", "gae_lambda": "0.95"})
    assert f"pinned        {PINNED}" in described(sweep, "double", "")
    path = make_run(2, space=sweep.space, pinned=sweep.pinned)
    summary = read_summary(path)
    trials = facts(summary)
    assert f"<dt>pinned by the command line</dt><dd>{PINNED}</dd>" in page(summary).replace(
        "\n", ""
    )
    tables.show_trials(summary, trials, 1, Console())
    tables.show_trial(summary, trials[0], Console())
    shown = capsys.readouterr().out
    assert f"pinned by the command line: {PINNED}" in shown
    assert "pinned       lr = 0.0003" in shown
    setup = sweep.at({"first_steps": 400, "lr": 3e-4, "gae_lambda": 0.95})
    assert export(summary, sweep, Winner(trials[0], setup)) is None
    assert f"; pinned: {PINNED}." in Path(path, "best.py").read_text().splitlines()[0]
    best = json.loads(Path(path, "best.json").read_text())
    assert best["pinned"] == {"lr": 3e-4, "gae_lambda": 0.95}


def test_a_space_that_is_a_function_keeps_its_name() -> None:
    def space(trial: object) -> dict[str, object]:
        return {
            name: trial.suggest_float(name, 0.8, 0.9) for name in MIXED if name != "first_steps"
        } | {"first_steps": 400}  # type: ignore[attr-defined]

    sweep = make_sweep(space=space, trials=2, scheduler=None)
    assert "space         defined by space(trial)" in described(
        pin(sweep, {"lr": "0.85"}), "double", ""
    )
