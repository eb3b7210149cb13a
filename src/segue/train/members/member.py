"""One member of a trial: its pipeline, its progress, and the state of its criterion and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.criteria.scheduler import scheduler_criteria
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.progress import Progress
from segue.plan.pipelines.weights import Weights
from segue.plan.tracker import ScalarMeanTracker
from segue.train.data.component_data import Data, DataStream
from segue.train.members.episodes import FinishedEpisodes
from segue.train.members.knobs import Knobs
from segue.train.members.stage_knobs import StageKnobs


@dataclass
class Member:
    """The bookkeeping of one member; its tensors are a row of a pack."""

    pipeline: TrainingPipeline
    lanes: int
    seed: int = 0
    progress: Progress = field(default_factory=Progress)
    tracker: ScalarMeanTracker = field(default_factory=ScalarMeanTracker)
    teacher: ScalarMeanTracker = field(default_factory=ScalarMeanTracker)  # not the agent's metrics
    diagnosed: dict[str, float] = field(default_factory=dict)  # at the end of the last interval
    reached: Progress = field(default_factory=Progress)  # before a next stage is entered
    logged_at: int = 0  # total steps when metrics were last taken
    failure: str | None = None  # why the member failed, if it did; it then stops learning
    criterion: EarlyStoppingCriterion = field(init=False)
    data: DataStream | None = field(init=False, default=None)
    _stage_knobs: StageKnobs = field(init=False, repr=False, compare=False)
    _is_ended_by_person: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._enter_stage()

    @property
    def done(self) -> bool:
        """Whether the last stage has ended, or the member has failed."""
        return self.failure is not None or self.progress.stage >= len(self.pipeline)

    @property
    def must_restart(self) -> bool:
        """Whether its lanes must start new episodes before the next rollout."""
        if self.done:
            return False
        settings = self._stage_knobs.settings
        rollouts = self.progress.stage_steps // (settings.num_steps * self.lanes)
        period = settings.advance_scene_rollout_period
        return period is not None and rollouts > 0 and rollouts % period == 0

    @property
    def starts_from(self) -> Weights | None:
        """The weights that the member must be given before the next rollout, if any."""
        if self.done or self.progress.stage_steps:
            return None
        return self.pipeline.pipeline_stages[self.progress.stage].start_from

    @property
    def knobs(self) -> Knobs:
        """The settings of the next rollout and update, computed once for each progress."""
        return self._stage_knobs.at(self.progress)

    @property
    def will_log(self) -> bool:
        """Whether the next rollout completes an interval."""
        return self._completes_interval(self._after(self.knobs.num_steps * self.lanes))

    def batches(self) -> list[Data]:
        """Return the next batches of the stage's off-policy component; none if it has none."""
        part = self.knobs.off_policy
        return self.data.take(part.updates) if part and self.data else []

    def advance(self, steps: int) -> dict[str, float] | None:
        """Count a rollout of `steps` environment steps.

        Returns the mean metrics of the interval if the rollout completes one. A stage ends at the
        rollout that reaches its step limit, or that completes an interval whose metrics satisfy its
        criterion or in which a person has ended it. The metrics of two stages are never mixed: an
        interval ends with its stage.
        """
        now = self._after(steps)
        over = self._reaches_step_limit(now)
        metrics = None
        if self._completes_interval(now):
            over = self._is_criterion_satisfied(now) or self._is_ended_by_person or over
            metrics = self.tracker.pop_and_reset()
            self.logged_at = now.total_steps
        self.reached = now
        self.progress = Progress(now.stage + 1, 0, now.total_steps) if over else now
        if over:
            self._enter_stage()
        return metrics

    def end_stage(self, *, by_person: bool = False) -> None:
        """End the stage at the end of the interval, as the scheduler decided, or a person.

        No checkpoint has this: a trial that resumes repeats its last report, and with it the
        decision.
        """
        self._is_ended_by_person |= by_person
        for criterion in scheduler_criteria(self.criterion):
            criterion.end()

    def fail(self, reason: str) -> None:
        """Stop learning because of `reason`."""
        self.failure = reason
        self.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the progress of the member; JSON-able if its data iterator's state is."""
        return {
            "progress": asdict(self.progress),
            "reached": asdict(self.reached),
            "tracker": self.tracker.state_dict(),
            "teacher": self.teacher.state_dict(),
            "diagnosed": dict(self.diagnosed),
            "criterion": self.criterion.state_dict(),
            "logged_at": self.logged_at,
            "failure": self.failure,
            "data": None if self.data is None else self.data.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any], *, begins_stage: bool = False) -> None:
        """Restore a `state_dict`.

        With `begins_stage` it is of a member whose stage has just begun, and may be another stage
        than this member's, whose criterion and data begin anew.
        """
        self.progress = Progress(**state["progress"])
        self.reached = Progress(**state["reached"])
        self.tracker.load_state_dict(state["tracker"])
        self.teacher.load_state_dict(state["teacher"])
        self.diagnosed = dict(state["diagnosed"])
        self.logged_at = state["logged_at"]
        self.failure = state["failure"]
        self._enter_stage()
        if begins_stage:
            return
        self.criterion.load_state_dict(state["criterion"])
        if self.data is not None:
            self.data.load_state_dict(state["data"])

    def close(self) -> None:
        """Close the stage's data iterator."""
        if self.data is not None:
            self.data.close()
        self.data = None

    def _after(self, steps: int) -> Progress:
        """Return the progress after so many steps more in the stage."""
        return replace(
            self.progress,
            stage_steps=self.progress.stage_steps + steps,
            total_steps=self.progress.total_steps + steps,
        )

    def _reaches_step_limit(self, now: Progress) -> bool:
        return now.stage_steps >= self.pipeline.pipeline_stages[now.stage].step_limit

    def _completes_interval(self, now: Progress) -> bool:
        interval = self._stage_knobs.settings.metric_accumulate_interval
        return self._reaches_step_limit(now) or now.total_steps - self.logged_at >= interval

    def _enter_stage(self) -> None:
        """Create the criterion and the data iterator of the stage that begins.

        They are new objects, since the plan is shared and has no state.
        """
        self.close()
        self._is_ended_by_person = False
        index = min(self.progress.stage, len(self.pipeline) - 1)
        stage = self.pipeline.pipeline_stages[index]
        self._stage_knobs = StageKnobs(self.pipeline, index, self.lanes)
        self.criterion = stage.new_criterion()
        if stage.offpolicy_component is not None and not self.done:
            self.data = DataStream(stage.offpolicy_component, self.lanes, self.seed)

    def _is_criterion_satisfied(self, now: Progress) -> bool:
        seen = ScalarMeanTracker()
        seen.load_state_dict(self.tracker.state_dict())
        return self.criterion(now.stage_steps, now.total_steps, seen)


def track(
    member: Member,
    row: int,
    lanes: int,
    ended: FinishedEpisodes,
    metrics: dict[str, list[list[float]]],
) -> None:
    """Add the episodes that ended in the member's lanes to its metrics."""
    own = ended.lane // lanes == row
    if own.any():
        means = {"return": ended.reward[own].mean(), "length": ended.steps[own].mean()}
        member.tracker.add_scalars(means, n=int(own.sum()))
    for name, values in metrics.items():
        if values[row]:
            member.tracker.add_scalars(
                {name: sum(values[row]) / len(values[row])}, n=len(values[row])
            )


def teacher_ratios(knobs: Knobs, measured: float) -> dict[str, float]:
    """Return the share of expert actions in a rollout, measured and scheduled."""
    scheduled = sum(knobs.teacher) / len(knobs.teacher) if knobs.teacher else 0.0
    return {"teacher_ratio": float(measured), "teacher_ratio_scheduled": scheduled}
