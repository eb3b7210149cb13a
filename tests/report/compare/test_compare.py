"""Several runs compared: on a page, on the terminal, and as data frames."""

import html
import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segue
from segue.cli import segue as main
from segue.plan.sweeps.points.pins import pin
from segue.record.study.trials import TrialSummary
from segue.report.compare.comparison import RunComparison
from segue.report.compare.runs import ComparedRun
from segue.report.data.heldout import Comparison, HeldOut
from segue.tune.cluster.session import suppress_ray_warnings
from tests.report.conftest import make
from tests.report.page.support import evidence, trial
from tests.tune.support.doubles import make_sweep

START = datetime(2026, 1, 1)
# Steps of all seeds, the values of two seeds and the end (in seconds) of each trial, by number.
WORKED: list[tuple[str, int, tuple[float, ...], int]] = [
    ("complete", 100, (1.0, 3.0), 30),
    ("pruned", 40, (9.0, 9.0), 20),
    ("complete", 100, (4.0, 6.0), 50),
    ("complete", 100, (0.0, 2.0), 40),
    ("failed", 10, (), 60),
]


def hand_made(label: str, mode: str = "max", held_out: Comparison | None = None) -> ComparedRun:
    found = []
    for number, (state, steps, seeds, ended) in enumerate(WORKED):
        fields = vars(trial(number, seeds, state)) | {
            "total_env_steps": steps,
            "started": START,
            "ended": START + timedelta(seconds=ended),
        }
        found.append(TrialSummary(**fields))
    found.append(TrialSummary(**vars(found[2]) | {"number": 5, "copy_of": 2}))
    sign = -1 if mode == "max" else 1
    ranked = sorted(found, key=lambda each: (each.state != "complete", sign * (each.metric or 0)))
    return ComparedRun(label, evidence([], mode=mode).summary, tuple(ranked), held_out)


def test_the_best_so_far_counts_the_steps_of_stopped_and_failed_trials() -> None:
    run = hand_made("a")
    assert [tuple(each) for each in run.best_so_far] == [
        (140, 0, 2.0, 1.0, 3.0),
        (340, 2, 5.0, 4.0, 6.0),
    ]
    assert run.steps == 350, "a copy was not trained"
    assert (run.steps_to(2.0), run.steps_to(4.5), run.steps_to(5.5)) == (140, 340, None)
    lowest = hand_made("a", "min")
    assert [each[:3] for each in lowest.best_so_far] == [(140, 0, 2.0), (240, 3, 1.0)]
    assert lowest.best_so_far[0][3:] == (3.0, 1.0), "the worst seed is the highest"
    assert lowest.steps_to(1.5) == 240


