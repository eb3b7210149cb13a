"""Means of named scalars, accumulated over an interval."""

import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any


class ScalarMeanTracker:
    """Track the mean of each of several named scalars.

    Adding is all or nothing: every entry is checked before any is added. Values are stored as
    floats, also those of tensors and arrays with one element.

    >>> tracker = ScalarMeanTracker()
    >>> tracker.add_scalars({"reward": 1.0})
    >>> tracker.add_scalars({"reward": 4.0}, n=2)
    >>> tracker.pop_and_reset()
    {'reward': 3.0}
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add_scalars(
        self, scalars: Mapping[str, float | int], n: int | Mapping[str, int] = 1
    ) -> None:
        """Add each value as the mean of `n` observations.

        `n` is one count, or a count for each name; 0 adds nothing. Raises TypeError for a value
        that is not a single number or a count that is not a whole number, ValueError for a negative
        count and for a name that `n` lacks.
        """
        if not isinstance(scalars, Mapping):
            raise TypeError(f"add_scalars takes a dictionary of names and values, got {scalars!r}.")
        added = [(name, _scalar(name, value), _count(name, n)) for name, value in scalars.items()]
        for name, value, times in added:
            if times > 0:
                self._sums[name] = self._sums.get(name, 0.0) + value * times
                self._counts[name] = self._counts.get(name, 0) + times

    def means(self) -> dict[str, float]:
        """Return the mean of all values added so far, by name."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}

    def sums(self) -> dict[str, float]:
        """Return the sum of all observations added so far, by name."""
        return dict(self._sums)

    def counts(self) -> dict[str, int]:
        """Return the number of observations added so far, by name."""
        return dict(self._counts)

    @property
    def empty(self) -> bool:
        """Whether there are no observations."""
        return not self._counts

    def reset(self) -> None:
        """Remove all observations."""
        self._sums = {}
        self._counts = {}

    def pop_and_reset(self) -> dict[str, float]:
        """Return the means and remove the values."""
        means = self.means()
        self.reset()
        return means

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Return the sums and counts by name, as dictionaries that JSON can hold."""
        return {"sums": self.sums(), "counts": self.counts()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Restore a `state_dict`. Raise ValueError, and change nothing, for anything else."""
        if set(state) != {"sums", "counts"} or state["sums"].keys() != state["counts"].keys():
            raise ValueError(
                "This is not the state of a ScalarMeanTracker, which has equal names in sums and"
                f" counts: {state!r}."
            )
        sums = {name: _scalar(name, total) for name, total in state["sums"].items()}
        counts = {name: _count(name, times) for name, times in state["counts"].items()}
        if 0 in counts.values():
            raise ValueError(f"A count in the state of a ScalarMeanTracker is 0: {counts!r}.")
        self._sums = sums
        self._counts = counts

    def __repr__(self) -> str:
        return f"ScalarMeanTracker({self.means()!r})"


def _scalar(name: str, value: Any) -> float:
    if isinstance(value, Real):
        return float(value)
    try:
        return float(value.item())
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"The scalar {name!r} must be one number, got {value!r}.") from error


def _count(name: str, n: int | Mapping[str, int]) -> int:
    if isinstance(n, Mapping):
        if name not in n:
            raise ValueError(f"n gives no count for the scalar {name!r}: it has {sorted(n)}.")
        n = n[name]
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"The count of the scalar {name!r} must be a whole number, got {n!r}.")
    times = operator.index(n)
    if times < 0:
        raise ValueError(f"The count of the scalar {name!r} must not be negative, got {times}.")
    return times
