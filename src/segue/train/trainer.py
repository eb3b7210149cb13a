"""The trainer: members of one trial, from the first step of their pipelines to the last.

Members stand in packs by the shapes that their stages ask for. Time is environment steps: the pack
that is furthest behind goes next, so that evaluations find all members at about the same step.

Shapes: K members, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from segue.train.members.member import Member, teacher_ratios, track
from segue.train.optimizers import Rule, rule_of
from segue.train.pack import Pack
from segue.train.policies import Policy
from segue.train.updates.update import LossInfo
from segue.worlds.registry import make_world
from segue.worlds.world import WorldFactory


@dataclass(frozen=True)
class MemberInterval:
    """What one member says about an interval of training."""

    member: int
    stage: int
    total_steps: int
    metrics: dict[str, float]
    losses: LossInfo
    lr: float
    teacher: dict[str, float] = field(
        default_factory=dict
    )  # the ratio that happened, and the one asked for


@dataclass(frozen=True)
class AdvanceResult:
    """What one call of `advance` brought about."""

    logged: list[MemberInterval]
    stage_ended: bool  # the slowest member has left a stage
    report_due: bool
    save_due: bool


@dataclass
class Group:
    """A pack and which members its rows are."""

    members: list[int]
    pack: Pack


@dataclass
class Trainer:
    """K members at once; each one's result is that of the same member trained alone. Made by
    `Trainer.new`.
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
        world: str | WorldFactory,
        seeds: Sequence[int],
        evaluation: Evaluation,
        *,
        lanes: int = 8,
        policy: Policy | None = None,
        device: str = "cpu",
    ) -> Trainer:
        """Members with these seeds, each at the beginning of its pipeline (one for all, or one a
        seed).

        Raises ValueError for a pipeline that this trainer cannot run and for worlds and policies
        that do not fit.
        """
        each = (
            [pipelines] * len(seeds) if isinstance(pipelines, TrainingPipeline) else list(pipelines)
        )
        batch = make_world(world, len(seeds), lanes)
        actor_critic = next(
            iter([check_trial(pipeline, batch, lanes, policy) for pipeline in dict.fromkeys(each)])
        )
        group = Group(
            list(range(len(seeds))), Pack.new(actor_critic, batch, one_rule(each), seeds, device)
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
        """The members that still train; when none does, the one that trained longest."""
        running = [member for member in self.members if not member.done]
        return running or [max(self.members, key=lambda member: member.progress.total_steps)]

    @property
    def progress(self) -> Progress:
        """Where the slowest running member stands: in the earliest stage, and there at the fewest
        steps.
        """
        return min((member.progress for member in self.running), key=_stage_and_steps)

    @property
    def reached(self) -> Progress:
        """Where the slowest member came to with its last rollout: at the end of a stage, that stage
        and its steps.
        """
        return min((member.reached for member in self.running), key=_stage_and_steps)

    @property
    def env_steps(self) -> int:
        """Environment steps of a member: of the one furthest behind, or when all are done the
        longest.
        """
        return min(member.progress.total_steps for member in self.running)

    @property
    def total_env_steps(self) -> int:
        """Environment steps of all members together."""
        return sum(member.progress.total_steps for member in self.members)

    @property
    def parameters(self) -> Tensor:
        """The members' parameters `[K, P]`, in the members' order."""
        order = torch.tensor([member for group in self.groups for member in group.members])
        return torch.cat([group.pack.parameters for group in self.groups])[order.argsort()]

    def advance(self) -> AdvanceResult:
        """One rollout and its update, of the members that are furthest behind."""
        steps = self.env_steps
        group = min((g for g in self.groups if not self._done(g)), key=self._steps)
        self._restart(group)
        knobs = [self.members[member].knobs for member in group.members]
        happened = group.pack.iterate(
            knobs, [self.members[member].batches() for member in group.members]
        )
        logged = []
        for row, index in enumerate(group.members):
            member = self.members[index]
            track(member, row, group.pack.lanes, happened.ended, happened.metrics)
            member.teacher.add_scalars(teacher_ratios(knobs[row], happened.teacher_ratio[row]))
            before = member.progress.stage
            interval = member.advance(knobs[row].num_steps * group.pack.lanes)
            if interval is not None:
                losses = happened.learned[row].losses
                teacher = member.teacher.pop_and_reset()
                at = member.progress.total_steps
                lr = knobs[row].optimizer.lr
                logged.append(MemberInterval(index, before, at, interval, losses, lr, teacher))
            if failure := happened.learned[row].failure:
                member.fail(failure)
        self._regroup(group)
        return self._happened(logged, steps)

    def end_stage(self, stage: int) -> None:
        """Let the members in that stage leave it at the end of their interval, where a scheduler
        may decide that.
        """
        for member in self.members:
            if member.progress.stage == stage:
                member.end_stage()

    def evaluate(self) -> dict[str, list[float]]:
        """Mean of each metric over the evaluation episodes of every member; remembered in
        `evaluated`.

        NaN for a member that has failed: its parameters mean nothing.
        """
        failed = [member.failure is not None for member in self.members]
        found = self.evaluator(self.parameters)
        self.evaluated = {
            name: np.where(failed, np.nan, values).tolist() for name, values in found.items()
        }
        self.reported_at = self.env_steps
        return self.evaluated

    def state_dict(self) -> dict[str, Any]:
        """Everything that what follows depends on."""
        return {
            "members": [member.state_dict() for member in self.members],
            "groups": [
                {"members": group.members, "pack": group.pack.state_dict()} for group in self.groups
            ],
            "stage": self.stage,
            "reported_at": self.reported_at,
            "saved_at": self.saved_at,
            "evaluated": self.evaluated,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where the trainer stood that made `state`; must be called on a trainer that has not
        advanced.
        """
        for member, saved in zip(self.members, state["members"], strict=True):
            member.load_state_dict(saved)
        self.groups = [self._part(saved["members"]) for saved in state["groups"]]
        for group, saved in zip(self.groups, state["groups"], strict=True):
            group.pack.load_state_dict(saved["pack"])
        self.stage = state["stage"]
        self.reported_at = state["reported_at"]
        self.saved_at = state["saved_at"]
        self.evaluated = state["evaluated"]

    def close(self) -> None:
        """Give back what the worlds hold outside of memory."""
        for world in (self.evaluator.world, *(group.pack.world for group in self.groups)):
            world.close()
        for member in self.members:
            member.close()

    def _happened(self, logged: list[MemberInterval], before: int) -> AdvanceResult:
        """What is due: nothing while the member furthest behind stands still, so that every report
        has its own step.
        """
        steps = self.env_steps
        if steps == before:
            return AdvanceResult(logged, False, False, False)
        stage_ended = self.done or self.progress.stage > self.stage
        self.stage = max(self.stage, self.progress.stage)
        report_due = stage_ended or crossed(self.reported_at, steps, self.evaluation.every)
        interval = self._save_interval()
        save_due = interval is not None and (
            stage_ended or (interval > 0 and crossed(self.saved_at, steps, interval))
        )
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

    def _save_interval(self) -> int | None:
        """That of the stage in which the slowest member took its last rollout."""
        slowest = min(self.running, key=lambda member: _stage_and_steps(member.reached))
        return slowest.pipeline.settings(slowest.reached.stage).save_interval

    def _part(self, members: list[int]) -> Group:
        """These members of the group that they stand in, as a group of their own."""
        whole = next(group for group in self.groups if set(members) <= set(group.members))
        return Group(
            members, whole.pack.select([whole.members.index(member) for member in members])
        )

    def _done(self, group: Group) -> bool:
        return all(self.members[member].done for member in group.members)

    def _steps(self, group: Group) -> int:
        return min(self.members[member].progress.total_steps for member in group.members)

    def _regroup(self, group: Group) -> None:
        """Part members whose next rollouts differ in shape, and those that are done."""
        parts = partition(group.members, self._shape)
        if len(parts) > 1:
            place = self.groups.index(group)
            self.groups[place : place + 1] = [self._part(part) for part in parts]

    def _shape(self, member: int) -> tuple[int, int] | None:
        return None if self.members[member].done else self.members[member].knobs.shape


def one_rule(pipelines: Sequence[TrainingPipeline]) -> Rule:
    """The optimizer of all members, whose numbers may differ; ValueError where its class does."""
    kinds = list(dict.fromkeys(pipeline.optimizer_builder.class_type for pipeline in pipelines))
    rules = [rule_of(pipeline.optimizer_builder) for pipeline in pipelines]
    if len(kinds) > 1 or len({type(rule) for rule in rules}) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"The members of a pack share the optimizer's class, and these have {names}: train them"
            " apart."
        )
    return rules[0]


def crossed(before: int, now: int, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, now]."""
    return now // interval > before // interval


def _stage_and_steps(progress: Progress) -> tuple[int, int]:
    return progress.stage, progress.total_steps


def partition(members: Sequence[int], key: Callable[[int], object]) -> list[list[int]]:
    """Members with equal keys together, in the order of their first."""
    parts: dict[object, list[int]] = {}
    for member in members:
        parts.setdefault(key(member), []).append(member)
    return list(parts.values())
