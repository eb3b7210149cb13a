import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.pipelines.schedules import LinearDecay, MultiLinearDecay
from tests.plan.conformance import check_schedule

ends = st.floats(-10, 10)
decays = st.builds(LinearDecay, st.integers(1, 10_000), ends, ends)

SCHEDULES = [
    LinearDecay(1),
    LinearDecay(1000),
    LinearDecay(100, 0.2, 0.9),
    MultiLinearDecay([LinearDecay(100)]),
    MultiLinearDecay(
        [LinearDecay(10, 1.0, 0.5), LinearDecay(100, 0.5, 0.5), LinearDecay(7, 0.8, 0.0)]
    ),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_conformance(schedule):
    check_schedule(schedule)


def test_linear_decay_worked_by_hand():
    decay = LinearDecay(200, startp=1.0, endp=0.6)
    assert [decay(step) for step in (-1, 0, 50, 100, 200, 201)] == pytest.approx(
        [1.0, 1.0, 0.9, 0.8, 0.6, 0.6]
    )


def test_linear_decay_can_grow():
    assert LinearDecay(10, 0.0, 1.0)(5) == 0.5


def test_linear_decay_goes_from_one_to_zero_by_default():
    assert LinearDecay(4) == LinearDecay(steps=4, startp=1.0, endp=0.0)
    assert LinearDecay(4, 1, 0) == LinearDecay(4)


@given(decays, st.integers(-100, 20_000))
def test_linear_decay_stays_between_its_ends(decay, step):
    low, high = sorted((decay.startp, decay.endp))
    assert low - 1e-12 <= decay(step) <= high + 1e-12


@given(decays)
def test_linear_decay_has_exactly_its_ends(decay):
    assert decay(0) == decay.startp
    assert decay(decay.steps) == decay.endp


def test_multi_linear_decay_worked_by_hand():
    decay = MultiLinearDecay([LinearDecay(10, 1.0, 0.5), LinearDecay(20, 0.4, 0.0)])
    assert decay.steps == 30
    assert [decay(step) for step in (0, 5, 9, 10, 20, 30, 31)] == pytest.approx(
        [1.0, 0.75, 0.55, 0.4, 0.2, 0.0, 0.0]
    )


def test_multi_linear_decay_can_go_back():
    decay = MultiLinearDecay([LinearDecay(10), LinearDecay(10)])
    assert decay(15) == 0.5
    assert decay(2) == 0.8
    assert decay(15) == 0.5


@given(st.lists(decays, min_size=1, max_size=4), st.lists(st.integers(-10, 50_000), max_size=20))
def test_multi_linear_decay_is_pure(stages, steps):
    decay = MultiLinearDecay(stages)
    forward = {step: decay(step) for step in sorted(steps)}
    assert [decay(step) for step in steps] == [forward[step] for step in steps]


@given(decays, st.integers(-10, 20_000))
def test_one_stage_is_the_linear_decay(decay, step):
    assert MultiLinearDecay([decay])(step) == decay(step)


def test_multi_linear_decay_does_not_keep_the_callers_list():
    stages = [LinearDecay(10)]
    decay = MultiLinearDecay(stages)
    stages.append(LinearDecay(5))
    assert decay.steps == 10


@pytest.mark.parametrize("steps", [0, -2])
def test_no_steps_are_refused(steps):
    with pytest.raises(ValueError, match=f"steps of a LinearDecay must be at least 1, got {steps}"):
        LinearDecay(steps)


@pytest.mark.parametrize("steps", [1.5, True, "10", None])
def test_steps_of_the_wrong_kind_are_refused(steps):
    with pytest.raises(TypeError, match="steps of a LinearDecay must be a whole number"):
        LinearDecay(steps)


@pytest.mark.parametrize("end", [float("nan"), float("inf")])
def test_ends_that_are_not_finite_are_refused(end):
    with pytest.raises(ValueError, match="must be finite"):
        LinearDecay(10, end)
    with pytest.raises(ValueError, match="must be finite"):
        LinearDecay(10, 1.0, end)


def test_no_stages_and_foreign_stages_are_refused():
    with pytest.raises(ValueError, match="at least one LinearDecay"):
        MultiLinearDecay([])
    with pytest.raises(TypeError, match="must be a LinearDecay, got 10"):
        MultiLinearDecay([10])
