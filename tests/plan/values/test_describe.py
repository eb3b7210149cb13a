import copy
import enum
import functools
import json
import logging
import math
import os
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.values.builder import Builder
from segue.plan.values.describe import canonical_json, describe, fingerprint
from tests.plan.example_pipelines import Loss, pipeline

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain,
    lambda v: st.lists(v) | st.dictionaries(st.text(), v) | st.dictionaries(st.integers(), v),
    max_leaves=10,
)


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Slotted:
    __slots__ = ("size",)

    def __init__(self, size):
        self.size = size


class Open:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return 1


Pair = namedtuple("Pair", "left right")


@given(values)
def test_a_description_is_json_and_describes_itself(value):
    description = describe(value)
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    assert canonical_json(describe(description)) == canonical_json(description)


@given(values)
def test_equal_values_have_equal_fingerprints(value):
    assert fingerprint(copy.deepcopy(value)) == fingerprint(value)


@given(st.dictionaries(st.text() | st.integers(), plain))
def test_order_and_kind_of_a_mapping_do_not_count(mapping):
    turned = OrderedDict(reversed(mapping.items()))
    assert fingerprint(turned) == fingerprint(MappingProxyType(mapping)) == fingerprint(mapping)


@given(st.frozensets(st.text() | st.integers()))
def test_order_of_a_set_does_not_count(values):
    assert (
        fingerprint(dict.fromkeys(values).keys()) == fingerprint(set(values)) == fingerprint(values)
    )


def test_plain_values_stay():
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": (1, 2)}}
    assert describe(value) == {"a": [1, 2.5, None, True, "x"], "b": {"c": [1, 2]}}


def test_equal_numbers_have_equal_fingerprints():
    assert (
        fingerprint(1) == fingerprint(1.0) == fingerprint(np.float64(1)) == fingerprint(np.int64(1))
    )
    assert fingerprint(0.0) == fingerprint(-0.0)
    assert fingerprint(LinearDecay(10, 1, 0)) == fingerprint(LinearDecay(10))
    assert fingerprint(0.1) != fingerprint(0.1 + 1e-16 * 2)


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")]
)
def test_numbers_that_json_lacks(value, text):
    assert describe(value) == {"float": text}


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (Builder(Loss, {"clip": 0.2}), {"builder": True, "kwargs": {"clip": 0.2}, "default": {}}),
        (Loss(0.3), {"clip": 0.3}),
        (
            NeverEarlyStoppingCriterion(),
            {"class": "segue.plan.criteria.criterion.NeverEarlyStoppingCriterion"},
        ),
        (torch.optim.Adam, {"class": "torch.optim.adam.Adam"}),
        (math.sqrt, {"function": "math.sqrt"}),
        (os.path.join, {"function": "posixpath.join"}),
        (np, {"module": "numpy"}),
        (Path("a/b"), "a/b"),
        (b"\x01", {"bytes": "01"}),
        (Pair(1, 2), {"left": 1, "right": 2}),
        (Slotted(3), {"size": 3}),
        (Open(size=3), {"size": 3}),
        (np.array([[1, 2]]), [[1, 2]]),
        (torch.tensor([1.5]), [1.5]),
        (1 + 2j, {"class": "builtins.complex", "text": "(1+2j)"}),
        (object(), {"class": "builtins.object"}),
    ],
)
def test_what_objects_say(value, description):
    described = describe(value)
    assert described == description or description.items() <= described.items()


def test_enumerations_are_no_numbers():
    assert describe(Colour.RED)["enum"].endswith("Colour.RED")
    assert fingerprint(Number.ONE) != fingerprint(1)


def test_partial_functions_and_methods():
    assert describe(functools.partial(int, "7", base=8)) == {
        "partial": {"class": "builtins.int"},
        "args": ["7"],
        "keywords": {"base": 8},
    }
    assert fingerprint(Open(size=1).method) != fingerprint(Open(size=2).method)
    assert fingerprint(Open(size=1).method) == fingerprint(Open(size=1).method)


def test_what_has_a_to_dict_is_described_by_it():
    assert describe(pipeline()) == pipeline().to_dict()


def test_a_value_that_contains_itself_ends():
    loop = []
    loop.append(loop)
    assert describe(loop) == [{"again": "builtins.list"}]
    knot = Open(size=1)
    knot.self = knot
    assert describe(knot)["self"] == {"again": "Open"}


def test_one_object_may_stand_twice():
    loss = Loss()
    assert describe([loss, loss]) == [describe(Loss()), describe(Loss())]


def test_no_address_gets_in():
    logger = logging.getLogger("segue.test")
    text = json.dumps(
        describe([object(), Open(lock=object()), Open(call=print), logger.__class__, lambda: 1])
    )
    assert "0x" not in text


@dataclass
class Recursive:
    inside: object


def test_dataclasses_within_values():
    assert describe({"a": Recursive(Recursive(2))})["a"]["inside"]["inside"] == 2


def test_a_fingerprint_is_16_hex_digits():
    assert len(fingerprint(0)) == 16
    assert int(fingerprint(0), 16) >= 0
