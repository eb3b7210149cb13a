"""Which new trials begin at random, and at which of the points that are drawn."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from segue.tune.search.freeze_thaw.choice import Choice, choose
from segue.tune.search.freeze_thaw.curve import Curve, Proposal
from segue.tune.search.freeze_thaw.starts import is_random, rarest
from tests.tune.search.freeze_thaw.curves import LEARNING_RATE, curve, point

KINDS = CategoricalDistribution(["a", "b", "c", "d", "e"])
SIZES = CategoricalDistribution([8, 16])


def of(kind: str | None = None, size: int | None = None, **more: Any) -> Proposal:
    """A point with these choices."""
    parameters: dict[str, Any] = {"lr": 1e-3, "kind": kind, "size": size}
    distributions: dict[str, BaseDistribution] = {"lr": LEARNING_RATE, "kind": KINDS, "size": SIZES}
    known = {name: value for name, value in parameters.items() if value is not None}
    return Proposal(known | more, {name: distributions[name] for name in known})


def trial(number: int, made: Proposal) -> Curve:
    return replace(
        curve(number, [1.0]), parameters=made.parameters, distributions=made.distributions
    )


@pytest.mark.parametrize(
    ("proposals", "of_sixty"),
    [
        ([point(0.1), point(0.9)], 0),
        ([of(size=8)], 20),
        ([of("a", 8)], 40),
        ([point(0.1), Proposal({"n": 1}, {"n": IntDistribution(1, 3)})], 20),
        ([point(0.1), of("a")], 40),
    ],
    ids=["numbers", "two choices", "five choices", "two sets of names", "a branch with choices"],
)
def test_the_more_kinds_the_more_begin_at_random(proposals: list[Proposal], of_sixty: int) -> None:
    drawn = [begun for begun in range(60) if is_random(begun, proposals)]
    assert len(drawn) == of_sixty
    if drawn:
        assert np.diff(drawn).max() <= 3, "they are spread evenly"


def test_a_random_point_is_the_first_of_the_rarest_kind() -> None:
    curves = [trial(n, of(kind, 8)) for n, kind in enumerate("aabcd")]
    proposals = [of("a", 8), of("b", 8), of("e", 8), of("e", 16), of("e", 16)]
    assert rarest(curves, proposals) == 3
    assert rarest(curves, proposals[:3]) == 2
    assert rarest([], proposals) == 0
    assert rarest(curves, [point(0.5), point(0.1)]) == 0


def test_ten_random_trials_try_each_of_five_choices_twice() -> None:
    draw = np.random.default_rng(0)
    curves: list[Curve] = []
    for number in range(10):
        drawn = [of(str(draw.choice(KINDS.choices)), int(draw.choice([8, 16]))) for _ in range(64)]
        curves.append(trial(number, drawn[rarest(curves, drawn)]))
    assert Counter(each.parameters["kind"] for each in curves) == dict.fromkeys("abcde", 2)
    assert Counter(each.parameters["size"] for each in curves) == {8: 5, 16: 5}


def test_the_choice_takes_the_model_s_point_otherwise() -> None:
    ends = [curve(n, [n + 1.0, 2 * n + 1.0, 3 * n + 1.0, 4 * n + 1.0], x=n / 9) for n in range(9)]
    proposals = [of(size=8), of(size=16), point(1.0)]  # the last is where good trials are
    for count in range(5, 9):
        begun = ends[:count]
        found = choose(begun, proposals, 99_000.0, 1000.0)
        random_one = rarest(begun, proposals)
        assert found == Choice(proposal=random_one if is_random(count, proposals) else 2)
