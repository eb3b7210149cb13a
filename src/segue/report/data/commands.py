"""Command lines that show more of a run, as they can be typed here."""

import shlex
import shutil
import sys
from pathlib import Path

from segue.report.data.summary import Summary


def commands(summary: Summary) -> list[str]:
    """Return the commands that show more, as they can be typed here."""
    best = summary.best[:1]
    shown = summary.layout.trial(best[0].number).path if best else summary.run
    return [
        command_for("tensorboard", "--logdir", str(summary.layout.trials)),
        command_for("optuna-dashboard", summary.storage),
        command_for(
            "optuna",
            "trials",
            "--storage",
            summary.storage,
            "--study-name",
            summary.definition.study_name,
        ),
        shlex.join(["ls", str(shown)]),
    ]


def command_for(tool: str, *arguments: str) -> str:
    """Return the command line of a tool, as it can be typed here."""
    # With `make` or .venv/bin/python, the tools of the environment are not on the path.
    beside = Path(sys.executable).parent / tool
    if shutil.which(tool):
        return shlex.join([tool, *arguments])
    if beside.exists():
        return shlex.join([str(_near(beside)), *arguments])
    return f"{shlex.join([tool, *arguments])}   (after: pip install {tool})"


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
