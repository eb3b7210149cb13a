"""Every command at a run and what it must say, given a folder or the URL of a store."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from segue.cli import segue
from segue.record.local_run import fetch_run
from segue.record.trials import TrialSummary
from segue.report.data.facts import facts
from segue.report.data.summary import Summary, read_summary
from segue.store.objects import Store, is_url


@contextmanager
def driver(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`segue run` in a process of its own, which is killed at the end."""
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            [sys.executable, "-c", "from segue.cli import segue; segue()", "run", *arguments],
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints; it must succeed."""
    with pytest.raises(SystemExit) as left:
        segue(list(arguments))
    captured = capsys.readouterr()
    assert left.value.code == 0, captured.out + captured.err
    return captured.out


def summary_of(run: str) -> Summary:
    return read_summary(fetch_run(run).path)


def kept(run: str, name: str) -> str:
    """A file of a run, from where it is kept."""
    return (
        Path(run, name).read_text()
        if not is_url(run)
        else (Store.of(run).read(name) or b"").decode()
    )


def trials(run: str) -> list[TrialSummary]:
    return facts(summary_of(run))


def complete(run: str) -> list[TrialSummary]:
    if (
        not is_url(run) and not Path(run, "trials").exists()
    ):  # the driver is making the study, in which nobody must meddle
        return []
    return [trial for trial in trials(run) if trial.state == "complete"]


def look(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """Every command, on a run of which at least one trial is complete."""
    best = complete(run)[0]
    metric = summary_of(run).metric
    shown = told(capsys, "show", run)
    assert re.search(rf"^ +{best.number} +complete +{best.metric:.4g} ", shown, re.MULTILINE), shown
    assert "stage 1" in told(capsys, "show", run, "--trial", str(best.number))
    told(capsys, "report", run)
    assert f"Trial {best.number}: {metric}" in kept(run, "report.html")
    again = told(capsys, "rerun", run, "--trial", str(best.number))
    assert "Equal: all" in again, again
    assert f"Trial {best.number} after {best.env_steps:,} steps" in told(
        capsys, "play", run, "--episodes", "2"
    )


def retrain(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """The two best on two new seeds; then every other command speaks of that."""
    metric = summary_of(run).metric
    said = told(capsys, "retrain", run, "--top", "2", "--seeds", "2")
    known = json.loads(kept(run, "retrained.json"))["configurations"]
    assert [each["trial"] for each in known] == [trial.number for trial in complete(run)[:2]]
    assert all(len(each["per_seed"]) == 2 for each in known)
    best = json.loads(kept(run, "best.json"))
    assert f"trial {best['trial']} is best" in said and best["held_out"]["per_seed"]
    assert "that the search never saw" in kept(run, "report.html")
    namespace: dict[str, object] = {"__name__": "best"}
    exec(kept(run, "best.py"), namespace)
    assert namespace["pipeline"]().to_dict() == best["pipeline"]  # type: ignore[operator]
    assert metric in said
    gif = Path("best.gif")
    played = told(
        capsys, "play", run, "--episodes", "2", "--record", str(gif), "--recorded-episodes", "1"
    )
    assert f"Trial {best['trial']} after" in played and gif.read_bytes().startswith(b"GIF89a")
