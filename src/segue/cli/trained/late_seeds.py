"""`segue run --late-seeds`: the last quarter of the steps trains further seeds of the best."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from segue.cli.trained.retrain import Retraining, best_trials
from segue.plan.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from segue.record.local_run import LocalRun
    from segue.tune.options.options import Options

_SHARE = 4  # one part in so many of the steps
_LEAST_TRIALS = 2
_MOST_TRIALS = 4
_LEAST_SEEDS = 2


@dataclass(frozen=True)
class LateSeeds:
    """How many of the best trials train on how many further seeds, and what the search may take."""

    trials: int
    seeds: int
    search_steps: int

    @classmethod
    def of(cls, sweep: Sweep) -> "LateSeeds":
        """Divide a quarter of the sweep's steps between two to four trials.

        There are as many trials as two seeds of each fit. Raise ValueError if the sweep has no
        limit of steps, or if a quarter of it does not suffice for two seeds of two trials.
        """
        from segue.plan.sweeps.points.corners import Corners

        longest = Corners.of(sweep).longest_training
        least = _SHARE * _LEAST_TRIALS * _LEAST_SEEDS * longest
        if sweep.max_env_steps is None:
            raise ValueError(
                "--late-seeds spends a quarter of the environment steps: limit them with"
                f" --max-steps (or max_env_steps), to {least:,} or more."
            )
        fitting = sweep.max_env_steps // _SHARE // longest
        trials = min(fitting // _LEAST_SEEDS, _MOST_TRIALS)
        if trials < _LEAST_TRIALS:
            raise ValueError(
                "--late-seeds trains two seeds of two trials in a quarter of"
                f" {sweep.max_env_steps:,} steps, and one seed takes up to {longest:,}: give"
                f" --max-steps {least} or more, or leave --late-seeds out."
            )
        seeds = fitting // trials
        return cls(trials, seeds, sweep.max_env_steps - trials * seeds * longest)

    def __str__(self) -> str:
        return (
            f"{self.seeds} for each of the {self.trials} best trials, once the search has spent"
            f" {self.search_steps:,} environment steps"
        )

    def train(self, sweep: Sweep, run: "LocalRun", options: "Options", console: Console) -> int:
        """Retrain the best trials of a run whose search has ended, and return the exit code.

        The winner is then the one with the best interquartile mean over these seeds.
        """
        from segue.report.data.summary import read_summary
        from segue.tune.options.options import Options

        summary = read_summary(run.path)
        best = best_trials(summary, run.shown, self.trials)
        same = Options(
            address=options.address, concurrency=options.concurrency, notify=options.notify
        )
        storage = summary.storage if summary.definition.study else None
        retraining = Retraining(sweep, summary, best, run)
        given = replace(same, storage=storage)
        return retraining.run(self.seeds, given, console) or retraining.conclude(console)