def test_winners_are_compared_on_held_out_seeds_if_every_run_has_them() -> None:
    seeds = {"a": (1.0, 2.0, 3.0, 4.0), "b": (2.0, 3.0, 3.0, 5.0)}
    unseen = {
        label: Comparison("max", (HeldOut(2, {}, 5.0, values),)) for label, values in seeds.items()
    }
    both = RunComparison([hand_made("a", held_out=unseen["a"]), hand_made("b", "max", unseen["b"])])
    assert both.is_held_out
    assert both.improvement[1, 0].value == pytest.approx((1.5 + 2.5 + 2.5 + 4) / 16)
    assert both.improvement[0, 1].value == pytest.approx(1 - both.improvement[1, 0].value)
    assert both.runs[0].held_out_value is not None
    assert both.runs[0].held_out_value.value == 2.5
    one = RunComparison([hand_made("a", held_out=unseen["a"]), hand_made("b")])
    assert not one.is_held_out
    assert one.seeds == [(4.0, 6.0), (4.0, 6.0)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the package's own imports
def test_the_measures_are_those_of_rliable() -> None:
    from rliable import metrics

    generator = np.random.default_rng(3)
    drawn = {label: generator.normal(at, 1.0, 10) for label, at in [("a", 0.0), ("b", 0.6)]}
    runs = [
        hand_made(label, "max", Comparison("max", (HeldOut(2, {}, 5.0, tuple(values)),)))
        for label, values in drawn.items()
    ]
    found = RunComparison(runs)
    one, other = (drawn[label][:, None] for label in ("a", "b"))
    expected = float(metrics.probability_of_improvement(one, other))
    assert found.improvement[0, 1].value == pytest.approx(expected)
    for run, values in zip(runs, (one, other), strict=True):
        assert run.held_out_value is not None
        assert run.held_out_value.value == pytest.approx(float(metrics.aggregate_iqm(values)))


@pytest.fixture(scope="module")
def runs(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The run of the other tests, and one with a pinned name under another scheduler."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copytree(made, folder / "asha")
    sweep = pin(make_sweep(scheduler="stage_asha"), {"lr": "3e-4"})
    fields = {name: getattr(sweep, name) for name in ("space", "pinned", "scheduler")}
    with suppress_ray_warnings():
        make(folder / "staged", 4, **fields)
    return str(folder / "asha"), str(folder / "staged")


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    captured = capsys.readouterr()
    return int(str(left.value.code)), captured.out, captured.err


def test_runs_are_compared_in_tables_and_on_a_page(
    runs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    code, printed, _ = ended(capsys, *runs, "--out", str(page))
    assert code == 0
    assert printed.endswith(f"Comparison: {page}\n")
    assert '"stage_asha"' in printed and "first_steps" in printed
    text = page.read_text()
    seen = html.unescape(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    assert "<h1>asha and staged</h1>" in seen
    cells = ("pinned", "nothing", '{"lr":0.0003}')
    assert "".join(f'<td class="words">{cell}</td>' for cell in cells) in seen
    assert "Not all runs have ended" in seen
    anchors = re.findall(r'<section[^>]* id="([\w-]+)"', text)
    expected = "answer health best-so-far final improvement parameters definitions"
    assert anchors == expected.split()
    data = re.findall(r'<script type="application/json">(.*?)</script>', text)
    first = json.loads(data[0])["data"]
    loaded = segue.load(*runs).best_so_far
    drawn = next(each for each in first if each.get("name") == "asha")
    assert drawn["y"][:-1] == loaded[loaded.run == "asha"].value.tolist()
    assert "http:" not in seen and "https:" not in seen


def test_notebooks_get_frames_of_several_runs(runs: tuple[str, str]) -> None:
    loaded = segue.load(*runs)
    assert loaded.trials.run.value_counts().to_dict() == {"asha": 16, "staged": 4}
    assert set(loaded.curves.run) == {"asha", "staged"}
    assert loaded.winners.run.tolist() == ["asha", "staged"]
    assert loaded.winners.params_lr.tolist()[1] == 3e-4
    assert loaded.winners.iqm.isna().all()
    pairs = loaded.improvement.set_index(["run", "other"]).probability
    assert pairs["asha", "staged"] + pairs["staged", "asha"] == pytest.approx(1)
    assert loaded.definitions.loc["scheduler"].tolist() == ['"asha"', '"stage_asha"']


@pytest.mark.parametrize(
    ("choose", "sentence"),
    [
        (lambda runs: runs[:1], "A comparison takes two or more runs"),
        (lambda runs: [runs[0], f"{runs[0]}/."], "is given twice: give each run once."),
        (lambda runs: [*runs, "nowhere"], "nowhere is not a run directory"),
        (lambda runs: [*runs, "--out", "/dev/null/x"], "choose another file with --out"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    runs: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    choose: Callable[[Any], list[str]],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, refused = ended(capsys, *choose(runs))
    assert (code, refused.count("\n")) == (2, 1)
    assert sentence in refused
    assert not list(tmp_path.iterdir())


def test_runs_of_other_metrics_are_refused(runs: tuple[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs[0], other)
    definition = json.loads((other / "sweep.json").read_text())
    definition["definition"]["mode"] = "min"
    (other / "sweep.json").write_text(json.dumps(definition))
    with pytest.raises(ValueError, match=r"different metrics \(.*asha by return \(max\); .*\(min"):
        segue.load(runs[0], other)
