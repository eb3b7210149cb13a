"""Copies of trials in tables and reports: shown, and not counted as evidence."""

import json

import pytest
from ray import tune
from rich.console import Console

from segue.report.data.evidence import Evidence
from segue.report.data.summary import read_summary, trained_trial
from segue.report.overview import progress_line, show
from segue.report.page.figures.optuna_view import plot_study
from segue.report.page.headline import build_headline
from segue.report.tables import as_json
from tests.report.conftest import MakeRun

FEW = {"first_steps": 400, "lr": tune.choice([1e-3, 1e-4]), "gae_lambda": 0.9}


def test_copies_are_shown_and_are_not_evidence(make_run: MakeRun) -> None:
    run = make_run(4, space=FEW, trials=4, scheduler=None)
    summary = read_summary(run)
    copies = {n: trial.user_attrs.get("copy_of") for n, trial in enumerate(summary.trials)}
    originals = [number for number, original in copies.items() if original is None]
    assert len(originals) == 2
    assert "4 complete (2 trials copied from others" in progress_line(summary)
    evidence = Evidence.of(summary)
    assert sorted(trial.number for trial in evidence.complete) == originals
    assert build_headline(evidence).ties == ""
    assert len(plot_study(summary, lambda trial: trial.value).trials) == 2
    for trial in json.loads(as_json(summary, evidence.trials))["trials"]:
        original = copies[trial["number"]]
        assert trial["copy_of"] == original
        if original is not None:
            assert trial["reason"] == f"A copy of trial {original}: it has the same parameters."
            assert trial["directory"] == f"trials/{original:04d}"
            assert trained_trial(summary, trial["number"]) == original


def test_the_table_of_the_best_trials_has_no_copies(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = read_summary(make_run(4, space=FEW, trials=4, scheduler=None))
    show(summary, Console())
    assert capsys.readouterr().out.count("lr 0.00") == 2
