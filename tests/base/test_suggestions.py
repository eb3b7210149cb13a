import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.base.suggestions import refuse_misspelt, suggestion

KNOWN = ["gamma", "gae_lambda", "num_steps", "CartPole-v1"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gama", "gamma"),
        ("gae_lamda", "gae_lambda"),
        ("numsteps", "num_steps"),
        ("cartpole-v1", "CartPole-v1"),
    ],
)
def test_names_the_near_match(name, meant):
    assert suggestion(name, KNOWN) == f"did you mean {meant!r}?"


def test_lists_the_choice_where_nothing_is_near():
    assert suggestion("xyz", ["b", "a"]) == "choose from 'a', 'b'."
    assert suggestion("xyz", [f"name{i}" for i in range(100)]).endswith("'name15', ...")
    assert suggestion("xyz", []) == "there is none to choose from."


@given(st.text(), st.lists(st.text()))
def test_is_always_one_end_of_a_sentence(name, known):
    assert suggestion(name, known)[-1] in "?."


@refuse_misspelt
def walk(steps: int, speed: float = 1.0) -> float:
    """Walk."""
    return steps * speed


def test_misspelt_keywords_are_refused_by_the_name_that_was_meant():
    with pytest.raises(TypeError, match="walk takes no 'sped': did you mean 'speed'"):
        walk(3, sped=2.0)
    assert walk(3, speed=2.0) == walk(steps=3, speed=2.0) == 6.0


def test_the_signature_stays():
    assert list(inspect.signature(walk).parameters) == ["steps", "speed"]
    assert walk.__doc__ == "Walk."
