import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete

from segue.worlds.adapters.spaces import fields, row_dtype, row_shape, row_view

IMAGE = Box(0, 255, (2, 2, 3), np.uint8)
REAL = Box(-1, 1, (2,), np.float32)


def test_fields_lie_one_after_another_in_the_space_s_order():
    space = Dict(view=IMAGE, place=Discrete(4), words=MultiDiscrete([9] * 5))
    assert [(f.name, f.start, f.stop) for f in fields(space)] == [
        ("view", 0, 12),
        ("place", 12, 13),
        ("words", 13, 18),
    ]
    assert row_shape(space) == (18,)
    (only,) = fields(IMAGE)
    assert (only.name, only.start, only.stop, only.space) == ("", 0, 12, IMAGE)
    assert row_shape(IMAGE) == (2, 2, 3)
    assert fields(Discrete(7))[0].stop == 1


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (Dict(a=IMAGE, b=Discrete(256)), np.uint8),
        (Dict(a=IMAGE, b=Discrete(257)), np.int64),
        (Dict(a=IMAGE, b=REAL), np.float32),
        (Dict(a=REAL), np.float32),
        (Discrete(3), np.int64),
        (IMAGE, np.uint8),
    ],
)
def test_a_row_has_the_smallest_type_that_holds_all_entries(space, dtype):
    assert row_dtype(space) == dtype


def test_a_row_holds_every_entry_s_numbers_counted_from_zero():
    seen, row = row_view(Dict(a=Discrete(4, start=2), b=IMAGE), "some world")
    observation = {"a": 5, "b": np.arange(12, dtype=np.uint8).reshape(2, 2, 3)}
    assert row(observation).tolist() == [3, *range(12)]
    assert row(observation).dtype == np.uint8
    assert seen["a"] == Discrete(4)
