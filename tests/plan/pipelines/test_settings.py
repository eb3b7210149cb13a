import copy
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.pipelines.settings import NOT_GIVEN, SETTING_NAMES, TrainingSettings
from tests.plan.example_pipelines import SETTINGS

counts = st.integers(1, 1000)
fractions = st.floats(0, 1)
VALUES = {
    "num_mini_batch": counts,
    "update_repeats": counts,
    "max_grad_norm": st.floats(1e-6, 1e6),
    "num_steps": counts,
    "gamma": fractions,
    "use_gae": st.booleans(),
    "gae_lambda": fractions,
    "advance_scene_rollout_period": counts,
    "save_interval": st.integers(-5, 1000),
    "metric_accumulate_interval": counts,
}
settings = st.fixed_dictionaries(
    {}, optional={name: st.none() | values for name, values in VALUES.items()}
)


def test_the_names_are_those_of_allenacts_page():
    assert list(SETTING_NAMES) == list(SETTINGS)


def test_not_given_differs_from_none():
    made = TrainingSettings(gamma=0.9, save_interval=None)
    assert made.given == {"gamma": 0.9, "save_interval": None}
    assert made.num_steps is NOT_GIVEN
    assert made != TrainingSettings(gamma=0.9)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gama", "gamma"),
        ("gae_lamda", "gae_lambda"),
        ("num_minibatch", "num_mini_batch"),
        ("max_gradnorm", "max_grad_norm"),
    ],
)
def test_a_misspelt_name_is_refused_by_the_one_that_was_meant(name, meant):
    with pytest.raises(
        TypeError, match=f"TrainingSettings has no setting '{name}': did you mean '{meant}'"
    ):
        TrainingSettings(**{name: 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", 1.01),
        ("gamma", -0.1),
        ("gamma", math.nan),
        ("gae_lambda", 2),
        ("num_mini_batch", -1),
        ("num_steps", -1),
        ("update_repeats", -1),
        ("metric_accumulate_interval", 0),
        ("advance_scene_rollout_period", 0),
        ("max_grad_norm", 0),
        ("max_grad_norm", -1.0),
    ],
)
def test_impossible_values_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        TrainingSettings(**{name: value})


@pytest.mark.parametrize("name", [name for name in SETTING_NAMES if name != "use_gae"])
@pytest.mark.parametrize("value", [True, "1", [1]])
def test_numbers_of_the_wrong_kind_are_refused(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a"):
        TrainingSettings(**{name: value})


@pytest.mark.parametrize("value", [1, 0, "yes"])
def test_use_gae_is_a_flag(value):
    with pytest.raises(TypeError, match="use_gae must be True or False"):
        TrainingSettings(use_gae=value)


@pytest.mark.parametrize("value", [128.0, 1e3])
def test_counts_are_no_floats(value):
    with pytest.raises(TypeError, match="num_steps must be a whole number"):
        TrainingSettings(num_steps=value)


@pytest.mark.parametrize("interval", [0, -1, 5000, None])
def test_any_save_interval_is_one(interval):
    assert TrainingSettings(save_interval=interval).save_interval == interval


def test_no_clipping_is_an_infinite_norm():
    assert TrainingSettings(max_grad_norm=math.inf).max_grad_norm == math.inf


def test_equal_numbers_make_equal_settings():
    assert TrainingSettings(gamma=1) == TrainingSettings(gamma=1.0)
    assert hash(TrainingSettings(gamma=1)) == hash(TrainingSettings(gamma=1.0))
    assert TrainingSettings() != "settings"


@given(settings, settings)
def test_over_takes_what_is_given_and_else_the_base(upper, lower):
    top = TrainingSettings(**upper)
    base = TrainingSettings(**lower)
    assert top.over(base).given == lower | upper
    assert (top.given, base.given) == (upper, lower)


@given(settings)
def test_survives_copies_and_pickle_equal(given_settings):
    made = TrainingSettings(**given_settings)
    for twin in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert twin == made
        assert hash(twin) == hash(made)
        assert twin.given == made.given
        assert all(
            getattr(twin, name) is NOT_GIVEN for name in set(SETTING_NAMES) - set(given_settings)
        )


def test_a_value_cannot_be_written_to():
    made = TrainingSettings(gamma=0.9)
    with pytest.raises(AttributeError, match="its gamma cannot be set"):
        made.gamma = 0.5
    with pytest.raises(AttributeError, match="its gamma cannot be deleted"):
        del made.gamma
    assert made.gamma == 0.9


def test_prints_what_is_given():
    assert (
        repr(TrainingSettings(gamma=0.9, save_interval=None))
        == "TrainingSettings(gamma=0.9, save_interval=None)"
    )
    assert repr(NOT_GIVEN) == "NOT_GIVEN"
