import math
from fractions import Fraction

import numpy as np
import pytest

from segue.base import checks


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_ints(value):
    assert type(checks.whole_number("n", value)) is int
    assert checks.count("n", value) == 3


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, [1]])
def test_what_is_not_a_whole_number_is_refused(value):
    with pytest.raises(TypeError, match="n must be a whole number, got"):
        checks.whole_number("n", value)


def test_least_is_allowed_and_below_is_not():
    assert checks.whole_number("n", -2, least=-2) == -2
    with pytest.raises(ValueError, match="n must be at least -2, got -3"):
        checks.whole_number("n", -3, least=-2)


@pytest.mark.parametrize("check", [checks.finite, checks.fraction, checks.positive])
@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), Fraction(1)])
def test_real_numbers_become_floats(check, value):
    assert type(check("x", value)) is float


@pytest.mark.parametrize("check", [checks.finite, checks.fraction, checks.positive])
@pytest.mark.parametrize("value", [True, "0.5", None, 1j])
def test_what_is_not_a_number_is_refused(check, value):
    with pytest.raises(TypeError, match="x must be a number, got"):
        check("x", value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checks.finite, math.inf),
        (checks.finite, math.nan),
        (checks.fraction, -0.01),
        (checks.fraction, 1.01),
        (checks.fraction, math.nan),
        (checks.positive, 0),
        (checks.positive, -1.0),
        (checks.positive, math.nan),
    ],
)
def test_impossible_numbers_are_refused(check, value):
    with pytest.raises(ValueError, match="x must be"):
        check("x", value)


def test_ends_of_ranges_are_allowed():
    assert (checks.fraction("x", 0), checks.fraction("x", 1), checks.positive("x", math.inf)) == (
        0.0,
        1.0,
        math.inf,
    )


@pytest.mark.parametrize("value", [0, 1, None, "True", np.True_])
def test_flags_are_python_booleans(value):
    assert checks.flag("f", True) is True
    with pytest.raises(TypeError, match="f must be True or False"):
        checks.flag("f", value)


def test_texts_are_not_empty():
    assert checks.text("t", "return") == "return"
    with pytest.raises(ValueError, match="t must not be empty"):
        checks.text("t", "")
    with pytest.raises(TypeError, match="t must be a string, got 3"):
        checks.text("t", 3)


def test_names_are_a_list():
    assert checks.names("losses", ["ppo", "bc"]) == ("ppo", "bc")
    with pytest.raises(TypeError, match=r"got the string 'ppo': write \['ppo'\]"):
        checks.names("losses", "ppo")
    for wrong in (3, {"ppo", "bc"}, None):
        with pytest.raises(TypeError, match="losses must be a list of names"):
            checks.names("losses", wrong)
    with pytest.raises(TypeError, match="Each of losses must be a string, got 1"):
        checks.names("losses", ["ppo", 1])
