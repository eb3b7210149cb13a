"""`segue.load`: one run, or several runs that are compared, in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from segue.record.local_run import LocalRun, fetch_run
from segue.report.compare.comparison import RunComparison
from segue.report.compare.runs import read_runs
from segue.report.data.loaded import LoadedRun, pandas_module
from segue.report.data.summary import read_summary


@dataclass(frozen=True)
class LoadedRuns:
    """Several runs of one metric, as data frames with a column `run`.

    They are read at each access, so that they reflect sweeps that are still running. The name of a
    run is the shortest end of its path that no other one has.
    """

    runs: Sequence[LocalRun]

    @property
    def comparison(self) -> RunComparison:
        """What the frames and `segue compare` show."""
        return RunComparison(read_runs(self.runs))

    @property
    def trials(self) -> Any:
        """A data frame with one row per trial; columns as in `LoadedRun.trials`."""
        return self._of_each("trials")

    @property
    def curves(self) -> Any:
        """A data frame with one row per report; columns as in `LoadedRun.curves`."""
        return self._of_each("curves")

    @property
    def best_so_far(self) -> Any:
        """A data frame of how the best complete trial improved.

        Columns: run; steps, the environment steps of all trials and seeds that were spent by then;
        trial; value; worst_seed; best_seed.
        """
        rows = [
            {"run": run.label, **each._asdict()}
            for run in self.comparison.runs
            for each in run.best_so_far
        ]
        return pandas_module().DataFrame(rows)

    @property
    def winners(self) -> Any:
        """A data frame with one row per run: its winner, its values, and the steps spent.

        Columns: run; trial; the metric in the search; steps; `iqm`, `low` and `high`, the
        interquartile mean on held-out seeds with its 95 % interval, None without `segue retrain`;
        and the winner's parameters as `params_NAME`.
        """
        comparison = self.comparison
        rows = []
        for run in comparison.runs:
            value = run.held_out_value
            winner = run.winner
            rows.append(
                {
                    "run": run.label,
                    "trial": winner.number if winner else None,
                    comparison.metric: winner.metric if winner else None,
                    "steps": run.steps,
                    "iqm": value and value.value,
                    "low": value and value.low,
                    "high": value and value.high,
                    **{f"params_{name}": each for name, each in run.parameters.items()},
                }
            )
        return pandas_module().DataFrame(rows)

    @property
    def improvement(self) -> Any:
        """A data frame of the probability that a run of one winner is better than one of another.

        Columns: run; other; probability; low and high, the ends of its 95 % interval; held_out,
        whether it is of held-out seeds rather than of those of the search.
        """
        comparison = self.comparison
        names = [run.label for run in comparison.runs]
        rows = [
            {
                "run": names[one],
                "other": names[other],
                "probability": found.value,
                "low": found.low,
                "high": found.high,
                "held_out": comparison.is_held_out,
            }
            for (one, other), found in comparison.improvement.items()
        ]
        return pandas_module().DataFrame(rows)

    @property
    def definitions(self) -> Any:
        """A data frame of what differs in the definitions: a row per entry, a column per run."""
        comparison = self.comparison
        names = [run.label for run in comparison.runs]
        frame = pandas_module().DataFrame
        return frame.from_dict(comparison.definitions, orient="index", columns=names)

    def _of_each(self, name: str) -> Any:
        frames = [
            getattr(LoadedRun(local.path), name).assign(run=run.label)
            for local, run in zip(self.runs, self.comparison.runs, strict=True)
        ]
        return pandas_module().concat(frames, ignore_index=True)


@overload
def load(run: str | Path) -> LoadedRun: ...


@overload
def load(run: str | Path, *others: str | Path) -> LoadedRuns: ...


def load(run: str | Path, *others: str | Path) -> LoadedRun | LoadedRuns:
    """Open run directories, or fetch runs from a store.

    Args:
        run: A run directory, or the URL of a run.
        others: Further runs, to be compared with the first one.

    Raises ValueError if there is no run, if runs cannot be compared, or if pandas is not
    installed.
    """
    pandas_module()
    runs = [fetch_run(each) for each in (run, *others)]
    if not others:
        read_summary(runs[0].path)
        return LoadedRun(runs[0].path)
    found = LoadedRuns(runs)
    _ = found.comparison  # refused now rather than at the first access
    return found
