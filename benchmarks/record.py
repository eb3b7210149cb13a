"""The output of a benchmark: a table, one JSON line, and a dated record with the machine."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
_DIGITS = 4
PACKAGES = ("torch", "numpy", "ray", "optuna", "gymnasium", "minigrid", "stable-baselines3")


def machine() -> dict[str, Any]:
    """Return the processor, its cores, the GPU if there is one, and the versions of packages."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    installed = {package.metadata["Name"].lower().replace("_", "-") for package in distributions()}
    packages = {name: version(name) for name in PACKAGES if name in installed}
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", "as found"),
        **({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
        **packages,
    }


def publish(
    name: str,
    command: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    figures: Mapping[str, Any],
    keep: bool,
) -> dict[str, Any]:
    """Print the table and a line of JSON; if `keep`, write a record to `benchmarks/results/`.

    Return the figures as they were rounded.
    """
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=100).print(table)
    rounded: dict[str, Any] = _rounded(figures)
    if keep:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        record = {"date": today, "command": command, "machine": machine(), "figures": rounded}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{today}-{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(rounded))
    return rounded


def _rounded(figures: Any) -> Any:
    if isinstance(figures, Mapping):
        return {key: _rounded(value) for key, value in figures.items()}
    if isinstance(figures, list):
        return [_rounded(value) for value in figures]
    return figures if isinstance(figures, str | bool) else round(figures, _DIGITS)
