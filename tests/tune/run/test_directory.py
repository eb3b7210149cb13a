import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from segue.base.lock import locked
from segue.tune.run import opening
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lease import hold_run, run_at
from segue.tune.run.opening import open_run
from tests.tune.support.doubles import MIXED, make_sweep, pipeline


def test_a_new_directory_records_the_definition_and_the_code(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "runs" / "double")
    sweep = make_sweep()
    with open_run(run, sweep, "double"):
        recorded = json.loads(run.definition.read_text())
    assert recorded["name"] == "double"
    assert recorded["fingerprint"] == sweep.fingerprint
    assert recorded["definition"] == sweep.describe()
    (started,) = recorded["runs"]
    assert {"started", "command", "versions", "commit", "python", "directory"} <= started.keys()
    assert started["versions"]["ray"]


def test_continuing_adds_to_the_record_and_changes_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    for _ in range(2):
        with open_run(run, make_sweep(), "double"):
            pass
    recorded = json.loads(run.definition.read_text())
    assert len(recorded["runs"]) == 2
    assert recorded["definition"] == make_sweep().describe()


def test_more_trials_are_no_change(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    for trials in (16, 20):
        with open_run(run, make_sweep(trials=trials), "double"):
            pass


def test_a_changed_sweep_is_refused_with_what_differs(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        pass
    before = _content(tmp_path)
    changed = replace(make_sweep(), seeds=3, metric="length")
    with (
        pytest.raises(
            ValueError,
            match=r'changed since .*metric: "return" -> "length"; seeds: 2 -> 3.*--fresh',
        ),
        open_run(run, changed, "double"),
    ):
        pass
    assert _content(tmp_path) == before


def test_a_refusal_shows_the_changed_lines_of_the_sweeps_file_and_of_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "mine.py"
    (tmp_path / "beside_the_sweep.py").write_text("GOAL = 1\n")
    source.write_text("import beside_the_sweep\nSTEPS = 400\nLR = 0.1\n")
    run = RunDirectory(tmp_path / "double")
    with open_run(
        run,
        make_sweep(pipeline=lambda first_steps, lr, gae_lambda: pipeline(1, lr, 0.9)),
        "double",
        source=source,
    ):
        pass
    source.write_text("import beside_the_sweep\nSTEPS = 800\nLR = 0.1\n")
    (tmp_path / "beside_the_sweep.py").write_text("GOAL = 2\n")
    with (
        pytest.raises(ValueError, match="has changed") as refusal,
        open_run(
            run,
            make_sweep(pipeline=lambda first_steps, lr, gae_lambda: pipeline(2, lr, 0.9)),
            "double",
            source=source,
        ),
    ):
        pass
    sentence, *lines = str(refusal.value).splitlines()
    assert "was made (pipeline: other code): continue with --accept-changes" in sentence
    assert lines == [
        f"{source}, since {run.source}:",
        "@@ -2 +2 @@",
        "-STEPS = 400",
        "+STEPS = 800",
        f"beside_the_sweep.py, since {run.code}/beside_the_sweep.py:",
        "@@ -1 +1 @@",
        "-GOAL = 1",
        "+GOAL = 2",
    ]


def test_from_scratch_it_says_where_the_earlier_run_is(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    said: list[str] = []
    for fresh in (False, True):
        with open_run(run, make_sweep(), "double", fresh=fresh, say=said.append):
            pass
    (moved,) = (path for path in tmp_path.iterdir() if path != run.path)
    assert said == [f"The earlier run is now {moved}."]
    assert RunDirectory(moved).definition.is_file()


@pytest.mark.parametrize("where", ["trials/0003", "retrained", "retrained/trials/0000"])
def test_from_scratch_it_waits_for_what_still_trains_in_the_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        (run.path / where).mkdir(parents=True)
    before = _content(tmp_path)
    monkeypatch.setattr(opening, "ORPHAN_SECONDS", 0.05)
    with (
        locked(run.path / where / "lock"),
        pytest.raises(ValueError, match=f"{where} is in use by another process: wait until it"),
        open_run(run, make_sweep(), "double", fresh=True),
    ):
        pass
    (run.path / where / "lock").unlink()
    assert _content(tmp_path) == before
    with open_run(run, make_sweep(), "double", fresh=True):
        assert not (run.path / where).exists()


def test_a_change_that_is_accepted_is_recorded_beside_what_was(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    for seeds in (2, 3):
        with open_run(
            run, make_sweep(space=MIXED, trials=3, seeds=seeds), "double", accept_changes=True
        ):
            pass
    recorded = json.loads(run.definition.read_text())
    assert recorded["definition"]["seeds"] == 3
    first, second = recorded["runs"]
    assert "changes" not in first
    assert second["changes"] == ["seeds: 2 -> 3"]
    assert second["definition_before"]["seeds"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "length"}, 'metric: "return" -> "length"'),
        ({"space": {**MIXED, "first_steps": 800}}, "space.first_steps: 400 -> 800"),
        ({"space": {**MIXED, "gae_lambda": tune.choice([0.9])}}, "space.gae_lambda: "),
    ],
)
def test_a_change_that_a_study_cannot_take_is_refused_even_so(
    tmp_path: Path, changes: Any, said: str
) -> None:
    run = RunDirectory(tmp_path / "double")
    asked = {"space": MIXED, "trials": 3}
    with open_run(run, make_sweep(**asked), "double"):
        pass
    before = run.definition.read_text()
    with (
        pytest.raises(ValueError, match=f"does not allow this change .{said}.*--warm-start"),
        open_run(run, make_sweep(**(asked | changes)), "double", accept_changes=True),
    ):
        pass
    assert run.definition.read_text() == before


def test_a_wider_range_can_be_accepted(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    for high in (0.9, 1.0):
        sweep = make_sweep(space={**MIXED, "gae_lambda": tune.uniform(0.7, high)}, trials=3)
        with open_run(run, sweep, "double", accept_changes=True):
            pass


def test_many_differences_are_cut(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        pass
    changed = make_sweep(seeds=3, metric="length", mode="min", lanes=2, seed=5)
    with pytest.raises(ValueError, match="; and 2 more"), open_run(run, changed, "double"):
        pass


def test_another_sweeps_directory_is_refused_even_when_fresh(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        pass
    before = _content(tmp_path)
    for fresh in (False, True):
        with (
            pytest.raises(
                ValueError,
                match="made by the sweep 'double', not 'other': choose another with --run-dir",
            ),
            open_run(run, make_sweep(), "other", fresh=fresh),
        ):
            pass
    assert _content(tmp_path) == before


def test_a_directory_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for fresh in (False, True):
        with (
            pytest.raises(ValueError, match="contains files but is not a run directory"),
            open_run(RunDirectory(tmp_path), make_sweep(), "double", fresh=fresh),
        ):
            pass
    assert _content(tmp_path) == {"thesis.tex": "years of work"}


def test_a_run_that_was_killed_before_it_was_recorded_can_be_started(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with open_run(RunDirectory(tmp_path), make_sweep(), "double"):
        pass


def test_a_directory_whose_trials_lead_nowhere_is_refused(tmp_path: Path) -> None:
    with open_run(RunDirectory(tmp_path / "new"), make_sweep(), "double"):
        pass
    (tmp_path / "new" / "trials").rmdir()
    (tmp_path / "new" / "trials").symlink_to("nowhere")
    with (
        pytest.raises(ValueError, match=r"cannot be written .File exists: .*/new/trials.: choose"),
        open_run(RunDirectory(tmp_path / "new"), make_sweep(), "double"),
    ):
        pass


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_unwritable_directory_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(ValueError, match=r"cannot be written .*: choose another with --run-dir"),
        open_run(RunDirectory(tmp_path / place), make_sweep(), "double"),
    ):
        pass
    assert _content(tmp_path) == {"file": "in the way"}


def test_the_second_driver_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        before = _content(tmp_path)
        for fresh in (False, True):
            with (
                pytest.raises(ValueError, match="is in use by another process"),
                open_run(run, make_sweep(), "double", fresh=fresh),
            ):
                pass
        assert _content(tmp_path) == before


def test_fresh_moves_the_old_run_aside(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        run.trial(0).path.mkdir(parents=True)
        run.trial(0).results.write_text("kept")
    with open_run(run, make_sweep(seeds=3), "double", fresh=True):
        assert not run.trial(0).path.exists()
    (old,) = (path for path in tmp_path.iterdir() if path != run.path)
    assert old.name.startswith("double.2")
    assert RunDirectory(old).trial(0).results.read_text() == "kept"


def test_fresh_where_there_is_nothing_is_a_start(tmp_path: Path) -> None:
    with open_run(RunDirectory(tmp_path / "double"), make_sweep(), "double", fresh=True):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["double"]


@pytest.mark.parametrize("content", ["{half", "[]", '{"format": 1, "name": "double"}'])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    run = RunDirectory(tmp_path)
    run.definition.write_text(content)
    with (
        pytest.raises(ValueError, match=r"sweep\.json is damaged"),
        open_run(run, make_sweep(), "double"),
    ):
        pass
    assert run.definition.read_text() == content


def test_a_run_of_another_format_is_refused_and_moved_aside_when_fresh(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "double")
    with open_run(run, make_sweep(), "double"):
        pass
    known = json.loads(run.definition.read_text())
    run.definition.write_text(json.dumps(known | {"format": 0, "definition": "older"}))
    with (
        pytest.raises(ValueError, match=r"was written in format 0, .*--fresh"),
        open_run(run, make_sweep(), "double"),
    ):
        pass
    with open_run(run, make_sweep(), "double", fresh=True):
        assert json.loads(run.definition.read_text())["format"] == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_the_lock_ends_with_the_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with pytest.raises(KeyboardInterrupt), open_run(run, make_sweep(), "double"):
        raise KeyboardInterrupt
    with locked(run.path / "lock"):
        pass


def _content(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()
    }


def test_a_copy_of_a_stored_run_that_was_removed_ends_the_sweep_and_takes_nothing_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = run_at(f"file://{tmp_path}/store")
    definition = tmp_path / "store" / "sweep.json"
    with hold_run(run, print) as held, open_run(run, make_sweep(), "double"):
        assert held.lost is None
        recorded = definition.read_bytes()
        shutil.rmtree(run.path)
        assert held.lost == f"{run.path} was removed or renamed during the sweep."
        run.decisions(0).parent.mkdir(parents=True)
        run.share()
    assert definition.read_bytes() == recorded
    with hold_run(run, print) as held:
        assert run.definition.read_bytes() == recorded
        assert held.lost is None


def test_a_run_directory_that_is_renamed_ends_the_sweep(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    with hold_run(run, print) as held, open_run(run, make_sweep(), "double"):
        assert held.lost is None
        run.path.rename(tmp_path / "elsewhere")
        assert held.lost == f"{run.path} was removed or renamed during the sweep."
