"""The trials as an in-memory study for Optuna's plots.

Names and text values are escaped, since Plotly reads them as HTML.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.record.study.attributes import COPY_OF
from segue.record.study.stages import Stages
from segue.report.data.summary import Summary

_MOST = 100_000  # trials of a study


def plot_study(
    summary: Summary,
    value_of: Callable[[FrozenTrial], float | None],
    without: Collection[str] = (),
) -> optuna.Study:
    """Return a study in which the trials for which `value_of` returns a value are complete with it.

    All other trials, and copies of trials, are failed, so that each trial has its own number in
    plots. Parameters in `without` are left out.
    """
    study = optuna.create_study(direction="maximize" if summary.mode == "max" else "minimize")
    known = {trial.number: trial for trial in summary.trials}
    shared = {name: kind for name, kind in _widest(known.values()).items() if name not in without}
    values = {
        number: value
        for number, trial in known.items()
        if COPY_OF not in trial.user_attrs and (value := value_of(trial)) is not None
    }
    last = max(values, default=-1)
    # A number in a damaged study may be any; then trials are numbered consecutively.
    shown = range(last + 1) if last < _MOST else values
    study.add_trials(
        _plot_trial(known[number], values[number], shared)
        if number in values
        else create_trial(state=TrialState.FAIL)
        for number in shown
    )
    return study


def plotted(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials of a study that plots show."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def distributions(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return the distributions of the parameters that have more than one value, by name."""
    known: dict[str, BaseDistribution] = {}
    for trial in trials:
        known.update(trial.distributions)
    return {name: distribution for name, distribution in known.items() if not distribution.single()}


def metric_at_stage_end(trial: FrozenTrial, stage: int) -> float | None:
    """Return the metric at the end of a stage (from 0), or None if the trial did not reach it."""
    stages = Stages.recorded_of(trial)
    ended = stages.ended_at if stages else ()
    return trial.intermediate_values.get(ended[stage]) if stage < len(ended) else None


def _widest(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution | None]:
    """Return each parameter's distribution over the ranges of all trials; None if they differ more.

    Ranges differ where a sweep was changed; Optuna's importances and plots expect equal ones.
    """
    found: dict[str, set[BaseDistribution]] = {}
    for trial in trials:
        for name, kind in trial.distributions.items():
            found.setdefault(name, set()).add(kind)
    return {name: _joined([*kinds]) for name, kinds in found.items()}


def _joined(kinds: Sequence[BaseDistribution]) -> BaseDistribution | None:
    if len(kinds) == 1:
        return kinds[0]
    log = {getattr(kind, "log", None) for kind in kinds}
    floats = [kind for kind in kinds if isinstance(kind, FloatDistribution)]
    ints = [kind for kind in kinds if isinstance(kind, IntDistribution)]
    if len(log) > 1 or len(kinds) not in (len(floats), len(ints)):
        return None
    low = min(kind.low for kind in floats or ints)
    high = max(kind.high for kind in floats or ints)
    if floats:
        return FloatDistribution(low, high, log=floats[0].log)
    return IntDistribution(int(low), int(high), log=ints[0].log)


def _plot_trial(
    trial: FrozenTrial, value: float, shared: Mapping[str, BaseDistribution | None]
) -> FrozenTrial:
    names = [name for name in trial.params if name in shared]
    return create_trial(
        state=TrialState.COMPLETE,
        value=value,
        params={_text(name): _text(trial.params[name]) for name in names},
        distributions={
            _text(name): _escaped(shared[name] or trial.distributions[name]) for name in names
        },
    )


def _escaped(distribution: BaseDistribution) -> BaseDistribution:
    if isinstance(distribution, CategoricalDistribution):
        return CategoricalDistribution([_text(choice) for choice in distribution.choices])
    return distribution


def _text(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value
