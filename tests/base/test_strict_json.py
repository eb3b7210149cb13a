import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.base.strict_json import restore_numbers, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@given(VALUES)
def test_values_come_back_from_strict_json(value: object) -> None:
    assert restore_numbers(json.loads(to_json(value), parse_constant=refuse)) == value


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite_are_objects(number: float) -> None:
    text = to_json({"a": [number, (number,)]})
    found = json.loads(text, parse_constant=refuse)
    assert found["a"][0] == {"float": str(number)}
    assert str(restore_numbers(found)["a"][1][0]) == str(number)


def test_other_objects_of_that_name_stay() -> None:
    for value in ({"float": "wide"}, {"float": 1.0}, {"float": "inf", "other": 1}):
        assert restore_numbers(value) == value
