"""A staged sweep on a cluster of three nodes that requires a token; one node is killed with
two trials at its worker.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import pytest

from segue.base.files import read_rows
from tests.forks import forked_python
from tests.tune.support.clusters import SECONDS, guarded
from tests.tune.support.drivers import ROOT
from tests.tune.support.programs.three_nodes import SHORT, nodes_of


@pytest.mark.slow
def test_a_node_that_is_killed_costs_no_stage(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        ran = subprocess.run(
            [*forked_python(), "-m", "tests.tune.support.programs.three_nodes", str(run)],
            cwd=ROOT,
            env=guarded(tmp_path) | {"RAY_TMPDIR": temporary},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lost = (tmp_path / "lost").read_text()
    trials = optuna.load_study(
        study_name="wean_to_ppo", storage=f"sqlite:///{run / 'study.db'}"
    ).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    for trial in trials:
        rows = read_rows(run / "trials" / f"{trial.number:04d}" / "results.jsonl")
        steps = [row["env_steps"] for row in rows]
        assert steps == sorted(set(steps)) == sorted(trial.intermediate_values), (
            "each report once, and judged"
        )
        ends = {row["stage"]: row["env_steps"] for row in rows if row["stage_done"]}
        assert ends == {0: trial.params["imitation_steps"], 1: SHORT}
    logs = [(run / "trials" / f"{number:04d}" / "log.txt").read_text() for number in range(4)]
    nodes = list(map(nodes_of, logs))
    assert sorted(map(len, nodes)) == [1, 1, 2, 2], "both trials at the node were lost"
    assert all((lost in here) == (len(here) == 2) and here[-1] != lost for here in nodes)
    assert "Traceback" not in "".join(logs)
