"""`segue retrain`: the best configurations on held-out seeds."""

import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.base.files import write_atomic
from segue.base.strict_json import to_json
from segue.base.text import assignments, printable
from segue.cli.shared.arguments import Run, SweepFile
from segue.cli.shared.options import options_of, with_options
from segue.cli.shared.output import check_target, print_line
from segue.cli.winner import write_winner
from segue.record.layout import HELD_OUT, RETRAINED, TRIALS

if TYPE_CHECKING:
    from segue.plan.sweeps.sweep import Sweep
    from segue.record.local_run import LocalRun
    from segue.record.study.trials import TrialSummary
    from segue.report.data.heldout import Comparison, HeldOut
    from segue.report.data.summary import Summary
    from segue.tune.options.options import Options


_TOP = 3  # configurations that are retrained


class RetrainChoice(StrEnum):
    """How the configurations to retrain are chosen."""

    best = "best"
    pareto = "pareto"


@with_options("address", "concurrency", "rows")
def command(
    run: Run,
    top: Annotated[
        int | None,
        typer.Option(
            help="Number of configurations. Default: 3, or all with --choose pareto.", min=1
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="Number of held-out seeds per configuration.", min=2)
    ] = 10,
    choose: Annotated[
        RetrainChoice,
        typer.Option(
            help="The best by the metric, or those that no other trial beats in every respect: of"
            " several objectives, or of the metric and the steps to reach it."
        ),
    ] = RetrainChoice.best,
    sweep: SweepFile = None,
    **options: Any,
) -> int:
    """Retrain the best configurations on held-out seeds, and compare them by the metric.

    The same command resumes a retraining that was interrupted.
    """
    from segue.record.local_run import fetch_run
    from segue.report.data.summary import read_summary
    from segue.tune.run.directory import RunDirectory
    from segue.tune.run.original_sweep import sweep_of

    given = options_of(options)
    console = Console()
    local_run = fetch_run(run)
    summary = read_summary(local_run.path)
    check_target(summary.layout.held_out, "move it away")
    original = sweep_of(RunDirectory(local_run.path, local_run.store), sweep)
    best = _chosen(summary, run, choose, top)
    storage = summary.storage if summary.definition.study else None
    given = replace(given, storage=storage)
    retraining = Retraining(original, summary, best, local_run)
    return retraining.run(seeds, given, console) or retraining.conclude(console)


def _chosen(
    summary: "Summary", run: str, choose: RetrainChoice, top: int | None
) -> "list[TrialSummary]":
    """Return the trials whose configurations are retrained; raise ValueError without any."""
    if choose is RetrainChoice.best:
        return best_trials(summary, run, _TOP if top is None else top)
    from segue.report.analysis.front import fronts
    from segue.report.data.evidence import Evidence

    found = fronts(Evidence.of(summary))[:1]
    unbeaten = [trial for front in found for trial in front.best][:top]
    if not unbeaten:
        raise ValueError(f"{run} has no complete trial yet: resume its sweep first.")
    return unbeaten


def best_trials(summary: "Summary", run: str, top: int) -> "list[TrialSummary]":
    """Return the best complete trials of different parameters, or raise ValueError without any."""
    from segue.report.data.facts import facts
    from segue.tune.held_out import distinct

    complete = [trial for trial in facts(summary) if trial.state == "complete"]
    best = [complete[index] for index in distinct([trial.trained_with for trial in complete])][:top]
    if not best:
        raise ValueError(f"{run} has no complete trial yet: resume its sweep first.")
    return best


@dataclass(frozen=True)
class Retraining:
    """The retraining of the best trials of a run, in a folder of the run."""

    sweep: "Sweep"
    summary: "Summary"
    best: "list[TrialSummary]"
    local_run: "LocalRun"

    def run(self, seeds: int, options: "Options", console: Console) -> int:
        """Train what is missing, and return an exit code other than 0 if it ended early."""
        from segue.tune.drive import run_sweep
        from segue.tune.held_out import held_out_sweep, is_of

        say = partial(print_line, console)
        sweep = held_out_sweep(self.sweep, [trial.trained_with for trial in self.best], seeds)
        directory = self.local_run.at(RETRAINED)
        is_other = not is_of(directory, sweep)
        if is_other:
            say(f"{directory} holds another comparison, which is moved aside and not deleted.")
        trials = enumerate(self.best)
        listed = ", ".join(f"{index} is trial {trial.number}" for index, trial in trials)
        say(f"Retraining on {seeds} held-out seeds; in {directory}, {listed}.")
        if self.sweep.pinned:
            say(f"Pinned, as in the run: {assignments(self.sweep.pinned)}")
        options = replace(options, fresh=is_other)
        result = run_sweep(sweep, self.summary.name, directory, options, console=console)
        if result.problem:
            print(printable(result.problem), file=sys.stderr)
            return 1
        if result.interrupted_by is not None:
            print("Interrupted. The same command resumes the retraining.", file=sys.stderr)
            return 128 + result.interrupted_by
        return 0

    def conclude(self, console: Console) -> int:
        """Write and print the comparison, and return the exit code."""
        from segue.report.data.heldout import compared

        configurations = self._configurations()
        if not configurations:
            logs = f"{self.local_run.shown}/{RETRAINED}/{TRIALS}"
            print(f"No configuration was retrained: see the logs in {logs}.", file=sys.stderr)
            return 1
        recorded = {
            "mode": self.summary.mode,
            "configurations": [vars(each) for each in configurations],
        }
        write_atomic(self.summary.layout.held_out, to_json(recorded, indent=2) + "\n")
        self.local_run.upload(HELD_OUT)
        mode: Literal["max", "min"] = "min" if self.summary.mode == "min" else "max"
        comparison = compared(mode, configurations)
        console.print(_table(comparison, self.summary.metric))
        print_line(console, comparison.verdict)
        write_winner(self.sweep, self.summary, self.local_run, console)
        return 0

    def _configurations(self) -> "list[HeldOut]":
        """Return the trials that were retrained to their end, with the metric of each seed."""
        from segue.record.local_run import fetch_run
        from segue.record.study.attributes import per_seed
        from segue.report.data.heldout import HeldOut
        from segue.report.data.summary import read_summary

        retrained = read_summary(fetch_run(self.local_run.at(RETRAINED)).path)
        ended = {trial.number: trial for trial in retrained.trials if trial.values}
        name = per_seed(self.summary.metric)
        return [
            HeldOut(
                trial.number,
                trial.trained_with,
                float(trial.metric or 0.0),
                tuple(ended[index].user_attrs[name]),
            )
            for index, trial in enumerate(self.best)
            if index in ended and ended[index].user_attrs.get(name)
        ]


def _table(comparison: "Comparison", metric: str) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("trial", f"{metric} in the search", "held-out IQM", "95 % interval"):
        table.add_column(Text(printable(column)), justify="right")
    for each in comparison.configurations:
        value, low, high = each.iqm
        table.add_row(
            str(each.trial), f"{each.search:.4g}", f"{value:.4g}", f"{low:.4g} to {high:.4g}"
        )
    return table
