"""Search spaces that are functions: they ask a trial for one parameter after the other, as Optuna's
objectives do.

    def space(trial):
        kind = trial.suggest_categorical("kind", ["ppo", "bc_then_ppo"])
        lr = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
        steps = trial.suggest_int("imitation_steps", 10_000, 50_000) if kind == "bc_then_ppo" else None
        return {"kind": kind, "lr": lr, "imitation_steps": steps}

Parameters that mean the same in several branches should have one name there: samplers then learn
from all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segue.plan.values.describe import canonical_json, describe

SpaceFunction = Callable[[Any], Mapping[str, Any]]
"""Of a trial with Optuna's `suggest_*` methods, the keywords of the pipeline function."""
_CORNERS = 64


class Script:
    """A trial that answers by a list of choices, and with the first possible value once that is
    used up.
    """

    def __init__(self, choices: Sequence[int], otherwise: int = 0) -> None:
        self._choices = list(choices)
        self._otherwise = otherwise
        self.taken: list[int] = []
        self.options: list[int] = []  # how many there were, of each question

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        return self._answer(list(choices))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The lower end or the upper one."""
        return float(self._answer([low, high]))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The lower end or the upper one."""
        return int(self._answer([low, high - (high - low) % step]))

    def _answer(self, values: list[Any]) -> Any:
        at = len(self.taken)
        choice = self._choices[at] if at < len(self._choices) else self._otherwise
        choice = choice % len(values)
        self.taken.append(choice)
        self.options.append(len(values))
        return values[choice]


def corners(space: SpaceFunction) -> list[dict[str, Any]]:
    """The first point, the last, and each that first differs from one of them in one answer; at
    most 64.

    Raises ValueError when the function fails, or returns no dictionary of keywords.
    """
    found: dict[str, dict[str, Any]] = {}
    waiting: list[tuple[list[int], int]] = [([], 0), ([], -1)]
    while waiting and len(found) < _CORNERS:
        choices, otherwise = waiting.pop(0)
        script = Script(choices, otherwise)
        point = _asked(space, script)
        found.setdefault(canonical_json(describe(point)), point)
        for at in range(len(choices), len(script.taken)):
            others = [choice for choice in range(script.options[at]) if choice != script.taken[at]]
            waiting += [([*script.taken[:at], choice], otherwise) for choice in others]
    return list(found.values())


def _asked(space: SpaceFunction, trial: Any) -> dict[str, Any]:
    try:
        point = space(trial)
    except Exception as error:
        raise ValueError(f"The space function fails: {type(error).__name__}: {error}") from error
    if not isinstance(point, Mapping):
        raise ValueError(
            "The space function must return a dictionary of the pipeline function's keywords, got"
            f" {point!r}."
        )
    return dict(point)
