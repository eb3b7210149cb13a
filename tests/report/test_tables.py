"""`segue show` and `segue.load`, on runs that are finished, under way, or left behind by a driver
that died.
"""

import csv
import io
import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from optuna.trial import TrialState

import segue
from segue.base.lock import locked
from segue.cli import segue as main
from segue.plan.sweeps.evaluation import Evaluation
from segue.record.files.results import read_results
from segue.report.data.facts import facts
from segue.report.data.summary import read_summary
from tests.report.conftest import MakeRun
from tests.tune.support.doubles import EVERY, make_sweep
from tests.tune.support.fake_tune import open_record


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["show", *arguments])
    captured = capsys.readouterr()
    assert left.value.code == 0, captured.err
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["show", *arguments])
    assert left.value.code == 2
    return capsys.readouterr().err


def test_trials_are_listed_best_first_with_why_they_ended(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = output_of(capsys, str(run)).splitlines()
    assert lines[0].startswith("double: 16 trials: ")
    assert all(len(line) <= 60 for line in lines[1:12])
    best = max(
        (trial for trial in read_summary(run).trials if trial.state == TrialState.COMPLETE),
        key=lambda trial: trial.value or 0.0,
    )
    first = next(line for line in lines if " complete " in line)
    assert (
        first.split()[0] == str(best.number) and f"{best.value:.4g}" in first and "2 of 2" in first
    )
    text = " ".join(lines)
    assert "interrupted" in text and "waiting" in text
    assert "(pruned): asha: return " in text
    assert "--study-name double" in text


def test_a_running_sweep_is_shown_as_running(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(run / "lock"):
        text = output_of(capsys, str(run))
    assert "The sweep is running." in text
    assert re.search(r"\d+ running, ", text.splitlines()[0])
    assert "interrupted" not in text


def test_a_paused_trial_is_not_among_those_that_ended(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = open_record(run, make_sweep())
    record.pause(8, EVERY, 0.1, {"predicted_end": {"value": 0.3, "low": 0.2, "high": 0.4}})
    record.close()
    text = output_of(capsys, str(run))
    assert "1 paused, " in text.splitlines()[0]
    assert re.search(r"\n +8 +paused ", text)
    assert "predicted" not in text
    assert "its predicted end is 0.3" in output_of(capsys, str(run), "--trial", "8")


def test_one_trial_is_shown_in_full(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = facts(read_summary(run))[0]
    text = output_of(capsys, str(run), "--trial", str(best.number))
    assert f"trial        {best.number}, complete" in text
    assert "1,200 per seed, 2,400 in total" in text
    assert f"parameter    lr = {best.parameters['lr']:.4g}" in text
    assert "400 " in text and " (end)" in text
    assert "stage 1" in text and "losses" in text  # its pipeline


def test_an_end_that_is_a_mean_is_shown_as_one(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(evaluation=Evaluation(every=EVERY, mean_of_last=2))
    ended, interrupted = (
        output_of(capsys, str(run), "--trial", number).splitlines()[1] for number in ("0", "8")
    )
    assert ended.startswith("return ")
    assert ended.endswith(", the mean over its last reports (mean_of_last=2)")
    assert "mean" not in interrupted
    make_run(9, evaluation=Evaluation(every=EVERY, mean_of_last=3))  # trial 0 ended before that
    earlier = output_of(capsys, str(run), "--trial", "0").splitlines()
    assert earlier[1].startswith("return ") and "mean" not in earlier[1]


def test_scripts_get_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(output_of(capsys, str(run), "--json"))
    assert (found["name"], found["metric"], found["mode"]) == ("double", "return", "max")
    states = [trial["state"] for trial in found["trials"]]
    assert len(states) == 16 and states.count("interrupted") == 1
    best = found["trials"][0]
    assert best["state"] == "complete" and len(best["return_per_seed"]) == 2
    assert best["return"] == pytest.approx(sum(best["return_per_seed"]) / 2)
    assert best["stage"] == best["stages"] == 2
    assert best["stages_ended_at"] == [best["parameters"]["first_steps"], 1200]


def test_scripts_get_csv(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(output_of(capsys, str(run), "--csv"))))
    assert len(rows) == 16
    assert {"number", "state", "return", "reason", "params_lr", "params_first_steps"} <= rows[
        0
    ].keys()
    values = [float(row["return"]) for row in rows if row["state"] == "complete"]
    assert values == sorted(values, reverse=True)


def test_notebooks_get_frames(run: Path) -> None:
    loaded = segue.load(run)
    assert len(loaded.trials) == 16
    curve = loaded.curves[loaded.curves.trial == loaded.trials.number[0]]
    assert curve.env_steps.tolist() == list(range(EVERY, 1300, EVERY))
    assert {"return", "stage", "stage_steps", "seed_0", "seed_1"} <= set(curve.columns)
    assert set(curve.stage) == {1, 2}


def test_a_damaged_record_is_skipped_and_counted(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = facts(read_summary(run))[0]
    results = run / best.directory / "results.jsonl"
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join([*lines[:2], b'{"env_steps": 25\n', b"[1]\n", *lines[2:]]))
    rows, damaged = read_results(results, "return")
    assert (len(rows), damaged) == (12, 2)
    text = output_of(capsys, str(run), "--trial", str(best.number))
    assert "2 records of results.jsonl are damaged and were skipped." in text and "1,200" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--trial", "99"], "has no trial 99: `segue show"),
        (["--json", "--csv"], "--json and --csv exclude each other"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert sentence in refused(capsys, str(run), *arguments)


def test_what_is_not_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a run directory: it has no sweep.json" in refused(capsys, str(tmp_path))
    with pytest.raises(ValueError, match="is not a run directory"):
        segue.load(tmp_path)


def test_a_running_sweep_is_shown_until_it_ends(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    with ExitStack() as driver:
        driver.enter_context(locked(run / "lock"))

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            driver.close()

        monkeypatch.setattr("segue.cli.shared.watching.time.sleep", sleep)
        text = output_of(capsys, str(run), "--top", "1", "--watch", "2")
    assert waited == [2]
    assert text.count("double: 16 trials") == 2
    assert text.count("The sweep is running.") == 1
    assert "--watch shows a table" in refused(capsys, str(run), "--watch", "1", "--csv")


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        segue.lode  # noqa: B018
