"""Which trials are where: at a worker, or waiting for one."""

from collections import Counter, deque

from segue.tune.dispatch.study_side import AssignedTrial

TOGETHER = 2  # losses in company after which a trial is trained alone


class Places:
    """The places of all trials that run: each worker trains up to `rows` of them.

    A trial whose worker is lost waits for a place at any worker. One that was lost in company twice
    is trained alone, and only losses alone count against `retries`. A worker whose trials did not
    fit into a GPU's memory together has half as many places.
    """

    def __init__(self, rows: int, retries: int) -> None:
        self._rows = rows
        self._retries = retries
        self._reduced: dict[int, int] = {}
        self._at: dict[int, dict[int, AssignedTrial]] = {}
        self._waiting: deque[AssignedTrial] = deque()
        self._lost_together: Counter[int] = Counter()
        self._lost_alone: Counter[int] = Counter()
        self._emptied: int | None = None
        """The worker that takes no trials until it is empty, for a trial that must be alone."""

    def at(self, worker: int) -> dict[int, AssignedTrial]:
        """Return the trials at a worker, by number."""
        return self._at.setdefault(worker, {})

    @property
    def are_waiting(self) -> bool:
        """Whether trials wait for a worker."""
        return bool(self._waiting)

    def rows(self, worker: int) -> int:
        """Return how many trials a worker trains at most."""
        return self._reduced.get(worker, self._rows)

    def has_room(self, worker: int, most: int) -> bool:
        """Return whether a worker takes another trial, with at most `most` in all."""
        here = self.at(worker)
        self._choose_emptied(worker)
        if here and (self._emptied == worker or any(map(self._is_alone, here.values()))):
            return False
        return len(here) < min(self.rows(worker), max(most, 1))

    def place(self, worker: int, trial: AssignedTrial) -> None:
        """Give a trial a place at a worker."""
        self.at(worker)[trial.number] = trial

    def next_waiting(self, worker: int) -> AssignedTrial | None:
        """Return the next trial that waits and may join those at the worker, if there is one."""
        is_empty = not self.at(worker)
        alone = [trial for trial in self._waiting if self._is_alone(trial)]
        others = [trial for trial in self._waiting if not self._is_alone(trial)]
        chosen = next(iter([*(alone if is_empty else []), *others]), None)
        if chosen is not None:
            self._waiting.remove(chosen)
        return chosen

    def remove(self, worker: int, number: int) -> None:
        """Remove a trial that has ended."""
        del self.at(worker)[number]

    def halve(self, worker: int) -> None:
        """Let the trials of a worker wait, which will train half as many of them at a time."""
        here = self._at.pop(worker, {})
        self._reduced[worker] = max(1, len(here) // 2)
        self._waiting.extend(here.values())

    def lose(self, worker: int) -> tuple[list[AssignedTrial], list[AssignedTrial]]:
        """Let the trials of a lost worker wait; return them, and those that are not resumed."""
        here = list(self._at.pop(worker, {}).values())
        counter = self._lost_alone if len(here) == 1 else self._lost_together
        counter.update(trial.number for trial in here)
        failed = [one for one in here if self._lost_alone[one.number] > self._retries]
        resumed = [one for one in here if one not in failed]
        self._waiting.extend(resumed)
        return resumed, failed

    def _is_alone(self, trial: AssignedTrial) -> bool:
        return self._lost_together[trial.number] >= TOGETHER

    def _choose_emptied(self, worker: int) -> None:
        if not any(map(self._is_alone, self._waiting)):
            self._emptied = None
        elif self._emptied is None:
            self._emptied = worker
