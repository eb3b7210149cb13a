"""Every symbol of AllenAct's page, importable under its name and with its signature."""

import abc
import inspect

import pytest

from segue import experiment_utils

NO_DEFAULT = inspect.Parameter.empty
TRAINING_SETTINGS = (
    "num_mini_batch",
    "update_repeats",
    "max_grad_norm",
    "num_steps",
    "gamma",
    "use_gae",
    "gae_lambda",
    "advance_scene_rollout_period",
    "save_interval",
    "metric_accumulate_interval",
)
SIGNATURES = {
    "evenly_distribute_count_into_bins": {"count": NO_DEFAULT, "nbins": NO_DEFAULT},
    "recursive_update": {"original": NO_DEFAULT, "update": NO_DEFAULT},
    "Builder.__new__": {
        "cls": NO_DEFAULT,
        "class_type": NO_DEFAULT,
        "kwargs": None,
        "default": None,
    },
    "ScalarMeanTracker": {},
    "ScalarMeanTracker.add_scalars": {"self": NO_DEFAULT, "scalars": NO_DEFAULT, "n": 1},
    "ScalarMeanTracker.pop_and_reset": {"self": NO_DEFAULT},
    "LinearDecay": {"steps": NO_DEFAULT, "startp": 1.0, "endp": 0.0},
    "LinearDecay.__call__": {"self": NO_DEFAULT, "epoch": NO_DEFAULT},
    "MultiLinearDecay": {"stages": NO_DEFAULT},
    "MultiLinearDecay.__call__": {"self": NO_DEFAULT, "epoch": NO_DEFAULT},
    "set_deterministic_cudnn": {},
    "set_seed": {"seed": None},
    "EarlyStoppingCriterion.__call__": dict.fromkeys(
        ("self", "stage_steps", "total_steps", "training_metrics"), NO_DEFAULT
    ),
    "TrainingPipeline": (
        dict.fromkeys(
            ("named_losses", "pipeline_stages", "optimizer_builder", *TRAINING_SETTINGS), NO_DEFAULT
        )
        | {"should_log": True, "lr_scheduler_builder": None}
    ),
}
NAMES = {name.split(".")[0] for name in SIGNATURES} | {
    "Builder",
    "LoggingPackage",
    "NeverEarlyStoppingCriterion",
    "OffPolicyPipelineComponent",
    "PipelineStage",
    "TrainingSettings",
}


def test_every_name_is_there():
    assert set(experiment_utils.__all__) == NAMES
    assert all(hasattr(experiment_utils, name) for name in NAMES)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name):
    symbol = experiment_utils
    for part in name.split("."):
        symbol = getattr(symbol, part)
    parameters = inspect.signature(symbol).parameters.values()
    assert {parameter.name: parameter.default for parameter in parameters} == SIGNATURES[name]


def test_a_call_of_a_builder_takes_any_keywords():
    assert str(inspect.signature(experiment_utils.Builder.__call__)).startswith(
        "(self, **kwargs: Any)"
    )


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Builder", tuple),
        ("EarlyStoppingCriterion", abc.ABC),
        ("NeverEarlyStoppingCriterion", experiment_utils.EarlyStoppingCriterion),
        ("OffPolicyPipelineComponent", tuple),
        ("PipelineStage", experiment_utils.TrainingSettings),
        ("TrainingPipeline", experiment_utils.TrainingSettings),
    ],
)
def test_bases(name, base):
    assert issubclass(getattr(experiment_utils, name), base)


def test_builders_are_generic():
    assert experiment_utils.Builder[dict](dict)() == {}


def test_settings_take_each_attribute_of_the_page():
    assert set(experiment_utils.TrainingSettings.__annotations__) >= set(TRAINING_SETTINGS)
    assert experiment_utils.PipelineStage(
        ["ppo"], 10, **dict.fromkeys(TRAINING_SETTINGS)
    ).given.keys() == set(TRAINING_SETTINGS)


def test_an_off_policy_component_has_the_fields_of_the_page():
    parameters = inspect.signature(experiment_utils.OffPolicyPipelineComponent).parameters
    assert list(parameters) == [
        "data_iterator_builder",
        "loss_names",
        "updates",
        "loss_weights",
        "data_iterator_kwargs_generator",
    ]
    assert [name for name, p in parameters.items() if p.default is NO_DEFAULT] == list(parameters)[
        :3
    ]


def test_every_symbol_documents_its_purpose():
    assert all(inspect.getdoc(getattr(experiment_utils, name)) for name in NAMES)
