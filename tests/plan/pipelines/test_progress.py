import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plan.pipelines.progress import Progress
from tests.plan.conformance import check_value


def test_starts_at_nothing():
    assert Progress() == Progress(stage=0, stage_steps=0, total_steps=0)
    check_value(Progress(1, 2, 3))


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_steps_add_up_over_stages(stages):
    progress = Progress()
    for steps in stages:
        progress = progress.next_stage().after(steps)
    assert progress == Progress(len(stages), stages[-1], sum(stages))


def test_survives_json_like_a_checkpoint():
    progress = Progress(1, 256, 1280)
    assert Progress(**dataclasses.asdict(progress)) == progress


@pytest.mark.parametrize(
    "wrong", [{"stage": -1}, {"stage_steps": -1}, {"total_steps": -5}, {"stage_steps": 5}]
)
def test_impossible_progress_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must be at least 0|cannot be more than"):
        Progress(**wrong)


@pytest.mark.parametrize("wrong", [{"stage": 1.0}, {"total_steps": True}])
def test_the_wrong_kind_is_refused(wrong):
    with pytest.raises(TypeError, match="must be a whole number"):
        Progress(**wrong)


def test_steps_only_go_forward():
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        Progress().after(-1)
