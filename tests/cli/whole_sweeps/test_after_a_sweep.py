"""Every command that looks at a run, on a small sweep: while it runs, after a crash, at its end.

The same of `wean_to_ppo`, whose run is in a store: test_after_a_stored_sweep.py.
"""

import shutil
import signal
from pathlib import Path

import pytest

from tests.looking import check_commands, complete, driver, output_of, retrain, trials
from tests.small_sweeps import small_copies
from tests.tune.support.drivers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]
NAME = "ppo_grid"
RUN = "runs/ppo_grid"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small copies, in which commands are given."""
    small_copies(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def retrain_one(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """The best so far on two new seeds; what came of it is put away, so that the search's best is
    spoken of again.
    """
    best = complete(run)[0].number
    assert f"trial {best} is best" in output_of(
        capsys, "retrain", run, "--top", "1", "--seeds", "2"
    )
    assert f"Trial {best}: " in Path(run, "report.html").read_text()
    shutil.rmtree(Path(run, "retrained"))
    Path(run, "retrained.json").unlink()


def test_commands_on_a_run_while_it_runs_after_a_crash_and_at_its_end(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with driver(NAME) as process:
        wait_for(lambda: bool(complete(RUN)) or process.poll() is not None)
        process.send_signal(
            signal.SIGSTOP
        )  # it runs on, as far as others can see, and nothing moves
        assert len(complete(RUN)) < len(trials(RUN))
        assert "The sweep is running." in output_of(capsys, "show", RUN)
        check_commands(capsys, RUN)
        assert "The sweep is running." in Path(RUN, "report.html").read_text()
        retrain_one(capsys, RUN)
    assert "The sweep is running." not in output_of(capsys, "show", RUN)
    check_commands(capsys, RUN)
    retrain_one(capsys, RUN)
    finished = output_of(capsys, "run", NAME)
    assert all(f"{RUN}/{file}" in finished for file in ("best.json", "best.py", "report.html"))
    assert {trial.state for trial in trials(RUN)} <= {"complete", "pruned"}
    check_commands(capsys, RUN)
    late = output_of(capsys, "run", NAME, "--late-seeds", "--max-steps", str(16 * 8_192))
    assert "Retraining on 2 held-out seeds" in late and "is best" in late
    retrain(capsys, RUN)  # the same trials on the same seeds, of which nothing is left to train
