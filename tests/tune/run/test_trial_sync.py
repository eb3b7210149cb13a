"""A trial on a worker's machine and in the run's store."""

from pathlib import Path

from segue.record.checkpoints import checkpoint_name
from segue.record.layout import RunLayout
from segue.store.objects import Store
from segue.tune.run.stored import StoreTrialSync


def test_a_checkpoint_whose_rows_were_removed_is_not_resumed_from(tmp_path: Path) -> None:
    run = RunLayout(tmp_path / "cache")
    trial = run.trial(0)
    trial.checkpoints().mkdir(parents=True)
    first, second = (
        trial.checkpoints() / checkpoint_name(steps, "0123456789abcdef") for steps in (1, 2)
    )
    sync = StoreTrialSync(Store.of(f"file://{tmp_path}/store"), run, 0)
    trial.results.write_text("1\n")
    first.write_text("first")
    sync.upload()
    trial.results.unlink()
    second.write_text("second")
    sync.begin()
    assert trial.results.read_text() == "1\n"
    assert list(trial.all_checkpoints()) == [first] and first.read_text() == "first"
