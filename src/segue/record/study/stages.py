"""The steps at which the stages of a trial ended, as the study records them.

Schedulers use them to compare trials within stages.
"""

from dataclasses import dataclass, replace

from optuna.trial import FrozenTrial

from segue.base.files import JsonObject
from segue.record.row import ENV_STEPS, STAGE, STAGE_DONE, STAGE_STEPS, STAGES, Row
from segue.record.study import attributes


@dataclass(frozen=True)
class Stages:
    """The number of stages of a trial, and the environment steps at which stages ended so far."""

    of: int
    ended_at: tuple[int, ...] = ()

    def with_report(self, row: Row) -> "Stages":
        """Return the stages after a report; a repeated report adds nothing."""
        step = row[ENV_STEPS]
        is_new = row[STAGE_DONE] and step not in self.ended_at
        return replace(self, ended_at=(*self.ended_at, step)) if is_new else self

    def standing(self, step: int) -> Row:
        """Return the position of a report at `step` in its stage.

        The last report of a stage belongs to that stage.

        >>> Stages(2, (400,)).standing(400)
        {'stage': 0, 'stages': 2, 'stage_steps': 400, 'stage_done': True}
        >>> Stages(2, (400,)).standing(500)
        {'stage': 1, 'stages': 2, 'stage_steps': 100, 'stage_done': False}
        """
        before = [end for end in self.ended_at if end < step]
        return {
            STAGE: len(before),
            STAGES: self.of,
            STAGE_STEPS: step - (before[-1] if before else 0),
            STAGE_DONE: step in self.ended_at,
        }

    def recorded(self) -> JsonObject:
        """Return the value that the study records."""
        return {"of": self.of, "ended_at": list(self.ended_at)}

    @classmethod
    def recorded_of(cls, trial: FrozenTrial) -> "Stages | None":
        """Return what the study has recorded of a trial; None before its first report."""
        recorded = trial.user_attrs.get(attributes.STAGES)
        return None if recorded is None else cls(recorded["of"], tuple(recorded["ended_at"]))
