"""Every command on a small sweep that is stored in moto's S3: after its driver was killed, at its
end, and after a fresh start. The Ray is older than the server, whose address its workers must be
sent.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.record.layout import HPARAMS
from segue.record.winner import best_checkpoint
from segue.store.objects import Store
from segue.train.stored_weights import read_weights
from tests.looking import (
    check_commands,
    complete,
    driver,
    output_of,
    read_run_file,
    retrain,
    trials,
)
from tests.small_sweeps import small_copies
from tests.store.servers import BUCKET, an_s3
from tests.tune.support.drivers import remove, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.usefixtures("cluster")]
FILES = ("best.json", "best.py", "report.html")
NAME = "wean_to_ppo"
RUN = f"s3://{BUCKET}/sweeps/wean"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the small copies, and the server."""
    small_copies(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with an_s3() as found:
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        yield tmp_path


def test_commands_on_a_stored_run_after_a_crash_at_its_end_and_after_a_fresh_start(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.of(RUN)
    with driver(NAME, "--run-dir", RUN, "--concurrency", "1") as process:
        wait_for(
            lambda: (
                process.poll() is not None or ("study.db" in store.names() and bool(complete(RUN)))
            )
        )
        process.kill()
    remove(place / "cache")
    assert 1 <= len(complete(RUN)) < 4
    assert "The sweep is running." not in output_of(capsys, "show", RUN)
    check_commands(capsys, RUN)
    said = output_of(capsys, "run", NAME, "--run-dir", RUN)
    assert said.count(f"stored in {RUN}") == 2 and all(
        read_run_file(RUN, name) for name in FILES
    ), said
    assert len(trials(RUN)) == 4 and {trial.state for trial in trials(RUN)} <= {
        "complete",
        "pruned",
    }
    retrain(capsys, RUN)
    number = json.loads(read_run_file(RUN, "best.json"))["trial"]
    assert read_weights(best_checkpoint(RUN)), "it was copied from the store"
    assert f"trials/{number:04d}/best" in str(best_checkpoint(RUN))
    assert [name for name in store.at("retrained").names() if name.startswith("trials/0001/")]
    before = store.names()
    assert sum(name.endswith(HPARAMS) for name in before) == 4 + 2, (
        "one of each trial, for TensorBoard"
    )
    output_of(capsys, "run", NAME, "--run-dir", RUN, "--fresh", "--trials", "1")
    (aside,) = {
        name.split("/")[0]
        for name in Store.of(f"s3://{BUCKET}/sweeps").names()
        if name.startswith("wean.")
    }
    moved = Store.of(f"s3://{BUCKET}/sweeps/{aside}").names()
    assert moved.keys() == before.keys() - {"driver.json"}, "nothing is deleted"
    assert len(trials(RUN)) == 1 and len(trials(f"s3://{BUCKET}/sweeps/{aside}")) == 4
    assert "1 complete" in output_of(capsys, "show", RUN)
