import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.values.builder import Builder


class Thing:
    def __init__(self, a=0, b=None, options=None):
        self.a = a
        self.b = b
        self.options = options


builders = st.builds(
    Builder,
    st.just(Thing),
    st.none()
    | st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.lists(st.integers())),
    st.none()
    | st.dictionaries(st.sampled_from(["a", "options"]), st.dictionaries(st.text(), st.integers())),
)


def test_is_a_tuple_of_its_three_parts():
    builder = Builder(Thing, {"a": 1}, {"b": 2})
    assert isinstance(builder, tuple)
    assert (
        tuple(builder)
        == (builder.class_type, builder.kwargs, builder.default)
        == (Thing, {"a": 1}, {"b": 2})
    )


def test_builds_with_default_below_kwargs_below_the_call():
    built = Builder(Thing, {"a": 1, "b": 1}, {"b": 0, "options": 0})(b=2)
    assert (built.a, built.b, built.options) == (1, 2, 0)


def test_none_means_no_keywords():
    assert (Builder(Thing).kwargs, Builder(Thing, None, None).default) == ({}, {})
    assert Builder(Thing)().a == 0


def test_nested_keywords_merge_deeply():
    builder = Builder(
        Thing,
        {"options": {"y": 1, "deep": {"p": 1}}},
        {"options": {"x": 0, "y": 0, "deep": {"q": 0}}},
    )
    assert builder(options={"z": 2}).options == {"x": 0, "y": 1, "z": 2, "deep": {"q": 0, "p": 1}}
    assert builder().options == {"x": 0, "y": 1, "deep": {"q": 0, "p": 1}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_survives_pickle(protocol):
    builder = Builder(Thing, {"a": [1], "options": {"x": 1}}, {"b": 2})
    twin = pickle.loads(pickle.dumps(builder, protocol))
    assert type(twin) is Builder
    assert twin == builder
    assert twin().options == {"x": 1}


@given(builders)
def test_survives_copies_and_pickle_equal(builder):
    for twin in (copy.copy(builder), copy.deepcopy(builder), pickle.loads(pickle.dumps(builder))):
        assert type(twin) is Builder
        assert twin == builder
        assert hash(twin) == hash(builder)
        assert repr(twin) == repr(builder)


def test_builds_share_no_state():
    builder = Builder(Thing, {"b": []}, {"options": {"inner": []}})
    first = builder()
    second = builder()
    first.b.append(1)
    first.options["inner"].append(1)
    assert (second.b, second.options) == ([], {"inner": []})
    assert (builder().b, builder.default) == ([], {"options": {"inner": []}})


def test_does_not_share_the_callers_dictionaries():
    kwargs = {"b": [1]}
    default = {"options": {"x": [2]}}
    builder = Builder(Thing, kwargs, default)
    kwargs["b"].append(9)
    default["options"]["x"].append(9)
    assert (builder().b, builder().options) == ([1], {"x": [2]})


def test_hands_over_what_the_call_passes():
    parameters = iter([1, 2])
    assert Builder(Thing)(b=parameters).b is parameters


def test_differs_by_class_and_keywords():
    assert Builder(Thing, {"a": 1}) != Builder(Thing, {"a": 2})
    assert Builder(Thing) != Builder(dict)
    assert Builder(Thing, {"a": 1}) != Builder(Thing, default={"a": 1})


def test_builds_anything_that_can_be_called():
    assert Builder(dict, {"a": 1})(b=2) == {"a": 1, "b": 2}
    assert repr(Builder(dict, {"a": 1}, {"b": 2})) == "Builder(dict, {'a': 1}, default={'b': 2})"


@pytest.mark.parametrize("class_type", [3, "Adam", None])
def test_what_cannot_be_called_is_refused(class_type):
    with pytest.raises(TypeError, match="needs a class to build"):
        Builder(class_type)


@pytest.mark.parametrize("keywords", [[("a", 1)], {1: 2}, "a"])
def test_keywords_must_be_a_dictionary_of_names(keywords):
    with pytest.raises(
        TypeError, match="kwargs of a Builder must be a dictionary with string keys"
    ):
        Builder(Thing, keywords)
    with pytest.raises(
        TypeError, match="default of a Builder must be a dictionary with string keys"
    ):
        Builder(Thing, None, keywords)
