import copy
from collections import OrderedDict
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.values.merge import detached, merged, recursive_update

trees = st.recursive(
    st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=8,
)
dictionaries = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


def dictionaries_within(value):
    found = {id(value)}
    for entry in value.values():
        found |= dictionaries_within(entry) if isinstance(entry, dict) else set()
    return found


def test_worked_by_hand():
    original = {"a": {"x": 1, "y": {"z": 2}}, "b": 3}
    returned = recursive_update(original, {"a": {"y": {"w": 4}}, "c": 5})
    assert returned is original
    assert original == {"a": {"x": 1, "y": {"z": 2, "w": 4}}, "b": 3, "c": 5}


def test_a_number_and_a_dictionary_take_each_others_place():
    assert recursive_update({"a": 1, "b": {"x": 1}}, {"a": {"x": 1}, "b": 2}) == {
        "a": {"x": 1},
        "b": 2,
    }


def test_any_mapping_will_do():
    original = OrderedDict(a=MappingProxyType({"x": 1}))
    assert recursive_update(original, MappingProxyType({"a": {"y": 2}})) == {"a": {"x": 1, "y": 2}}


@pytest.mark.parametrize("original", [None, [("a", 1)], MappingProxyType({"a": 1})])
def test_an_original_that_cannot_be_changed_is_refused(original):
    with pytest.raises(TypeError, match="changes a dictionary"):
        recursive_update(original, {"a": 2})


@pytest.mark.parametrize("update", [None, [("a", 2)], "a"])
def test_a_wrong_update_is_refused_before_anything_changes(update):
    original = {"a": 1}
    with pytest.raises(TypeError, match="takes its entries from a dictionary"):
        recursive_update(original, update)
    assert original == {"a": 1}


@given(dictionaries, dictionaries)
def test_the_update_wins_and_is_left_alone(original, update):
    before = copy.deepcopy(update)
    result = recursive_update(original, update)
    assert update == before
    assert recursive_update(copy.deepcopy(result), update) == result
    assert result.keys() >= update.keys()


@given(dictionaries, dictionaries)
def test_no_dictionary_is_shared_with_the_update(original, update):
    assert not dictionaries_within(recursive_update(original, update)) & dictionaries_within(update)


@given(dictionaries)
def test_nothing_is_neutral(tree):
    assert merged(tree, {}) == merged({}, tree) == merged(tree, tree) == tree


@given(dictionaries, dictionaries)
def test_merging_leaves_its_layers_alone(first, second):
    before = copy.deepcopy((first, second))
    merged(first, second)
    assert (first, second) == before


flat = st.dictionaries(
    st.sampled_from("abc"), st.dictionaries(st.sampled_from("xy"), st.integers())
)


@given(flat, flat, flat)
def test_layers_of_one_shape_may_be_merged_in_any_grouping(first, second, third):
    assert (
        merged(merged(first, second), third)
        == merged(first, merged(second, third))
        == merged(first, second, third)
    )


def test_detached_shares_nothing():
    inner = [1]
    copied = detached({"a": {"b": inner}})
    inner.append(2)
    assert copied == {"a": {"b": [1]}}
