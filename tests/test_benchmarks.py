"""Benchmarks that read a user's files: their output, and their messages for invalid files."""

import gzip
import json
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def replay(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the benchmark, which is run in this process."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = str(BENCHMARKS / "replay.py")
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as left:
        assert isinstance(left.code, int)
        return left.code
    return 0


def write_table(path: Path, trials: int = 40) -> Path:
    """Trials of one stage whose order never changes, and of two stages whose first says the
    opposite of the second.
    """
    lines = ["env\texp_type\tconfig_kwargs_str\ttrain_steps\treward"]
    steps = json.dumps([250.0, 500.0, 750.0, 1000.0, 1002.0])
    for n in range(trials):
        quality = n / (trials - 1)
        rising = [0.2 * quality, 0.5 * quality, 0.8 * quality, quality, quality]
        share = 0.3 + 0.1 * (n % 2)
        misleading = [-quality, 0.5 * quality, 0.8 * quality, quality, quality]
        lines.append(
            "\t".join(
                ["World", "ppo", '"{""LR"":0.001}"', json.dumps(steps)[1:-1], json.dumps(rising)]
            )
        )
        config = f'"{{""TF_RATIO"":{share}}}"'
        lines.append("\t".join(["World", "bc_then_ppo", config, steps, json.dumps(misleading)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_replay_s_last_line_is_json_for_every_pool_budget_and_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(write_table(tmp_path / "table.tsv"))
    arms = ["random", "ray_asha", "stage_asha"]
    given = ["--resamples", "20", "--arms", ",".join(arms)]
    assert replay(monkeypatch, table, *given) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(figures) == {"two_stage", "single_stage", "arlbench"}
    assert not figures["arlbench"]
    for kind in ("two_stage", "single_stage"):
        assert set(figures[kind]) == {"10", "20", "30"}
        for budget in figures[kind].values():
            assert list(budget) == arms
            assert all(regret >= 0 and error >= 0 for regret, error in budget.values())
    single = figures["single_stage"]["10"]
    mixed = ["--mixed", "--resamples", "2", "--arms", "random,tpe,freeze_thaw"]
    assert replay(monkeypatch, table, *mixed) == 0
    of_both = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {kind: set(each) for kind, each in of_both.items()} == {"mixed": {"10", "25"}}
    for arm in arms[1:]:  # curves never cross: stopping early finds the best
        assert single[arm][0] < single["random"][0] * 0.7


def test_replay_reads_compressed_landscapes_of_several_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["env\texp_type\tconfig_kwargs_str\ttrain_steps\treward"]
    for seed in range(3):
        for n in range(12):
            config = json.dumps({"lr": n, "core": "lstm" if n % 2 else "none"}).replace('"', '""')
            rewards = json.dumps([n * step + 0.1 * seed for step in (0.5, 1.0)])
            lines.append(f'World/seed{seed}\tppo\t"{config}"\t[500, 1000]\t{rewards}')
    path = tmp_path / "table.tsv.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert replay(monkeypatch, str(path), "--resamples", "2") == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(figures["arlbench"]) == ["8", "16", "32"]
    for budget in figures["arlbench"].values():
        assert list(budget) == ["random", "ray_asha", "stage_asha", "tpe", "freeze_thaw"]
    # There are 12 configurations: with the steps of 16 full runs all are trained.
    assert figures["arlbench"]["16"]["random"][0] == pytest.approx(0.0, abs=0.02)
    assert figures["arlbench"]["16"]["tpe"][0] == pytest.approx(0.0, abs=0.02)
    single = figures["arlbench"]["8"]
    assert single["freeze_thaw"][0] <= single["random"][0]
    spoiled = ["--early", "mirrored", "--resamples", "2", "--arms", "random"]
    assert replay(monkeypatch, str(path), *spoiled) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["arlbench"] == {
        budget: {"random": each["random"]} for budget, each in figures["arlbench"].items()
    }


@pytest.mark.parametrize(("last", "regret"), [("1", 0.0), ("2", (10 - 9) / (10 - 1))])
def test_replay_names_the_winner_by_the_mean_of_its_last_reports(
    last: str,
    regret: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    curves = [(0, 10), (8, 9), *[(0, 1)] * 6]
    lines = ["env\texp_type\tconfig_kwargs_str\ttrain_steps\treward"]
    for n, curve in enumerate(curves):
        lines.append(f'World\tppo\t{{"lr": {n}}}\t[500, 1000]\t{list(curve)}')
    (tmp_path / "table.tsv").write_text("\n".join(lines))
    given = ["--arms", "random", "--resamples", "1", "--last", last]
    assert replay(monkeypatch, str(tmp_path / "table.tsv"), *given) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["single_stage"]["10"]["random"][0] == pytest.approx(regret, abs=1e-4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("a\tb\n1\t2\n", "is not a table of trials: it needs the columns env"),
        ("", "not a table"),
    ],
)
def test_replay_refuses_what_is_not_a_table(
    content: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        (tmp_path / "table.tsv").write_text(content)
    assert replay(monkeypatch, str(tmp_path / "table.tsv")) == 2
    assert said in capsys.readouterr().err
