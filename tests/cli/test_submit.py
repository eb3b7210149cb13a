"""`segue submit`: what is refused before anything is sent to a cluster."""

from pathlib import Path

import pytest

from segue.cli import segue
from tests.sweep_files import REAL

NO_CLUSTER = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trails", "3"], "No such option: --trails"),
        (["--trials", "many"], "Invalid value for '--trials'"),
        (["--trials", "0"], "--trials must be"),
        (["--gpus", "most"], "--gpus must be a number or auto, got 'most'."),
        (["--trials"], "Option '--trials' requires an argument."),
        (["other"], "Got unexpected extra argument(s) (other)"),
        (
            ["--storage", "postgresql://me:word@host/db"],
            "--storage postgresql://me:***@host/db was",
        ),
        (["--trials", "2"], f"No Ray dashboard responds at {NO_CLUSTER}"),
    ],
)
def test_options_of_the_sweep_are_checked_before_the_cluster_is_contacted(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.py").write_text(REAL)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        segue(["submit", "mine.py", "--address", NO_CLUSTER, *arguments])
    assert ended.value.code == 2
    refused = capsys.readouterr().err
    assert refused.startswith(message)
    assert refused.count("\n") == 1
    assert "word@" not in refused
