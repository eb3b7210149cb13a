"""How many seeds of how many trials the last quarter of the steps is spent on."""

import pytest

from segue.cli.trained.late_seeds import LateSeeds
from tests.tune.support.doubles import MIXED, make_sweep

FULL = 1200


@pytest.mark.parametrize(
    ("runs", "trials", "seeds"),
    [(16, 2, 2), (24, 3, 2), (30, 3, 2), (32, 4, 2), (64, 4, 4), (80, 4, 5)],
)
def test_a_quarter_of_the_steps_is_divided(runs: int, trials: int, seeds: int) -> None:
    sweep = make_sweep(space=MIXED, trials=99, max_env_steps=runs * FULL)
    found = LateSeeds.of(sweep)
    assert (found.trials, found.seeds) == (trials, seeds)
    assert found.search_steps + trials * seeds * FULL == runs * FULL
    assert found.search_steps >= 0.75 * runs * FULL


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (None, "limit them with --max-steps .* to 19,200 or more"),
        (15 * FULL, "one seed takes up to 1,200: give --max-steps 19200 or more"),
    ],
)
def test_too_few_steps_are_refused(steps: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LateSeeds.of(make_sweep(space=MIXED, trials=99, max_env_steps=steps))
