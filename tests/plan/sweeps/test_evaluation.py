import pytest

from segue.plan.sweeps.evaluation import Evaluation
from tests.plan.conformance import check_value


def test_defaults():
    evaluation = Evaluation(every=5000)
    assert (evaluation.episodes, evaluation.greedy, evaluation.max_episode_steps) == (
        10,
        True,
        10_000,
    )
    assert evaluation.mean_of_last == 1
    check_value(evaluation)


@pytest.mark.parametrize("name", ["every", "episodes", "max_episode_steps", "mean_of_last"])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_counts_are_refused_below_one(name, value, error):
    with pytest.raises(error, match=f"{name} of an Evaluation must be"):
        Evaluation(**{"every": 10, name: value})


def test_greedy_is_a_flag():
    with pytest.raises(TypeError, match="greedy of an Evaluation must be True or False, got 1"):
        Evaluation(every=10, greedy=1)
