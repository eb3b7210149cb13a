"""The log of a trial: TensorBoard events, and rows of JSON with the same numbers.

Tags are those of AllenAct's engine: `train-metrics/*`, `train-losses/<loss>/*`, `train-misc/*`,
`valid-metrics/*`; and `train-diagnostics/*`, which name the same quantity in every stage, whatever
its losses are called (`segue.train.updates.diagnostics`). The x axis is environment steps of the
member that is furthest behind, so that it never runs backwards. A number is the mean over the
trial's members.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from segue.base.files import read_rows, write_rows
from segue.base.strict_json import to_json
from segue.record.layout import TrialLayout
from segue.record.row import ENV_STEPS, TOTAL_ENV_STEPS
from segue.train.packs.interval import MemberInterval
from segue.train.trials.events import EventFile


class TrialLog(AbstractContextManager["TrialLog"]):
    """The log of one trial, from `from_steps` steps per member and `total_env_steps` in total.

    Later rows of an earlier log in the same directory are removed, since they will be written
    again. With `seeds`, each of that number of members has events of its own as well, in a folder
    of its own: TensorBoard draws their curves into the same charts.
    """

    def __init__(
        self,
        directory: Path,
        from_steps: int = 0,
        total_env_steps: int = 0,
        write: bool = True,
        seeds: int = 0,
    ) -> None:
        layout = TrialLayout(directory)
        self.path = layout.metrics
        self.write = write
        if not write:
            return
        rows = [row for row in read_rows(self.path) if _is_up_to(row, total_env_steps)]
        write_rows(self.path, rows)
        self.rows = self.path.open("a")
        self.events = EventFile(directory, from_steps)
        self.seeds = [EventFile(layout.seed_events(seed), from_steps) for seed in range(seeds)]
        self.since = time.perf_counter()
        self.steps = total_env_steps

    def train(self, logged: Sequence[MemberInterval], env_steps: int, total_env_steps: int) -> None:
        """Write an interval of training: means over the members that completed it."""
        if not logged or not self.write:
            return
        now = time.perf_counter()
        fps = (total_env_steps - self.steps) / max(now - self.since, 1e-9)
        self.since = now
        self.steps = total_env_steps
        tagged = [_tagged(one) for one in logged]
        numbers = {**mean_of_flat(tagged), "train-misc/fps": fps}
        self._row(env_steps, total_env_steps, numbers)
        for one, own in zip(logged, tagged, strict=True):
            self._of_seed(one.member, env_steps, own)

    def valid(
        self, evaluated: Mapping[str, Sequence[float]], env_steps: int, total_env_steps: int
    ) -> None:
        """Write an evaluation, which has one number of each member by metric."""
        if not self.write:
            return
        means = {name: mean(values) for name, values in evaluated.items()}
        self._row(env_steps, total_env_steps, dict(flat("valid-metrics", means)))
        for seed in range(len(self.seeds)):
            own = {name: values[seed] for name, values in evaluated.items()}
            self._of_seed(seed, env_steps, dict(flat("valid-metrics", own)))

    def flush(self) -> None:
        """Flush all files: a process that is killed afterwards loses nothing of them."""
        if self.write:
            self.rows.flush()
            for writer in (self.events, *self.seeds):
                writer.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all files, however the trial ended."""
        if self.write:
            self.rows.close()
            for writer in (self.events, *self.seeds):
                writer.close()

    def _row(self, env_steps: int, total_env_steps: int, numbers: Mapping[str, float]) -> None:
        row = {ENV_STEPS: env_steps, TOTAL_ENV_STEPS: total_env_steps, **numbers}
        self.rows.write(to_json(row) + "\n")
        self.events.add(env_steps, numbers)

    def _of_seed(self, seed: int, env_steps: int, numbers: Mapping[str, float]) -> None:
        if self.seeds:
            self.seeds[seed].add(env_steps, numbers)


def _tagged(one: MemberInterval) -> dict[str, float]:
    """Return the numbers of an interval of one member by their tags."""
    groups: dict[str, Mapping[str, Any]] = {
        "train-metrics": one.metrics,
        "train-losses": one.losses,
        "train-diagnostics": one.diagnostics,
        "train-misc": {"stage": one.stage, "lr": one.lr, **one.teacher},
    }
    return dict(pair for prefix, values in groups.items() for pair in flat(prefix, values))


def _is_up_to(row: Mapping[str, Any], total_env_steps: int) -> bool:
    reached = row.get(TOTAL_ENV_STEPS)
    return isinstance(reached, int) and reached <= total_env_steps


def flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Return nested names and numbers as `prefix/name/...`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(f"{prefix}/{name}", value)
        else:
            yield f"{prefix}/{name}", float(value)


def mean(values: Sequence[float]) -> float:
    """Return the mean of one number of each member."""
    return float(sum(values) / len(values))


def mean_of_flat(members: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each name over the members that have it."""
    names = dict.fromkeys(name for one in members for name in one)
    return {name: mean([one[name] for one in members if name in one]) for name in names}
