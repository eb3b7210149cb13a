"""Trials and evidence made by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from segue.record.files.definition import RunDefinition
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.data.heldout import Comparison
from segue.report.data.summary import Summary

SPACE: Mapping[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "lam": CategoricalDistribution([0.8, 0.9, 0.95, 0.99]),
}
LINE = tuple(range(100, 1300, 100))


def trial(
    number: int, seeds: Sequence[float], state: str = "complete", **given: Any
) -> TrialSummary:
    parameters = {"lr": 1e-3, "lam": 0.9} | given.pop("parameters", {})
    return TrialSummary(
        number=number,
        state=state,
        metric=sum(seeds) / len(seeds) if seeds else None,
        per_seed=list(seeds),
        env_steps=given.pop("steps", 1200),
        total_env_steps=2400,
        stage=2,
        stages=given.pop("stages", 2),
        stages_ended_at=given.pop("ends", [400, 1200]),
        parameters=parameters,
        reason=given.pop("reason", None),
    )


def evidence(
    trials: Sequence[TrialSummary],
    curves: Mapping[int, Sequence[float]] = {},
    mode: str = "max",
    damaged: int = 0,
    held_out: Comparison | None = None,
) -> Evidence:
    """`curves`: what a trial had at 100, 200, ... steps; its final metric throughout where that is
    not given.
    """
    shown = create_trial(
        state=TrialState.WAITING, params={"lr": 1e-3, "lam": 0.9}, distributions=dict(SPACE)
    )
    sweep = {"metric": "return", "mode": mode}
    definition = RunDefinition(name="x", fingerprint="", sweep=sweep)
    summary = Summary(Path("runs/x"), definition, (shown,))
    flat = {each.number: [each.metric] * (each.env_steps // 100) for each in trials}
    rows = {
        number: [
            {"env_steps": step, "return": value} for step, value in zip(LINE, values, strict=False)
        ]
        for number, values in {**flat, **curves}.items()
    }
    return Evidence(summary, list(trials), rows, damaged, held_out)
