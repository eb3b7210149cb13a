"""Define-by-run search spaces: functions that suggest parameters on a trial, as in Optuna.

    def space(trial):
        kind = trial.suggest_categorical("kind", ["ppo", "bc_then_ppo"])
        lr = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
        has_imitation = kind == "bc_then_ppo"
        steps = trial.suggest_int("imitation_steps", 10_000, 50_000) if has_imitation else None
        return {"kind": kind, "lr": lr, "imitation_steps": steps}

A parameter with the same meaning in several branches should have the same name there: samplers
then learn from all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from segue.plan.spaces.domains import Point, Space
from segue.plan.values.describe import canonical_json, describe

SpaceFunction: TypeAlias = Callable[[Any], Space]
"""Returns the keywords of the pipeline function, for a trial with Optuna's `suggest_*` methods."""
_MOST_CORNERS = 64


class ScriptedTrial:
    """A trial whose suggestions follow a list of choices, and `otherwise` after its end.

    A choice is an index into the options of a suggestion; -1 is the last one.
    """

    def __init__(self, choices: Sequence[int], otherwise: int = 0) -> None:
        self._choices = list(choices)
        self._otherwise = otherwise
        self.taken: list[int] = []  # the choice of each suggestion so far
        self.options: list[int] = []  # the number of options of each suggestion

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""
        return self._suggest(list(choices))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the lower or the upper end."""
        return float(self._suggest([low, high]))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Return the lower or the upper end."""
        return int(self._suggest([low, high - (high - low) % step]))

    def _suggest(self, values: list[Any]) -> Any:
        index = len(self.taken)
        choice = self._choices[index] if index < len(self._choices) else self._otherwise
        choice = choice % len(values)
        self.taken.append(choice)
        self.options.append(len(values))
        return values[choice]


def function_corners(space: SpaceFunction) -> list[Point]:
    """Return the first point, the last, and those that first differ from them in one suggestion.

    There are at most 64. Raises ValueError when the function fails, or does not return a dictionary
    of keywords.
    """
    found: dict[str, Point] = {}
    queue: list[tuple[list[int], int]] = [([], 0), ([], -1)]
    while queue and len(found) < _MOST_CORNERS:
        choices, otherwise = queue.pop(0)
        trial = ScriptedTrial(choices, otherwise)
        point = _point(space, trial)
        found.setdefault(canonical_json(describe(point)), point)
        for index in range(len(choices), len(trial.taken)):
            taken = trial.taken[index]
            others = [choice for choice in range(trial.options[index]) if choice != taken]
            queue += [([*trial.taken[:index], choice], otherwise) for choice in others]
    return list(found.values())


def _point(space: SpaceFunction, trial: ScriptedTrial) -> Point:
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
