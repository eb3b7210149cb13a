import copy
import pickle

import pytest

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.pipelines.settings import NOT_GIVEN, SETTING_NAMES, TrainingSettings
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.values.builder import Builder
from tests.plan.criteria.test_criterion import Twice
from tests.plan.example_pipelines import SETTINGS, stage


def thousand():
    return 1000


def test_is_made_as_documented_by_allenact():
    made = PipelineStage(
        loss_name=["ppo", "bc"],
        max_stage_steps=500,
        loss_weights=[1, 0.5],
        teacher_forcing=LinearDecay(500),
        early_stopping_criterion=NeverEarlyStoppingCriterion(),
        gamma=0.5,
    )
    assert isinstance(made, TrainingSettings)
    assert (made.loss_name, made.loss_weights, made.step_limit) == (("ppo", "bc"), (1.0, 0.5), 500)
    assert (made.teacher_forcing, made.gamma, made.num_steps) == (LinearDecay(500), 0.5, NOT_GIVEN)


def test_loss_names_is_an_alias():
    assert PipelineStage(loss_names=["ppo"], max_stage_steps=1) == PipelineStage(["ppo"], 1)
    assert stage().loss_names == stage().loss_name == ("ppo",)
    with pytest.raises(TypeError, match="loss_name or its alias loss_names"):
        PipelineStage(loss_name=["ppo"], loss_names=["ppo"], max_stage_steps=1)


def test_weights_are_ones_unless_given():
    assert stage(loss_name=["a", "b"]).loss_weights == (1.0, 1.0)


def test_steps_may_be_a_function():
    made = stage(max_stage_steps=thousand)
    assert made.max_stage_steps is thousand
    assert made.step_limit == 1000


def test_the_function_of_steps_is_called_only_when_needed():
    made = stage(max_stage_steps=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        _ = made.step_limit


@pytest.mark.parametrize(
    ("steps", "error"), [(0, ValueError), (-5, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_impossible_steps_are_refused(steps, error):
    with pytest.raises(error, match="max_stage_steps must be"):
        stage(max_stage_steps=steps)
    with pytest.raises(error, match="The result of max_stage_steps must be"):
        _ = stage(max_stage_steps=lambda: steps).step_limit


def test_steps_must_be_given():
    with pytest.raises(TypeError, match="needs max_stage_steps"):
        PipelineStage(loss_name=["ppo"])


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_any_setting_can_be_overridden_also_with_none(name):
    assert stage(**{name: None}).given == {name: None}
    assert stage(**{name: SETTINGS[name]}).given == {name: SETTINGS[name]}


def test_a_misspelt_setting_is_refused_by_the_one_that_was_meant():
    with pytest.raises(
        TypeError, match="PipelineStage has no setting 'gama': did you mean 'gamma'"
    ):
        stage(gama=0.9)
    with pytest.raises(TypeError, match="did you mean 'teacher_forcing'"):
        stage(teacher_forcng=LinearDecay(10))
    with pytest.raises(ValueError, match="gamma must be in"):
        stage(gamma=1.5)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"loss_name": "ppo"},
            r"loss_name must be a list of names, got the string 'ppo': write \['ppo'\]",
        ),
        ({"loss_name": [1]}, "Each of loss_name must be a string"),
        ({"loss_weights": "12"}, "loss_weights must be a list of numbers"),
        ({"loss_weights": 1.0}, "loss_weights must be a list of numbers"),
        ({"loss_weights": ["1"]}, "Each of loss_weights must be a number"),
        ({"teacher_forcing": 0.5}, "teacher_forcing must be a function of the step"),
        ({"early_stopping_criterion": NeverEarlyStoppingCriterion}, "an object, not a class"),
        ({"early_stopping_criterion": lambda *_: True}, "must be an EarlyStoppingCriterion"),
        ({"offpolicy_component": ("bc",)}, "must be an OffPolicyPipelineComponent"),
    ],
)
def test_the_wrong_kind_is_refused(wrong, sentence):
    with pytest.raises(TypeError, match=sentence):
        stage(**wrong)


def test_each_member_gets_a_criterion_of_its_own():
    made = stage(early_stopping_criterion=Twice())
    made.new_criterion().load_state_dict({"seen": 5})
    assert made.new_criterion().state_dict() == {"seen": 0}
    assert made.new_criterion() is not made.early_stopping_criterion
    built = stage(early_stopping_criterion=Builder(Twice, {"goal": 0.9})).new_criterion()
    assert (type(built), built.goal) == (Twice, 0.9)
    assert stage().new_criterion() == NeverEarlyStoppingCriterion()


def test_a_stage_is_a_value():
    full = stage(
        teacher_forcing=LinearDecay(10),
        early_stopping_criterion=NeverEarlyStoppingCriterion(),
        max_stage_steps=thousand,
        offpolicy_component=OffPolicyPipelineComponent(iter, ["bc"], 2),
        gamma=0.5,
        save_interval=None,
    )
    for twin in (copy.copy(full), copy.deepcopy(full), pickle.loads(pickle.dumps(full))):
        assert twin == full
        assert hash(twin) == hash(full)
    assert full != stage()
    assert stage(gamma=0.5) != stage(gamma=0.6)
    with pytest.raises(AttributeError, match="its loss_name cannot be set"):
        full.loss_name = ("bc",)


def test_describes_itself():
    assert stage(gamma=0.5, save_interval=None, teacher_forcing=LinearDecay(10)).to_dict() == {
        "loss_name": ["ppo"],
        "loss_weights": [1.0],
        "max_stage_steps": 1000,
        "teacher_forcing": {
            "class": "segue.plan.pipelines.schedules.LinearDecay",
            "steps": 10,
            "startp": 1.0,
            "endp": 0.0,
        },
        "early_stopping_criterion": None,
        "offpolicy_component": None,
        "start_from": None,
        "gamma": 0.5,
        "save_interval": None,
    }


def test_prints_what_is_given():
    assert (
        repr(stage(gamma=0.5))
        == "PipelineStage(loss_name=('ppo',), loss_weights=(1.0,), max_stage_steps=1000, gamma=0.5)"
    )
