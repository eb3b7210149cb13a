"""First stages that several trials of a sweep have in common, so that they need training once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.criteria.scheduler import scheduler_criteria
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.sweeps.setup import TrialSetup
from segue.plan.values.describe import fingerprint


@dataclass(frozen=True)
class Prefix:
    """The first stages of a pipeline, with everything that affects their training."""

    stages: int
    """How many stages they are."""
    key: str
    """Fingerprint, equal for trials whose training is the same until these stages have ended."""


def prefixes_of(setup: TrialSetup, seeds: Sequence[int], code: Mapping[str, str]) -> list[Prefix]:
    """Return the prefixes of a trial that another trial could share, the shortest first.

    The last stage is never part of one. Neither is a stage that a scheduler may end, nor, with
    several seeds, one that ends early for some of them before others.
    """
    found = []
    for stages in range(1, len(setup.pipeline)):
        if not _is_shareable(setup.pipeline, stages - 1, len(seeds)):
            break
        found.append(Prefix(stages, _key(setup, stages, seeds, code)))
    return found


def shared_prefixes(
    prefixes: Mapping[int, Sequence[Prefix]], is_stored: Callable[[str], bool] = lambda key: False
) -> dict[int, list[Prefix]]:
    """Return the prefixes of each trial that another one has as well, or of whose key `is_stored`
    returns True; trials without any are left out.
    """
    counts = Counter(prefix for each in prefixes.values() for prefix in each)
    shared = {
        number: [prefix for prefix in each if counts[prefix] > 1 or is_stored(prefix.key)]
        for number, each in prefixes.items()
    }
    return {number: each for number, each in shared.items() if each}


def _is_shareable(pipeline: TrainingPipeline, index: int, seeds: int) -> bool:
    criterion = pipeline.pipeline_stages[index].new_criterion()
    if seeds > 1:
        return isinstance(criterion, NeverEarlyStoppingCriterion)
    return not any(scheduler_criteria(criterion))


def _key(setup: TrialSetup, stages: int, seeds: Sequence[int], code: Mapping[str, str]) -> str:
    pipeline = setup.pipeline
    first = pipeline.pipeline_stages[:stages]
    components = [stage.offpolicy_component for stage in first]
    names = {name for stage in first for name in stage.loss_name}
    names |= {name for part in components if part is not None for name in part.loss_names}
    parts: list[Any] = [
        list(first),
        [pipeline.settings(index) for index in range(stages)],
        {name: pipeline.named_losses[name] for name in sorted(names)},
        pipeline.optimizer_builder,
        pipeline.lr_scheduler_builder,
        pipeline.should_log,
        setup.world,
        setup.evaluation,
        setup.lanes,
        setup.policy,
        list(seeds),
        dict(code),
    ]
    return fingerprint(parts)
