"""The sweep of a run is taken from its file, provided that the file defines the same sweep."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.plan.sweeps.points.pins import pin
from segue.tune.code.sweep_file import load_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.run.original_sweep import sweep_of

FILE = Path(__file__).parents[3] / "sweeps" / "ppo_grid.py"
Start = Callable[..., RunDirectory]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that starts a run of a copy of ppo_grid, with changes, in a separate folder."""
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "ppo_grid.py").write_text(FILE.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def begin(name: str = "ppo_grid", **changes: object) -> RunDirectory:
        from dataclasses import replace

        run = RunDirectory(Path("runs") / name)
        source = Path("sweeps/ppo_grid.py")
        with open_run(run, replace(load_sweep(source), **changes), name, source=source):  # type: ignore[arg-type]
            return run

    return begin


def test_it_is_found_by_its_name(started: Start) -> None:
    assert sweep_of(started()) == load_sweep(FILE)


def test_seeds_of_the_command_line_count(started: Start) -> None:
    assert sweep_of(started(seeds=7)).seeds == 7


def test_names_that_the_command_line_pinned_count(started: Start) -> None:
    pinned = pin(load_sweep(FILE), {"lr": "2e-3"})
    run = started(space=pinned.space, pinned=pinned.pinned)
    assert sweep_of(run) == pinned
    for now, shown in [
        ({}, "pinned: {.*} -> nothing"),
        ({"lr": 2e-2}, "pinned: {.*0.002.*0.02}"),
    ]:
        with (
            pytest.raises(ValueError, match=f"changed since .*{shown}"),
            open_run(run, pin(load_sweep(FILE), now), "ppo_grid"),
        ):
            pass


def test_a_changed_sweep_is_refused_and_the_stored_one_named(started: Start) -> None:
    run = started()
    Path("sweeps/ppo_grid.py").write_text(FILE.read_text().replace("gamma=0.99", "gamma=0.97"))
    with pytest.raises(
        ValueError,
        match=r"differs from the definition of runs/ppo_grid .*--sweep runs/ppo_grid/sweep.py",
    ):
        sweep_of(run)
    assert sweep_of(run, run.source) == load_sweep(FILE)


def test_a_missing_sweep_is_refused_and_the_stored_one_named(started: Start) -> None:
    run = started("elsewhere")
    assert sweep_of(run) == load_sweep(FILE)  # this machine remembers the file
    shutil.rmtree(Path("cache"))
    with pytest.raises(
        ValueError,
        match=r"is not here: give its file with --sweep \(the run's own is stored at runs",
    ):
        sweep_of(run)
    assert sweep_of(run, run.source) == load_sweep(FILE)


def test_a_record_that_cannot_be_read_is_refused(started: Start) -> None:
    run = started()
    run.definition.write_text("{")
    with pytest.raises(ValueError, match=r"sweep.json is damaged"):
        sweep_of(run)


def test_the_previous_version_of_the_file_is_stored(started: Start) -> None:
    run = started()
    path = Path("sweeps/ppo_grid.py")
    path.write_text("# a comment more\n" + FILE.read_text())
    started()
    assert run.source.read_text() == path.read_text()
    assert (run.path / "sweep-before-1.py").read_text() == FILE.read_text()
