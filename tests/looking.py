"""Run every command on a run, given as a folder or the URL of a store, and check its output."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from segue.cli import segue
from segue.record.local_run import fetch_run
from segue.record.study.trials import TrialSummary
from segue.report.data.facts import facts
from segue.report.data.summary import Summary, read_summary
from segue.store.objects import Store, is_url
from tests.forks import Forked


@contextmanager
def driver(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`segue run` in a separate process, which is killed at the end."""
    with TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        process = Forked(
            "-c",
            "from segue.cli import segue; segue()",
            "run",
            *arguments,
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the output of a command, which must succeed."""
    with pytest.raises(SystemExit) as left:
        segue(list(arguments))
    captured = capsys.readouterr()
    assert left.value.code == 0, captured.out + captured.err
    return captured.out


def summary_of(run: str) -> Summary:
    return read_summary(fetch_run(run).path)


def read_run_file(run: str, name: str) -> str:
    """A file of a run, from its folder or store."""
    return (
        Path(run, name).read_text()
        if not is_url(run)
        else (Store.of(run).read(name) or b"").decode()
    )


def trials(run: str) -> list[TrialSummary]:
    return facts(summary_of(run))


def complete(run: str) -> list[TrialSummary]:
    if not is_url(run) and not any(
        Path(run, "trials").glob("*")
    ):  # the driver is creating the study, which must not be opened yet
        return []
    return [trial for trial in trials(run) if trial.state == "complete"]


def check_commands(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """Try every command on a run of which at least one trial is complete."""
    best = complete(run)[0]
    metric = summary_of(run).metric
    shown = output_of(capsys, "show", run)
    assert re.search(rf"^ +{best.number} +complete +{best.metric:.4g} ", shown, re.MULTILINE), shown
    assert "stage 1" in output_of(capsys, "show", run, "--trial", str(best.number))
    output_of(capsys, "report", run)
    # A trial that the kill interrupted may be better than every complete one, or as good.
    answer = rf"(Trial \d+:|\d+ trials tie at) {metric} -?\d"
    assert re.search(answer, read_run_file(run, "report.html"))
    again = output_of(capsys, "rerun", run, "--trial", str(best.number))
    assert "Equal: all" in again, again
    assert f"Trial {best.number} after {best.env_steps:,} steps" in output_of(
        capsys, "play", run, "--episodes", "2"
    )


def retrain(capsys: pytest.CaptureFixture[str], run: str) -> None:
    """Retrain the two best trials on two new seeds, and check that other commands show it."""
    metric = summary_of(run).metric
    said = output_of(capsys, "retrain", run, "--top", "2", "--seeds", "2")
    known = json.loads(read_run_file(run, "retrained.json"))["configurations"]
    assert [each["trial"] for each in known] == [trial.number for trial in complete(run)[:2]]
    assert all(len(each["per_seed"]) == 2 for each in known)
    best = json.loads(read_run_file(run, "best.json"))
    assert f"trial {best['trial']} is best" in said and best["held_out"]["per_seed"]
    assert "that the search never saw" in read_run_file(run, "report.html")
    namespace: dict[str, object] = {"__name__": "best", "__file__": "best.py"}
    exec(read_run_file(run, "best.py"), namespace)
    assert namespace["pipeline"]().to_dict() == best["pipeline"]  # type: ignore[operator]
    assert metric in said
    gif = Path("best.gif")
    played = output_of(
        capsys, "play", run, "--episodes", "2", "--record", str(gif), "--recorded-episodes", "1"
    )
    assert f"Trial {best['trial']} after" in played and gif.read_bytes().startswith(b"GIF89a")
