"""Everything that reads a run directory, up to the point where it would train for long."""

import io
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from segue.cli import segue
from segue.cli.trained.play import best_trial
from segue.cli.trained.rerun import _parameters
from segue.cli.trained.retrain import best_trials
from segue.plan.decision import Decision
from segue.record.layout import PREFIXES, RETRAINED
from segue.report.data.facts import facts
from segue.report.data.heldout import read_comparison
from segue.report.data.summary import read_summary
from segue.report.load import load
from segue.train.trials.prefixes import SharedTraining
from segue.train.trials.several import Trials
from segue.tune.held_out import held_out_sweep, is_of
from segue.tune.options.options import Options
from segue.tune.run.directory import RunDirectory
from segue.tune.run.original_sweep import sweep_of
from segue.tune.worker.one import described_spec
from segue.tune.worker.rerun import rerun
from tests.mutations.run import SWEEP, Interrupted, Tuner, checked, opened, train

_CODES = (0, 1, 2)
_REWRITTEN = ("sweep.json", "sweep.py", "lock")  # by each start of a run
_SWEEP_FILE = ("--sweep", str(SWEEP))


class WrongEndError(AssertionError):
    """Raised for a command that ends otherwise than it may."""


def _command(*arguments: str) -> None:
    """Run a command, which may succeed, or refuse in one sentence."""
    output = io.StringIO()
    errors = io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors), suppress(SystemExit):
        try:
            segue(list(arguments))
        except SystemExit as left:
            _check(left.code, errors.getvalue())
            raise


def _check(code: object, errors: str) -> None:
    if code not in _CODES or "Traceback" in errors:
        raise WrongEndError(f"exit code {code}: {errors}")
    if code == 2 and len(errors.strip().splitlines()) != 1:
        raise WrongEndError(f"not one sentence: {errors}")


def _show(run: Path, *options: str) -> None:
    _command("show", str(run), *options)


def _show_each(run: Path) -> None:
    for number in (0, 2, 5):
        _show(run, "--trial", str(number))


def _load(run: Path) -> None:
    found = load(run)
    assert len(found.trials) and len(found.curves.columns)


def _rerun(run: Path) -> None:
    """Train a trial again up to its first report."""
    summary = read_summary(run)
    for number in (0, 5):
        parameters = _parameters(summary, str(run), number)
        directory = RunDirectory(run)
        sweep = sweep_of(directory, SWEEP)
        with suppress(Interrupted):
            rerun(sweep, directory, number, parameters, run / "reruns" / str(number), _interrupt)


def _retrain(run: Path) -> None:
    """Do all that a retraining does before it trains."""
    summary = read_summary(run)
    sweep = sweep_of(RunDirectory(run), SWEEP)
    best = best_trials(summary, str(run), 3)
    held_out = held_out_sweep(sweep, [trial.trained_with for trial in best], 2)
    is_of(run / RETRAINED, held_out)
    read_comparison(run)
    if facts(summary):
        best_trial(summary)


def _warm_start(run: Path) -> None:
    other = run.with_name("other")
    shutil.rmtree(other, ignore_errors=True)
    with opened(other, Options(warm_start=str(run))):
        pass


def _continue(run: Path) -> None:
    """Continue the run until its first trial reports; what is refused must stay as it was."""
    before = _content(run)
    try:
        with opened(run) as found:
            tuner = Tuner(found)
            trial = tuner.start()
    except ValueError:
        after = _content(run)
        changed = [str(path) for path in before if before[path] != after.get(path)]
        if changed:
            raise WrongEndError(f"refused, but changed: {changed}") from None
        raise
    if trial is not None:
        with suppress(Interrupted, FloatingPointError):
            train(checked().sweep, trial, RunDirectory(run), _interrupt)


def _begin_with_shared(run: Path) -> None:
    """Begin a trial with what another one has stored for it; anything else is trained anew."""
    directory = run.with_name("forked")
    shutil.rmtree(directory, ignore_errors=True)
    sweep = checked().sweep
    spec = described_spec(sweep, sweep.planned()[1], directory, None, "cpu")
    with redirect_stdout(io.StringIO()), Trials() as trials:
        trials.begin(0, spec, directory, shared=SharedTraining(run / PREFIXES / "shared"))


def _content(run: Path) -> dict[Path, bytes]:
    files = [path for path in run.rglob("*") if path.is_file() and path.name not in _REWRITTEN]
    return {path: path.read_bytes() for path in files}


def _interrupt(row: dict[str, Any]) -> Decision | None:
    raise Interrupted


READERS: dict[str, Callable[[Path], None]] = {
    "show": _show,
    "show --json": lambda run: _show(run, "--json"),
    "show --csv": lambda run: _show(run, "--csv"),
    "show --trial": _show_each,
    "report": lambda run: _command("report", str(run)),
    "load": _load,
    "play": lambda run: _command("play", str(run), "--episodes", "1", *_SWEEP_FILE),
    "play --trial": lambda run: _command(
        "play", str(run), "--trial", "5", "--episodes", "1", *_SWEEP_FILE
    ),
    "rerun": _rerun,
    "retrain": _retrain,
    "warm start": _warm_start,
    "begin with shared": _begin_with_shared,
    "continue": _continue,
}
