"""How far a member has come in its pipeline."""

from dataclasses import dataclass, fields

from segue.base.checks import whole_number


@dataclass(frozen=True)
class Progress:
    """A member's stage and its steps: environment steps over all lanes of the member.

    >>> Progress().after(1024).next_stage().after(512)
    Progress(stage=1, stage_steps=512, total_steps=1536)
    """

    stage: int = 0
    stage_steps: int = 0
    total_steps: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(
                self, field.name, whole_number(field.name, getattr(self, field.name), least=0)
            )
        if self.stage_steps > self.total_steps:
            raise ValueError(
                f"stage_steps cannot be more than total_steps, got {self.stage_steps} and"
                f" {self.total_steps}."
            )

    def after(self, steps: int) -> "Progress":
        """Return the progress after `steps` more environment steps in the same stage."""
        more = whole_number("steps", steps, least=0)
        return Progress(self.stage, self.stage_steps + more, self.total_steps + more)

    def next_stage(self) -> "Progress":
        """Return the progress at the start of the next stage."""
        return Progress(self.stage + 1, 0, self.total_steps)
