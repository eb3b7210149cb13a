"""Every file of `sweeps/` is a test: its pipelines are built, and could be trained, at the corners
of its space.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

from segue.train import check_trial
from segue.tune.checks.sweep import check_sweep
from segue.tune.code.sweep_file import load_sweep
from segue.worlds import world_spec

FILES = sorted(
    path
    for path in (Path(__file__).parent.parent / "sweeps").glob("*.py")
    if path.stem not in ("__init__", "run")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pipelines_at_the_corners_of_the_space_could_be_trained(path: Path) -> None:
    if "stable_baselines3" in path.read_text():
        pytest.importorskip("stable_baselines3")
    sweep = load_sweep(path)
    if "segue[mujoco]" in path.read_text() and find_spec("mujoco") is None:
        with pytest.raises(
            ValueError, match=r"needs the package mujoco, .*: run `pip install \S+`\.$"
        ):
            check_sweep(sweep)
        return
    check_sweep(sweep)
    corners = sweep.corners()
    assert corners
    for corner in corners if sweep.trainer is None else ():
        setup = sweep.at(corner)
        check_trial(setup.pipeline, world_spec(setup.world), setup.lanes, setup.policy)


def test_there_are_sweeps() -> None:
    assert "ppo_grid" in [path.stem for path in FILES]
