"""The forest over the trials of a sweep: against functions whose structure is known."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from segue.record.files.definition import RunDefinition
from segue.report.analysis.surrogate import Surrogate
from segue.report.data.summary import Summary

SPACE = {
    "a": FloatDistribution(0, 1),
    "b": FloatDistribution(0, 1),
    "lr": FloatDistribution(1e-5, 1e-1, log=True),
    "kind": CategoricalDistribution(["x", "y"]),
}


def surrogate_of(
    function: Callable[[Mapping[str, float]], float], count: int = 120
) -> Surrogate | None:
    generator = np.random.default_rng(0)
    trials = []
    for _ in range(count):
        params = {
            "a": float(generator.uniform()),
            "b": float(generator.uniform()),
            "lr": float(10 ** generator.uniform(-5, -1)),
            "kind": ["x", "y"][int(generator.integers(2))],
        }
        value = function(params)
        trials.append(
            create_trial(
                state=TrialState.COMPLETE, value=value, params=params, distributions=dict(SPACE)
            )
        )
    for number, trial in enumerate(trials):
        trial.number = number
    definition = RunDefinition(name="x", fingerprint="", sweep={"metric": "m", "mode": "max"})
    return Surrogate.of(Summary(Path("nowhere"), definition, tuple(trials)))


@pytest.fixture(scope="module")
def product() -> Surrogate:
    found = surrogate_of(lambda point: (point["a"] - 0.5) * (point["b"] - 0.5))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def additive() -> Surrogate:
    found = surrogate_of(lambda point: 3 * point["a"] + point["b"])
    assert found is not None
    return found


def test_what_depends_on_the_parameters_is_predictable_and_noise_is_not(
    additive: Surrogate,
) -> None:
    assert additive.explained > 0.9
    assert (additive.rank_correlation or 0) > 0.95
    generator = np.random.default_rng(1)
    noise = surrogate_of(lambda point: float(generator.normal()))
    assert noise is not None and noise.explained < 0.1


def test_a_product_interacts_and_a_sum_does_not(product: Surrogate, additive: Surrogate) -> None:
    strongest = product.pairs(1)[0]
    assert {strongest.x, strongest.y} == {"a", "b"} and strongest.strength > 0.6
    of_sum = {frozenset((each.x, each.y)): each for each in additive.pairs(6)}
    assert of_sum[frozenset("ab")].strength < 0.05


def test_a_surface_has_the_values_of_its_parameters(product: Surrogate) -> None:
    pairs = {frozenset((each.x, each.y)): each for each in product.pairs(6)}
    pair = pairs[frozenset(("lr", "kind"))]
    by_name = {pair.x: pair.x_values, pair.y: pair.y_values}
    assert by_name["kind"] == ["x", "y"]
    rates = by_name["lr"]
    assert rates == sorted(rates) and rates[0] >= 1e-5 and rates[-1] <= 1e-1
    assert pair.surface.shape == (len(pair.y_values), len(pair.x_values))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_path_takes_the_largest_gain_first_and_ends_at_the_last_trial(
    additive: Surrogate, sign: float
) -> None:
    by_sum = sorted(additive.trials, key=lambda trial: sign * trial.values[0])
    first = by_sum[0]
    last = by_sum[-1]
    steps = additive.path(first, last, sign)
    assert steps[0].name == "a"
    assert {step.name for step in steps} >= {"a", "b", "lr"}
    assert all(step.after == last.params[step.name] for step in steps)
    place = [trial.number for trial in additive.trials].index(last.number)
    assert steps[-1].predicted == pytest.approx(
        float(additive.predicted(additive.inputs[[place]])[0])
    )


def test_few_trials_and_equal_values_have_no_forest() -> None:
    assert surrogate_of(lambda point: point["a"], count=9) is None
    assert surrogate_of(lambda point: 1.0) is None
