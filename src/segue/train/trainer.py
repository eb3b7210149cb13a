"""The trainer: advances the members of one trial through their pipelines.

Members whose stages have rollouts of one shape form a pack. The pack with the fewest environment
steps advances next, so that evaluations find all members at about the same step.

Shapes: K members, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.progress import Progress
from segue.plan.sweeps.evaluation import Evaluation
from segue.train.checks import check_trial
from segue.train.evaluate import Evaluator
from segue.train.given_weights import give_weights
from segue.train.members.member import Member, teacher_ratios, track
from segue.train.optimizers.choice import one_rule
from segue.train.packs.groups import Group, furthest_behind, part, partition, rows_of, scale_of
from segue.train.packs.interval import AdvanceResult, MemberInterval, completed, crossed
from segue.train.packs.pack import Pack
from segue.train.policies import Policy
from segue.train.stored_weights import Layout, layout_of
from segue.worlds.registry import as_world, make_world, spec_of
from segue.worlds.world import AnyWorld


@dataclass
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
        group = Group(
            list(range(len(seeds))),
            Pack.new(actor_critic, batch, one_rule(each), seeds, device, as_world(world)),
        )
        evaluator = Evaluator.new(actor_critic, world, seeds, evaluation)
        members = [
            Member(pipeline, lanes, seed) for pipeline, seed in zip(each, seeds, strict=True)
        ]
        trainer = cls(members, [group], evaluator, evaluation)
        trainer._regroup(group)
        return trainer

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
        rows = torch.cat([group.pack.parameters for group in self.groups])
        return rows[torch.from_numpy(rows_of(self.groups))]

    @property
    def layout(self) -> Layout:
        """Where the named parameters are in a member's row."""
        return layout_of(self.groups[0].pack.policy)

    def advance(self) -> AdvanceResult:
        """Take one rollout and its update, with the pack that has the fewest steps."""
        steps = self.env_steps
        group = furthest_behind(self.groups, self.members)
        give_weights(group, self.members)
        self._restart(group)
        knobs = [self.members[member].knobs for member in group.members]
        happened = group.pack.iterate(
            knobs,
            [self.members[member].batches() for member in group.members],
            [self.members[member].will_log for member in group.members],
        )
        logged: list[MemberInterval] = []
        for row, index in enumerate(group.members):
            member = self.members[index]
            track(member, row, group.pack.lanes, happened.ended, happened.metrics)
            member.teacher.add_scalars(teacher_ratios(knobs[row], happened.teacher_ratio[row]))
            learned = happened.learned[row]
            steps_taken = knobs[row].num_steps * group.pack.lanes
            interval = completed(index, member, knobs[row], steps_taken, learned)
            if interval is not None:
                logged.append(interval)
            if learned.failure:
                member.fail(learned.failure)
        self._regroup(group)
        return self._happened(logged, steps)

    def end_stage(self, stage: int) -> None:
        """End a stage of the members that are in it, at the end of their interval."""
        for member in self.members:
            if member.progress.stage == stage:
                member.end_stage()

    def evaluate(self) -> dict[str, list[float]]:
        """Return each member's mean of each metric over its evaluation episodes.

        Also stored in `evaluated`. NaN for a member that has failed.
        """
        failed = [member.failure is not None for member in self.members]
        found = self.evaluator(self.parameters, scale_of(self.groups))
        self.evaluated = {
            name: np.where(failed, np.nan, values).tolist() for name, values in found.items()
        }
        self.reported_at = self.env_steps
        return self.evaluated

    def state_dict(self) -> dict[str, Any]:
        """Return the state that determines all further training."""
        return {
            "members": [member.state_dict() for member in self.members],
            "groups": [
                {"members": group.members, "pack": group.pack.state_dict()} for group in self.groups
            ],
            "stage": self.stage,
            "reported_at": self.reported_at,
            "saved_at": self.saved_at,
            "evaluated": self.evaluated,
            "layout": self.layout,
        }

    def acting_state(self) -> dict[str, Any]:
        """Return what the members act with: a part of the `state_dict`, for `Players`."""
        return {
            "groups": [
                {"members": group.members, "pack": group.pack.acting_state()}
                for group in self.groups
            ],
            "layout": self.layout,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another trainer, before this one has advanced."""
        for member, saved in zip(self.members, state["members"], strict=True):
            member.load_state_dict(saved)
        self.groups = [part(self.groups, saved["members"]) for saved in state["groups"]]
        for group, saved in zip(self.groups, state["groups"], strict=True):
            group.pack.load_state_dict(saved["pack"])
        self.stage = state["stage"]
        self.reported_at = state["reported_at"]
        self.saved_at = state["saved_at"]
        self.evaluated = state["evaluated"]

    def close(self) -> None:
        """Release the resources of the worlds and the members."""
        for world in (self.evaluator.world, *(group.pack.world for group in self.groups)):
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

    def _restart(self, group: Group) -> None:
        """Begin new episodes where a stage's `advance_scene_rollout_period` is over."""
        rows = [
            row for row, member in enumerate(group.members) if self.members[member].must_restart
        ]
        if rows:
            group.pack.restart(rows)

    def _save_due(self, steps: int, stage_ended: bool) -> bool:
        """Return whether to save by the stage in which the slowest member took its last rollout."""
        slowest = min(self.running, key=lambda member: _stage_and_steps(member.reached))
        interval = slowest.pipeline.settings(slowest.reached.stage).save_interval
        if interval is None:
            return False
        return stage_ended or (interval > 0 and crossed(self.saved_at, steps, interval))

    def _regroup(self, group: Group) -> None:
        """Separate members whose next rollouts differ in shape, and those that are done."""
        parts = partition(group.members, self._shape)
        if len(parts) > 1:
            place = self.groups.index(group)
            self.groups[place : place + 1] = [part(self.groups, each) for each in parts]

    def _shape(self, member: int) -> tuple[int, int] | None:
        return None if self.members[member].done else self.members[member].knobs.shape


def _stage_and_steps(progress: Progress) -> tuple[int, int]:
    return progress.stage, progress.total_steps
