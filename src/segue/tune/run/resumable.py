"""Whether trials can resume: their files are read before training starts."""

import stat
from collections.abc import Iterable
from pathlib import Path

from segue.tune.run.decisions import check_decisions
from segue.tune.run.directory import RunDirectory
from segue.tune.run.lineage import read_lineage


def check_resumable(run: RunDirectory, numbers: Iterable[int]) -> None:
    """Raise ValueError, in one sentence, for a run in which these trials cannot resume.

    A file that is damaged is left as it is; a worker would fail with it, or wait for it.
    """
    for folder in (run.trials, run.decisions_folder, run.tune):
        _check_kind(folder, is_folder=True)
    for number in numbers:
        trial = run.trial(number)
        _check_kind(trial.path, is_folder=True)
        for file in (trial.lock, trial.results, trial.metrics, trial.log):
            _check_kind(file, is_folder=False)
        check_decisions(run.decisions(number))
        read_lineage(trial)


def _check_kind(path: Path, *, is_folder: bool) -> None:
    try:
        mode = (path.stat() if is_folder else path.lstat()).st_mode  # links are not followed
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): move it away.") from error
    if is_folder and not stat.S_ISDIR(mode):
        raise ValueError(f"{path} is not a folder: move it away.")
    if not is_folder and not stat.S_ISREG(mode):
        raise ValueError(f"{path} is not a regular file: move it away.")
