"""Exports the best trial: facts as JSON, and a Python file that builds and trains its pipeline."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

from segue.base.files import write_atomic
from segue.base.text import assignments
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.plan.world import World
from segue.record.layout import CODE
from segue.record.study import attributes
from segue.record.study.trials import TrialSummary
from segue.report.data.heldout import Comparison
from segue.report.data.summary import Summary
from segue.report.export_trainer import TrainerSetup, trainer_as_python
from segue.report.python_source import Source
from segue.worlds.factories import GYMNASIUM
from segue.worlds.registrations import package_of

_BODY = '''"""{title}

Written by Segue. Run it to train this configuration from scratch, or import `pipeline`.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "{code}"))  # modules that the sweep's file imports

{imports}

WORLD = {world}
EVALUATION = {evaluation}
POLICY = {policy}
LANES = {lanes}


def pipeline() -> TrainingPipeline:
    return {pipeline}


if __name__ == "__main__":
    spec = TrialSpec(
        pipeline(),
        WORLD,
        seeds=[0],
        evaluation=EVALUATION,
        metric={metric},
        lanes=LANES,
        policy=POLICY,
    )
    row = run_trial(spec, Path(__file__).parent / "best")
    print({metric}, row[{metric}])
'''


@dataclass(frozen=True)
class Winner:
    """The best trial, what it trained, and its newest and best checkpoints, if these exist."""

    trial: TrialSummary
    setup: TrialSetup | TrainerSetup
    checkpoint: Path | None = None
    best_checkpoint: Path | None = None


def export(
    summary: Summary, sweep: Sweep, winner: Winner, held_out: Comparison | None = None
) -> str | None:
    """Write `best.json` and `best.py` into the run directory.

    `best.py` is written only if everything in the pipeline can be imported. Return None if it
    was written, otherwise the reason.
    """
    facts = _facts(summary, sweep, winner, held_out)
    write_atomic(summary.layout.best_json, json.dumps(describe(facts), indent=2) + "\n")
    try:
        written = as_python(summary, sweep, winner)
    except ValueError as error:
        summary.layout.best_python.unlink(missing_ok=True)
        return str(error)
    write_atomic(summary.layout.best_python, written)
    return None


def as_python(summary: Summary, sweep: Sweep, winner: Winner) -> str:
    """Return a Python file that builds and trains the winner's pipeline.

    Names that the sweep's own file defines are imported from `sweep.py` in the same directory.
    Raise ValueError for a value that cannot be written as source.
    """
    setup = winner.setup
    title = _title(summary, winner.trial)
    if isinstance(setup, TrainerSetup):
        return trainer_as_python(sweep, setup, title)
    source = Source(homes={sweep.pipeline.__module__: "sweep"})
    parts = {
        "world": source.expression(setup.world),
        "evaluation": source.expression(setup.evaluation),
        "policy": source.expression(setup.policy),
        "lanes": source.expression(setup.lanes),
        "metric": source.expression(sweep.metric),
        "pipeline": source.expression(setup.pipeline, indent=1),
    }
    source.imports.setdefault("segue", set()).update(("TrialSpec", "run_trial"))
    imports = source.header()
    if _is_registered_by_sweep(setup.world) and summary.layout.source.exists():
        imports = f"import sweep  # noqa: F401  # registers the world\n{imports}"
    return _BODY.format(title=title, code=CODE, imports=imports, **parts)


def _is_registered_by_sweep(world: object) -> bool:
    """Return whether only the sweep's file, or what it imports, makes the name of a world known."""
    if isinstance(world, World):
        world = world.id
    if not isinstance(world, str):
        return False
    spec = gymnasium.registry.get(world.removeprefix(GYMNASIUM))
    return spec is not None and package_of(spec) not in ("gymnasium", "minigrid")


def _title(summary: Summary, trial: TrialSummary) -> str:
    pinned = summary.definition.pinned
    title = (
        f"The best trial of the sweep {summary.name}: trial {trial.number}, {summary.metric}"
        f" {trial.metric:.4g}{f'; pinned: {assignments(pinned)}' if pinned else ''}."
    )
    return json.dumps(title)[1:-1].replace('"', "'")  # it stands in a docstring


def _facts(
    summary: Summary, sweep: Sweep, winner: Winner, held_out: Comparison | None
) -> Mapping[str, Any]:
    trial = winner.trial
    unseen = {each.trial: each for each in held_out.configurations} if held_out else {}
    mine = unseen.get(trial.number)
    return {
        "sweep": summary.name,
        "fingerprint": summary.definition.fingerprint,
        "trial": trial.number,
        "metric": summary.metric,
        "mode": summary.mode,
        "value": trial.metric,
        "per_seed": trial.per_seed,
        "held_out": (
            mine and {"per_seed": mine.per_seed, "iqm": mine.iqm.value, "interval": mine.iqm[1:]}
        ),
        attributes.ENV_STEPS: trial.env_steps,
        "parameters": trial.trained_with,
        "pinned": summary.definition.pinned,
        **_trained(winner.setup),
        "checkpoint": _below(summary.run, winner.checkpoint),
        "best_checkpoint": _below(summary.run, winner.best_checkpoint),
    }


def _trained(setup: TrialSetup | TrainerSetup) -> Mapping[str, Any]:
    """Return the facts about what the winner trained."""
    if isinstance(setup, TrainerSetup):
        return setup.facts()
    return {
        "world": describe(setup.world),
        "evaluation": describe(setup.evaluation),
        "lanes": setup.lanes,
        "policy": describe(setup.policy),
        "pipeline": setup.pipeline.to_dict(),
    }


def _below(run: Path, checkpoint: Path | None) -> str | None:
    return None if checkpoint is None else str(checkpoint.relative_to(run))
