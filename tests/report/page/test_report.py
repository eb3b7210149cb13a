"""`segue report`: one page, of runs of every kind, that trusts nothing in them."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segue.base.lock import locked
from segue.cli import segue as main
from segue.record.layout import HELD_OUT
from segue.record.study.ranking import metric_of
from segue.report.data.commands import command_for
from segue.report.data.evidence import Evidence
from segue.report.data.facts import facts
from segue.report.data.summary import Summary, read_summary
from segue.report.page.figures.importance import importances
from segue.report.page.figures.optuna_view import plot_study
from segue.report.page.figures.parallel import parallel_coordinates
from segue.report.page.page import page
from segue.report.page.sections.sections import sections
from tests.report.conftest import MakeRun

EVERYTHING = [
    "curves",
    "history",
    "best-of-k",
    "importance",
    "parallel",
    "slices",
    "front",
    "pruning",
    "stopping",
    "workers",
    "budget",
]
HOSTILE = "<img src=x onerror=alert(1)>"


def reported(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_info:
        main(["report", *arguments])
    captured = capsys.readouterr()
    assert exit_info.value.code == 0, captured.err
    return captured.out


def without_scripts(text: str) -> str:
    """What a reader sees, tags included; figures and Plotly left out."""
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def anchors(text: str) -> list[str]:
    return re.findall(r'<section[^>]* id="([\w-]+)"', text)


def figures(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(data)
        for data in re.findall(r'<script type="application/json">(.*?)</script>', text)
    ]


def test_the_page_answers_first(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(capsys, str(run)) == f"Report: {run}/report.html\n"
    text = (run / "report.html").read_text()
    best = facts(read_summary(run))[0]
    seen = html.unescape(without_scripts(text))
    assert seen.index("<h1>double</h1>") < seen.index(
        f"<h2>Trial {best.number}: return {best.metric:.4g} ± 0.007071"
    )
    assert (
        f"{best.parameters['lr']:.4g}" in seen and "Runs to look at" in seen
    )  # the question, from the sweep's file
    assert anchors(text) == ["answer", "health", *EVERYTHING, "trials", "record"]
    command = command_for("segue", "retrain", str(run), "--top", "3", "--seeds", "10")
    assert f"<code>{command}</code>" in text


def test_figures_hold_the_runs_numbers(run: Path) -> None:
    summary = read_summary(run)
    text = page(summary)
    shown = dict(zip(EVERYTHING, figures(text), strict=True))
    best = facts(summary)[0]
    line = next(
        trace for trace in shown["curves"]["data"] if trace.get("name") == f"trial {best.number}"
    )
    assert line["x"] == list(range(100, 1300, 100)) and line["y"][-1] == pytest.approx(best.metric)
    ends = next(
        trace
        for trace in shown["curves"]["data"]
        if trace.get("mode") == "markers" and trace["y"][-1] == best.metric
    )
    assert ends["x"] == best.stages_ended_at
    steps = sum(sum(bar["y"]) for bar in shown["budget"]["data"] if bar["xaxis"] == "x")
    assert steps == sum(trial.total_env_steps for trial in facts(summary))
    seconds = sum(sum(bar["y"]) for bar in shown["budget"]["data"] if bar["xaxis"] == "x2")
    logged = sum(len(rows.read_text().splitlines()) for rows in run.glob("trials/*/metrics.jsonl"))
    assert seconds == pytest.approx(logged * 0.5)
    survived, stopped = (sum(bar["y"]) for bar in shown["pruning"]["data"])
    assert stopped == sum(trial.state == "pruned" for trial in facts(summary)) and survived > 0


def test_nothing_is_fetched(run: Path) -> None:
    text = without_scripts(page(read_summary(run)))
    assert not re.search(r"(src|href)=", text) and "default-src 'none'" in text


def test_names_of_a_run_are_text(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(metric="return")
    definition = json.loads((run / "sweep.json").read_text())
    definition["question"] = HOSTILE + "</script><script>alert(2)</script>"
    definition["runs"][0]["versions"] = {HOSTILE: HOSTILE}
    (run / "sweep.json").write_text(json.dumps(definition))
    known = {"trial": 0, "parameters": {HOSTILE: HOSTILE}, "search": 1.0, "per_seed": [1.0, 2.0]}
    (run / HELD_OUT).write_text(json.dumps({"mode": "max", "configurations": [known]}))
    summary = read_summary(run)
    sweep = {**summary.definition.sweep, "metric": HOSTILE}
    definition = replace(summary.definition, name=HOSTILE, sweep=sweep)
    hostile = Summary(run, definition, renamed(summary))
    text = page(hostile)
    assert "<img" not in text and "<img" not in json.dumps(
        [re.sub(r"<[^>]+>", "", str(each)) for each in figures(text)]
    )
    data = len(figures(text)) + 1  # the trials'
    assert text.count("<script>") == text.count("</script>") - data == 3
    assert html.escape(HOSTILE) in text


def renamed(summary: Summary) -> tuple[Any, ...]:
    """The trials with a parameter of a hostile name and hostile choices."""
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    trials = []
    for trial in summary.trials:
        if trial.value is not None:
            distribution = CategoricalDistribution([HOSTILE, "other" + HOSTILE])
            chosen = distribution.choices[trial.number % 2]
            params = {**trial.params, HOSTILE: chosen}
            distributions = {**trial.distributions, HOSTILE: distribution}
            made = create_trial(
                value=trial.value,
                params=params,
                distributions=distributions,
                user_attrs=trial.user_attrs,
                intermediate_values=trial.intermediate_values,
            )
            made.number = trial.number
            trials.append(made)
    return tuple(trials)


def test_damaged_records_are_counted(run: Path) -> None:
    best = facts(read_summary(run))[0]
    results = run / best.directory / "results.jsonl"
    content = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(
        b"".join(
            [*content[:2], b'{"env_steps": 2\n', b'{"env_steps": "x", "return": 1}\n', *content[2:]]
        )
    )
    evidence = Evidence.of(read_summary(run))
    assert evidence.damaged == 2 and len(evidence.curves[best.number]) == 12
    assert "2 records of results.jsonl are damaged and were skipped." in page(read_summary(run))


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"configurations": []}', '{"mode": "max", "configurations": [{"trial": 0}]}'],
)
def test_a_damaged_comparison_is_left_out(run: Path, content: str) -> None:
    (run / HELD_OUT).write_text(content)
    text = page(read_summary(run))
    assert 'id="held-out"' not in text
    assert "retrained.json is damaged" in text


def test_odd_numbers_are_not_reports(run: Path) -> None:
    best = facts(read_summary(run))[0]
    odd = (
        b'{"env_steps": 1250, "return": NaN}\n{"env_steps": 1260, "return": Infinity,'
        b' "metric_per_seed": "no"}\n'
    )
    with (run / best.directory / "results.jsonl").open("ab") as results:
        results.write(odd)
    with (run / best.directory / "metrics.jsonl").open("ab") as log:
        log.write(
            b'{"total_env_steps": 9000, "train-misc/fps": 1.0, "train-misc/stage": Infinity}\n'
        )
        log.write(b'{"total_env_steps": 9100, "train-misc/fps": NaN, "train-misc/stage": 0.0}\n')
    evidence = Evidence.of(read_summary(run))
    assert evidence.damaged == 2 and evidence.seconds_by_stage[best.number] == {0: 6.0}
    assert (
        "NaN"
        not in page(read_summary(run))
        .split('<script type="application/json">', 1)[1]
        .split("</section>")[0]
    )


@pytest.mark.parametrize("content", ["{", '{"format": 1, "name": "double"}', "[]"])
def test_a_damaged_record_is_refused(
    run: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "sweep.json").write_text(content)
    with pytest.raises(SystemExit) as exit_info:
        main(["report", str(run)])
    assert exit_info.value.code == 2 and "sweep.json is damaged" in capsys.readouterr().err


def test_search_and_held_out_values_stand_side_by_side(run: Path) -> None:
    first, second = facts(read_summary(run))[:2]
    configurations = [
        {
            "trial": first.number,
            "parameters": {},
            "search": first.metric,
            "per_seed": [0.5, 0.6, 0.7, 0.6, 0.6],
        },
        {
            "trial": second.number,
            "parameters": {},
            "search": second.metric,
            "per_seed": [0.8, 0.9, 1.0, 0.9, 0.9],
        },
    ]
    (run / HELD_OUT).write_text(json.dumps({"mode": "max", "configurations": configurations}))
    text = page(read_summary(run))
    assert f"On 5 seeds that the search never saw, trial {second.number} is best: 0.9" in text
    assert "with probability 1 (95 %: 1 to 1), which distinguishes the two" in text
    assert f"<h2>Trial {second.number}: return 0.9 on held-out seeds</h2>" in text
    assert "The winner is not distinguishable from the runner-up" not in text
    table = text.split('id="held-out"')[1].split("</table>")[0]
    assert re.findall(r"<tr><td>(\d+)</td><td>([\d.]+)</td><td>([\d.]+)", table) == [
        (str(second.number), f"{second.metric:.4g}", "0.9"),
        (str(first.number), f"{first.metric:.4g}", "0.6"),
    ]


def test_a_run_that_has_just_started_has_a_report(make_run: MakeRun) -> None:
    run = make_run(0)
    with locked(run / "lock"):
        text = page(read_summary(run))
    assert "No trial has a value yet." in text and "The sweep is running." in text
    assert anchors(text) == ["answer", "health", "curves", "budget", "trials", "record"]


def test_a_run_of_failures_shows_the_reasons(make_run: MakeRun) -> None:
    run = make_run(
        2, space={"first_steps": 400, "lr": make_grid(3e-3, 3e-3 / 2), "gae_lambda": 0.9}
    )
    text = html.unescape(page(read_summary(run)))
    assert "FloatingPointError: diverged" in text


def make_grid(*values: float) -> Any:
    from ray import tune

    return tune.grid_search(list(values))


def test_importance_is_reported_by_stage(make_run: MakeRun) -> None:
    found = importances(read_summary(make_run(16, scheduler=None)))
    assert list(found) == ["final", "end of stage 1"]
    assert found["final"].trials == 12 and sum(found["final"].shares.values()) == pytest.approx(1.0)
    assert next(iter(found["final"].shares)) == "lr"  # what the double's curve follows most
    # A longer first stage ends better, which says nothing about the length to choose.
    assert found["end of stage 1"].lengths == ("first_steps",)
    assert set(found["end of stage 1"].shares) == {"lr", "gae_lambda"}
    assert set(found["final"].shares) == {"first_steps", "lr", "gae_lambda"}


def test_a_minimised_metric_is_drawn_down(make_run: MakeRun) -> None:
    evidence = Evidence.of(read_summary(make_run(16, mode="min", scheduler=None)))
    best_of_k = next(each for each in sections(evidence, {}) if each.anchor == "best-of-k")
    assert best_of_k.figure is not None
    curve = list(best_of_k.figure.data[1].y)
    assert curve == sorted(curve, reverse=True)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_line_of_the_parallel_coordinates_is_orange(make_run: MakeRun, mode: str) -> None:
    summary = read_summary(make_run(16, mode=mode, scheduler=None))
    figure = parallel_coordinates(plot_study(summary, metric_of), "return", summary.mode)
    heights = {trace.y[0]: trace.line.color for trace in figure.select_traces({"mode": "lines"})}
    best, worst = (1.0, 0.0) if mode == "max" else (0.0, 1.0)
    assert (heights[best], heights[worst]) == ("rgb(213, 94, 0)", "rgb(154, 163, 175)")


def test_an_unwritable_file_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["report", str(run), "--out", str(run / "nowhere" / "report.html")])
    assert exit_info.value.code == 2 and "choose another file with --out" in capsys.readouterr().err
