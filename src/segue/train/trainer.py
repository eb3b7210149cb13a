"""The trainer: advances the members of one trial through their pipelines.

Members whose stages have rollouts of one shape form a group. The group with the fewest environment
steps advances next, so that evaluations find all members at about the same step.

Shapes: K members, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.progress import Progress
from segue.plan.sweeps.evaluation import Evaluation
from segue.train.checks import check_trial
from segue.train.evaluate import Evaluator
from segue.train.given_weights import give_weights
from segue.train.members.member import Member
from segue.train.optimizers.choice import one_rule
from segue.train.packs.groups import furthest_behind, parameters_of, regrouped, scale_of
from segue.train.packs.interval import AdvanceResult, IterationResult, MemberInterval, crossed
from segue.train.packs.pack import Pack
from segue.train.packs.seats import Group, divide_group, seat_together
from segue.train.packs.turn import Turn, iterate
from segue.train.policies import Policy
from segue.train.stored_weights import Layout, layout_of
from segue.worlds.registry import as_world, make_world, spec_of
from segue.worlds.world import AnyWorld


@dataclass(eq=False)
class Trainer:
    """Trains K members together; each has the result of the same member trained alone.

    Use `Trainer.new` to create one.
    """

    members: list[Member]
    groups: list[Group]
    evaluator: Evaluator
    evaluation: Evaluation
    stage: int = 0  # of the slowest member, when it was last noticed
    reported_at: int = 0
    saved_at: int = 0
    evaluated: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def new(
        cls,
        pipelines: TrainingPipeline | Sequence[TrainingPipeline],
        world: AnyWorld,
        seeds: Sequence[int],
        evaluation: Evaluation,
        *,
        lanes: int = 8,
        policy: Policy | None = None,
        device: str = "cpu",
    ) -> Trainer:
        """Return a trainer of one member per seed, each at the beginning of its pipeline.

        `pipelines` is one for all members, or one per seed. Raise ValueError for a pipeline that
        cannot be trained, and for a world or policy that does not fit.
        """
        each = (
            [pipelines] * len(seeds) if isinstance(pipelines, TrainingPipeline) else list(pipelines)
        )
        batch = make_world(world, len(seeds), lanes)
        spec = spec_of(world, batch)
        actor_critic = next(
            iter([check_trial(pipeline, spec, lanes, policy) for pipeline in dict.fromkeys(each)])
        )
        pack = Pack.new(actor_critic, batch, one_rule(each), seeds, device, as_world(world))
        group = Group.alone(list(range(len(seeds))), pack)
        evaluator = Evaluator.new(actor_critic, world, seeds, evaluation)
        members = [
            Member(pipeline, lanes, seed) for pipeline, seed in zip(each, seeds, strict=True)
        ]
        return cls(members, [group], evaluator, evaluation)

    @property
    def done(self) -> bool:
        """Whether every member's pipeline has ended."""
        return all(member.done for member in self.members)

    @property
    def running(self) -> list[Member]:
        """The members whose pipelines have not ended, or else the one that trained longest."""
        running = [member for member in self.members if not member.done]
        return running or [max(self.members, key=lambda member: member.progress.total_steps)]

    @property
    def progress(self) -> Progress:
        """The progress of the slowest running member, by stage and then by steps."""
        return min((member.progress for member in self.running), key=_stage_and_steps)

    @property
    def reached(self) -> Progress:
        """The slowest member's progress after its last rollout, before it leaves a stage."""
        return min((member.reached for member in self.running), key=_stage_and_steps)

    @property
    def env_steps(self) -> int:
        """Environment steps of the slowest running member; of the longest when all are done."""
        return min(member.progress.total_steps for member in self.running)

    @property
    def total_env_steps(self) -> int:
        """Environment steps of all members together."""
        return sum(member.progress.total_steps for member in self.members)

    @property
    def parameters(self) -> Tensor:
        """The members' parameters `[K, P]`, in the members' order."""
        return parameters_of(self.groups)

    @property
    def layout(self) -> Layout:
        """Where the named parameters are in a member's row."""
        return layout_of(self.groups[0].pack.policy)

    def advance(self) -> AdvanceResult:
        """Take one rollout and its update, with the group that has the fewest steps."""
        turn = self.next_turn()
        return self.after(turn, iterate([turn]))

    def next_turn(self) -> Turn:
        """Begin the next iteration, of the group that has the fewest steps."""
        self.groups = regrouped(self.groups, self.members)
        group = furthest_behind(self.groups, self.members)
        give_weights(group, self.members)
        return Turn(group, [self.members[member] for member in group.members])

    def after(self, turn: Turn, result: IterationResult) -> AdvanceResult:
        """Count a turn whose iteration had this result."""
        steps = self.env_steps
        logged = turn.count(result)
        self.groups = regrouped(self.groups, self.members)
        return self._happened(logged, steps)

    def end_stage(self, stage: int, *, by_person: bool = False) -> None:
        """End a stage of the members that are in it, at the end of their interval.

        Their criteria decide what a scheduler's decision means, but not that of a person.
        """
        for member in self.members:
            if member.progress.stage == stage:
                member.end_stage(by_person=by_person)

    def evaluate(self) -> dict[str, list[float]]:
        """Return each member's mean of each metric over its evaluation episodes.

        Also stored in `evaluated`. NaN for a member that has failed.
        """
        return self.record(self.evaluator(self.parameters, scale_of(self.groups)))

    def record(self, found: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
        """Store an evaluation of the members; see `evaluate`."""
        failed = [member.failure is not None for member in self.members]
        self.evaluated = {
            name: np.where(failed, np.nan, values).tolist() for name, values in found.items()
        }
        self.reported_at = self.env_steps
        return self.evaluated

    def state_dict(self) -> dict[str, Any]:
        """Return the state that determines all further training."""
        return {
            "members": [member.state_dict() for member in self.members],
            "groups": [group.state_dict() for group in self.groups],
            "stage": self.stage,
            "reported_at": self.reported_at,
            "saved_at": self.saved_at,
            "evaluated": self.evaluated,
            "layout": self.layout,
        }

    def acting_state(self) -> dict[str, Any]:
        """Return what the members act with: a part of the `state_dict`, for `Players`."""
        return {
            "groups": [group.acting_state() for group in self.groups],
            "layout": self.layout,
        }

    def load_state_dict(self, state: Mapping[str, Any], *, begins_stage: bool = False) -> None:
        """Restore the state of another trainer, before this one has advanced.

        With `begins_stage` it is the state at the end of a stage that both trainers have, after
        which their stages may differ.
        """
        for member, saved in zip(self.members, state["members"], strict=True):
            member.load_state_dict(saved, begins_stage=begins_stage)
        (whole,) = self.groups
        self.groups = divide_group(whole, [saved["members"] for saved in state["groups"]])
        for group, saved in zip(self.groups, state["groups"], strict=True):
            group.load_state_dict(saved)
        self.stage = state["stage"]
        self.reported_at = state["reported_at"]
        self.saved_at = state["saved_at"]
        self.evaluated = state["evaluated"]

    def close(self) -> None:
        """Release the resources of the worlds and the members."""
        packs = [seat_together([group]).pack for group in self.groups]
        for world in (self.evaluator.world, *(pack.world for pack in packs)):
            world.close()
        for member in self.members:
            member.close()

    def _happened(self, logged: list[MemberInterval], before: int) -> AdvanceResult:
        """Return what is due: nothing until the slowest member has advanced.

        Every report thus has its own number of steps.
        """
        steps = self.env_steps
        if steps == before:
            return AdvanceResult(logged, False, False, False)
        stage_ended = self.done or self.progress.stage > self.stage
        self.stage = max(self.stage, self.progress.stage)
        report_due = stage_ended or crossed(self.reported_at, steps, self.evaluation.every)
        save_due = self.done or self._save_due(steps, stage_ended)
        if save_due:
            self.saved_at = steps
        return AdvanceResult(logged, stage_ended, report_due, save_due)

    def _save_due(self, steps: int, stage_ended: bool) -> bool:
        """Return whether to save by the stage in which the slowest member took its last rollout."""
        slowest = min(self.running, key=lambda member: _stage_and_steps(member.reached))
        interval = slowest.pipeline.settings(slowest.reached.stage).save_interval
        if interval is None:
            return False
        return stage_ended or (interval > 0 and crossed(self.saved_at, steps, interval))


def _stage_and_steps(progress: Progress) -> tuple[int, int]:
    return progress.stage, progress.total_steps
