import math
import pickle

import pytest

from segue.plan.pipelines.off_policy import (
    OffPolicyPipelineComponent,
    check_loss_weights,
    check_off_policy,
    no_keywords,
)


def component(**changes):
    return OffPolicyPipelineComponent(
        **{"data_iterator_builder": iter, "loss_names": ["bc"], "updates": 4} | changes
    )


def test_has_the_fields_and_defaults_of_allenacts_page():
    assert OffPolicyPipelineComponent._fields == (
        "data_iterator_builder",
        "loss_names",
        "updates",
        "loss_weights",
        "data_iterator_kwargs_generator",
    )
    made = component()
    assert made.loss_weights is None
    assert (
        made.data_iterator_kwargs_generator(cur_worker=0, rollouts_per_worker=[4], seed=None) == {}
    )


def test_survives_pickle():
    assert pickle.loads(pickle.dumps(component())) == component()


def test_workers_share_no_keywords():
    assert no_keywords(0, [1], None) is not no_keywords(0, [1], None)


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (
            {"data_iterator_builder": [1, 2]},
            TypeError,
            "data_iterator_builder of here must be callable",
        ),
        (
            {"data_iterator_kwargs_generator": {}},
            TypeError,
            "data_iterator_kwargs_generator of here must be callable",
        ),
        ({"updates": 0}, ValueError, "updates of here must be at least 1, got 0"),
        ({"updates": 1.5}, TypeError, "updates of here must be a whole number"),
        ({"loss_names": "bc"}, TypeError, "loss_names of here must be a list of names"),
        ({"loss_names": []}, ValueError, "here names no losses"),
        ({"loss_names": ["bc", "bc"]}, ValueError, "here names the loss 'bc' more than once"),
        ({"loss_weights": [1.0, 2.0]}, ValueError, "here has 2 loss weights for 1 losses"),
        (
            {"loss_weights": [math.nan]},
            ValueError,
            "weight of the loss 'bc' in here must be finite",
        ),
    ],
)
def test_mistakes_are_refused(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        check_off_policy(component(**wrong), "here")


def test_good_components_pass():
    check_off_policy(component(), "here")
    check_off_policy(component(loss_names=("bc", "dagger"), loss_weights=(0.0, -1)), "here")
    check_loss_weights(["a", "b"], None, "here")
