"""Exports the best trial of a sweep with a trainer of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.pipelines.text import short_text
from segue.plan.sweeps.stages import TrainerPlan, TrainerStage
from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.layout import CODE
from segue.report.python_source import Source

_BODY = '''"""{title}

Written by Segue. Run it to train this configuration from scratch with the sweep's own trainer.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "{code}"))  # modules that the sweep's file imports

{imports}

PARAMETERS = {parameters}
STEPS = {steps}
WORLD = {world}
EVALUATION = {evaluation}


if __name__ == "__main__":
    row = run_trainer(
        {trainer},
        PARAMETERS,
        Path(__file__).parent / "best",
        steps=STEPS,
        metric={metric},
        world=WORLD,
        evaluation=EVALUATION,
    )
    print({metric}, row[{metric}])
'''


@dataclass(frozen=True)
class TrainerSetup:
    """What a trial with a trainer of the sweep's own trained."""

    parameters: Mapping[str, Any]
    plan: TrainerPlan
    trainer: object

    def facts(self) -> Mapping[str, Any]:
        """Return what `best.json` has of it."""
        return {"trainer": short_text(self.trainer), "steps": describe(steps_of_plan(self.plan))}


def steps_of_plan(plan: TrainerPlan) -> tuple[int | TrainerStage, ...]:
    """Return the stages as a sweep declares them: by their steps where they have no criterion."""
    return tuple(stage.steps if stage.early_stopping_criterion is None else stage for stage in plan)


def trainer_as_python(sweep: Sweep, setup: TrainerSetup, title: str) -> str:
    """Return a Python file that trains the winner; raise ValueError if it cannot be written."""
    source = Source(homes={str(getattr(setup.trainer, "__module__", "")): "sweep"})
    parts = {
        "parameters": source.expression(dict(setup.parameters)),
        "steps": source.expression(steps_of_plan(setup.plan)),
        "world": source.expression(sweep.world),
        "evaluation": source.expression(sweep.evaluation),
        "trainer": source.expression(setup.trainer),
        "metric": source.expression(sweep.metric),
    }
    source.imports.setdefault("segue", set()).add("run_trainer")
    return _BODY.format(title=title, code=CODE, imports=source.header(), **parts)
