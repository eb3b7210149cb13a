"""What early values foretold, and what other schedulers would have kept and spent."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.sweeps.points.corners import Corners
from segue.record.files.replays import Replays, read_replays
from segue.report.analysis.stopping import Stopping, saved_in_words, spearman, stage_ends
from segue.report.data.evidence import Evidence
from segue.report.data.summary import read_order, read_summary
from segue.report.page.figures.scheduling.pruning import rungs
from segue.report.page.figures.scheduling.stopping import foretold, replay_table, stopping_text
from segue.report.page.page import page
from segue.report.page.render import render
from segue.report.page.sections.sections import sections
from segue.tune.schedulers.replay import replay_run
from tests.report.page.support import evidence, trial
from tests.tune.support.doubles import make_sweep

pairs = st.lists(st.tuples(st.integers(-4, 4), st.floats(-9, 9)), min_size=3, max_size=12)


@given(pairs)
def test_rank_correlations_are_those_of_scipy(found: list[tuple[int, float]]) -> None:
    from scipy.stats import spearmanr

    one = [float(value) for value, _ in found]
    other = [value for _, value in found]
    mine = spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert mine is None
    else:
        assert mine == pytest.approx(float(spearmanr(one, other).statistic), abs=1e-9)


def test_the_worked_outcomes() -> None:
    """Trials of two seeds and 1,200 steps each; the run stopped trial 3 after 300."""
    trials = [
        trial(0, (5.0, 5.0)),
        trial(1, (4.0, 4.0)),
        trial(2, (3.0, 3.0)),
        replace(trial(3, (1.0, 1.0), "pruned", reason="asha: x", steps=300), total_env_steps=600),
    ]
    planned = dict.fromkeys(range(4), 1200)
    stops = {"asha": {3: 300}, "median": {0: 100, 2: 600}}
    stopping = Stopping(evidence(trials), Replays(40, "asha", planned, stops))
    assert (stopping.full_steps, stopping.steps) == (4 * 2400, 3 * 2400 + 600)
    assert saved_in_words(stopping) == (
        "Stopping 1 of 4 trials saved 1,800 of 9,600 environment steps (19 %)."
    )
    asha, median = stopping.outcomes
    assert (asha.least_steps, asha.most_steps) == (7800, 7800)
    assert asha.best is not None and asha.best.number == 0
    assert (median.least_steps, median.most_steps) == (200 + 2400 + 1200 + 600, 6200)
    assert median.best is not None and median.best.number == 1
    assert stopping.is_as_the_run
    other = Replays(40, "asha", planned, {"asha": {3: 200}})
    assert Stopping(stopping.evidence, other).is_as_the_run is False
    table = replay_table(stopping)
    assert table is not None
    assert table.rows == [
        ("asha (ran)", "1 trial", "7,800", "81 %", "trial 0, the winner", "5"),
        ("median", "2 trials", "4,400 to 6,200", "46 to 65 %", "trial 1", "4"),
    ]


def test_a_run_shows_what_early_values_foretold(run: Path) -> None:
    from scipy.stats import spearmanr

    summary = read_summary(run)
    found = Evidence.of(summary)
    points = foretold(Stopping.of(found), rungs(found))
    final = {each.number: each.metric for each in found.complete}
    for values, point in zip(stage_ends(found).values(), points[-1:], strict=True):
        common = [number for number in final if number in values]
        expected = spearmanr([values[each] for each in common], [final[each] for each in common])
        assert point.correlation == pytest.approx(float(expected.statistic))
        assert (point.where, point.trials) == ("end of stage 1 of 2", len(common))
    sweep = make_sweep()
    assert Corners.of(sweep).longest_pipeline == 1200
    replays = replay_run(sweep, summary.layout, summary.trials, read_order(summary))
    assert replays is not None
    replays.write(summary.layout)
    assert read_replays(summary.layout) == replays
    text = html.unescape(re.sub(r"<script.*?</script>", "", page(summary), flags=re.DOTALL))
    assert "<h2>Was stopping worth it?</h2>" in text
    assert "Replayed, asha makes the decisions that it made in the run." in text
    assert re.search(r">asha \(ran\)</td><td[^>]*>\d trials?</td>", text)


def test_two_trials_have_no_correlations_and_yet_a_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trials = [trial(0, (5.0,)), trial(1, (4.0,), "pruned", reason="asha: x", steps=300)]
    found = evidence(trials)
    replays = Replays(0, "asha", dict.fromkeys(range(2), 1200), {"asha": {1: 300}})
    found.summary.run.mkdir(parents=True)
    replays.write(found.summary.layout)
    (section,) = [each for each in sections(found, {}) if each.anchor == "stopping"]
    assert section.figure is None and section.table is not None
    assert "At least 3 trials that ran to their ends" in section.text
    text = render("sections.html", [section])
    assert "asha (ran)" in text and 'class="figure"' not in text


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"reports": 1, "ran": null, "planned": {"x": 1}, "stops": {}}']
)
def test_a_damaged_replay_is_left_out(run: Path, content: str) -> None:
    (run / "replayed.json").write_text(content)
    stopping = Stopping.of(Evidence.of(read_summary(run)))
    assert stopping.outcomes == []
    assert "replayed.json is damaged" in str(stopping.problem)
    assert "is not shown: " in stopping_text(stopping, [])
    known = {"reports": 10**6, "ran": None, "planned": {}, "stops": {"asha": {"1": 100}}}
    (run / "replayed.json").write_text(json.dumps(known))
    assert "is of another run" in str(Stopping.of(stopping.evidence).problem)
