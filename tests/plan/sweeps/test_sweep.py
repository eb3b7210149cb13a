import dataclasses
import json
import pickle
import time

import pytest
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from tests.plan.example_pipelines import pipeline, stage

SPACE = {"steps": tune.grid_search([1000, 2000, 3000]), "gae_lambda": tune.grid_search([0.9, 0.95])}


def make(steps, gae_lambda, weight=1.0):
    return pipeline(stage(max_stage_steps=steps, loss_weights=[weight]), gae_lambda=gae_lambda)


def sweep(**changes):
    return Sweep(
        **{
            "pipeline": make,
            "space": SPACE,
            "world": "CartPole-v1",
            "evaluation": Evaluation(every=1000),
        }
        | changes
    )


def test_defaults():
    made = sweep()
    assert (made.metric, made.mode, made.trials, made.seeds, made.seed, made.lanes) == (
        "return",
        "max",
        None,
        1,
        0,
        8,
    )
    assert (made.policy, made.scheduler, made.search, made.concurrency) == (None, None, "tpe", None)
    assert made.resources == {"cpu": 1}
    assert dataclasses.replace(made).resources == {"cpu": 1}


def test_grid_and_corners():
    assert len(sweep().grid()) == 6
    assert sweep().grid()[1] == {"steps": 1000, "gae_lambda": 0.95}
    assert sweep().corners() == [
        {"steps": s, "gae_lambda": g} for s in (1000, 2000, 3000) for g in (0.9, 0.95)
    ]
    assert sweep(space={"steps": 1000, "gae_lambda": tune.uniform(0.9, 1)}, trials=3).grid() is None


def test_every_domain_of_ray_can_be_searched():
    space = {
        "steps": tune.randint(100, 200),
        "gae_lambda": tune.uniform(0.9, 1.0),
        "weight": tune.loguniform(1e-3, 1),
    }
    assert len(sweep(space=space, trials=10).corners()) == 8


def test_a_default_of_the_pipeline_function_may_be_left_out_or_searched():
    assert "weight" not in sweep().space
    assert sweep(space=SPACE | {"weight": 0.5}).grid()[0]["weight"] == 0.5


def test_a_pipeline_function_may_take_any_name():
    assert sweep(pipeline=lambda **names: make(names["steps"], names["gae_lambda"])).grid()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"space": {"steps": 1, "gae_lamda": 0.9}},
            "names 'gae_lamda', .* does not take: did you mean 'gae_lambda'",
        ),
        ({"space": {"steps": tune.grid_search([1])}}, "takes 'gae_lambda', which the space lacks"),
        ({"space": {}}, "The space is empty"),
        ({"space": SPACE | {"steps": tune.grid_search([])}}, "grid of 'steps' has no values"),
        ({"space": [("steps", 1)]}, "space must be a dictionary"),
        ({"space": {"gae_lambda": 0.9, "steps": tune.randint(1, 5)}}, "trials must be given"),
        (
            {"space": SPACE | {"steps": tune.randint(1, 5)}, "trials": 3},
            (
                r"a grid for 'gae_lambda' and a domain to draw 'steps' from: .* or write"
                r" tune.choice\(\[...\]\)"
            ),
        ),
        ({"space": {"steps": 1, "gae_lambda": 0.9}}, "trials must be given"),
        (
            {"space": {"steps": 1, "gae_lambda": [0.9, 0.95]}, "trials": 2},
            (
                r"nothing to vary, so that all 2 trials would be the same: write tune.choice"
                r"\(\[0.9, 0.95\]\) for 'gae_lambda' if these are the values to try, or"
            ),
        ),
        (
            {"space": lambda trial: {"steps": 1, "gae_lambda": 0.9}, "trials": 2},
            "nothing to vary, so that all 2 trials would be the same: request a parameter",
        ),
        (
            {"points": [{"steps": 1000, "gae_lambda": 0.9}, {"steps": 1e3, "gae_lambda": 0.9}]},
            "points lists {'steps': 1000, 'gae_lambda': 0.9} twice: list each point once",
        ),
        ({"pipeline": 3}, "pipeline must be a function"),
        (
            {"pipeline": lambda steps, gae_lambda: None},
            r"must return a TrainingPipeline, got None at \{'steps': 1000",
        ),
        ({"world": ""}, "world must not be empty"),
        ({"world": 3}, "world must be a string"),
        (
            {"evaluation": 1000},
            r"evaluation must be an Evaluation, got 1000: write Evaluation\(every=10_000\)",
        ),
        ({"metric": ""}, "metric must not be empty"),
        ({"mode": "maximum"}, "mode must be one of 'max', 'min', got 'maximum'"),
        ({"search": "grid"}, "search must be one of 'tpe', .*'auto', got 'grid'"),
        (
            {"scheduler": "ahsa"},
            "scheduler must be None, 'asha', 'stage_asha', .* 'pbt', or a scheduler",
        ),
        (
            {"scheduler": AsyncHyperBandScheduler},
            "scheduler must be None, 'asha', 'stage_asha', .* 'pbt', or a scheduler",
        ),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"trials": 2.0}, "trials must be a whole number"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": None}, "seeds must be a whole number, got None"),
        ({"seeds": True}, "seeds must be a whole number, got True"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"lanes": 0}, "lanes must be at least 1"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"log_seeds": 1}, "log_seeds must be True or False, got 1"),
        ({"resources": {}}, "resources is empty"),
        ({"resources": {"cpus": 1}}, "resources names 'cpus': did you mean 'cpu'"),
        ({"resources": {"GPU": 1}}, "resources names 'GPU': did you mean 'gpu'"),
        ({"resources": {"cpu": -1}}, r"resources\['cpu'\] must not be negative"),
        ({"resources": {"cpu": "1"}}, r"resources\['cpu'\] must be a number, got '1'"),
        ({"resources": {"cpu": "auto"}}, r"resources\['cpu'\] must be a number, got 'auto'"),
        (
            {"resources": {"gpu": "half"}},
            r"resources\['gpu'\] must be a number or 'auto', got 'half'",
        ),
        ({"resources": {1: 1}}, "Each name in resources must be a string"),
        ({"resources": 2}, "resources must be a dictionary"),
    ],
)
def test_mistakes_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        sweep(**changes)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_pipeline_function_is_passed_on_with_the_corner():
    with pytest.raises(
        ValueError,
        match=r"fails at \{'steps': 0, 'gae_lambda': 0.9\}: max_stage_steps must be at least 1",
    ):
        sweep(space=SPACE | {"steps": tune.grid_search([0, 1000])})
    with pytest.raises(ValueError, match=r"fails at .*: KeyError: 'ppo'"):
        sweep(pipeline=lambda steps, gae_lambda: {}["ppo"])


def test_the_callers_dictionaries_are_copied():
    space = dict(SPACE)
    resources = {"cpu": 1}
    made = sweep(space=space, resources=resources)
    space["weight"] = 0.5
    resources["gpu"] = 1
    assert (list(made.space), made.resources) == (["steps", "gae_lambda"], {"cpu": 1})


def test_describes_the_experiment():
    described = sweep(scheduler="asha").describe()
    assert json.loads(json.dumps(described)) == described
    assert described["space.steps"] == {"grid_search": [1000, 2000, 3000]}
    assert described["scheduler"] == "asha"
    assert described["pipeline"]["function"] == "make"
    assert described.keys() & {"trials", "resources", "concurrency"} == set()
    assert len(sweep().fingerprint) == 16


def test_a_description_is_a_copy():
    made = sweep()
    made.describe()["metric"] = "other"
    assert made.describe()["metric"] == "return"


@pytest.mark.parametrize(
    "changes",
    [
        {"pipeline": lambda steps, gae_lambda: make(steps, gae_lambda)},
        {"space": SPACE | {"steps": tune.grid_search([1000, 2000])}},
        {"space": SPACE | {"weight": 0.5}},
        {"world": "Acrobot-v1"},
        {"world": lambda members, lanes: None},
        {"evaluation": Evaluation(every=2000)},
        {"metric": "length"},
        {"mode": "min"},
        {"seeds": 2},
        {"seed": 1},
        {"lanes": 4},
        {"lanes": lambda: 8},
        {"policy": (64, 64)},
        {"policy": lambda steps: None},
        {"scheduler": "asha"},
        {"search": "random"},
    ],
)
def test_a_changed_question_shows(changes):
    assert sweep(**changes).fingerprint != sweep().fingerprint
    assert sweep(**changes) != sweep()


@pytest.mark.parametrize("changes", [{"trials": 3}, {"concurrency": 2}, {"resources": {"cpu": 2}}])
def test_budgets_and_resources_do_not_change_the_fingerprint(changes):
    assert sweep(**changes).describe() == sweep().describe()
    assert sweep(**changes) != sweep()


def test_equal_sweeps_are_equal():
    assert sweep() == sweep()
    assert hash(sweep()) == hash(sweep())
    assert sweep() != "sweep"
    assert pickle.loads(pickle.dumps(sweep())) == sweep()


def test_a_scheduler_is_described_as_it_was_when_the_sweep_was_made():
    scheduler = AsyncHyperBandScheduler(max_t=10)
    made = sweep(scheduler=scheduler)
    before = made.describe()
    scheduler.set_search_properties("return", "max")
    assert (
        made.describe() == before == sweep(scheduler=AsyncHyperBandScheduler(max_t=10)).describe()
    )
    assert before != sweep(scheduler=AsyncHyperBandScheduler(max_t=20)).describe()


def test_is_made_in_milliseconds():
    space = {
        "steps": tune.grid_search(list(range(1, 13))),
        "gae_lambda": tune.grid_search([0.9, 0.95]),
    }
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert len(sweep(space=space).grid()) == 24
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_the_middle_of_a_grid_and_every_point_are_corners():
    points = [{"steps": 1500.0, "gae_lambda": 1}]
    space = {"steps": tune.randint(1000, 3001), "gae_lambda": tune.uniform(0.9, 1.0)}
    made = sweep(space=space, points=points, trials=3)
    assert made.corners()[-1] == made.points[0] == {"steps": 1500, "gae_lambda": 1.0}
    assert [type(value) for value in made.corners()[-1].values()] == [int, float]
    assert {"steps": 2000, "gae_lambda": 0.9} in sweep().corners()


def test_a_point_of_a_grid_is_planned_once():
    point = {"steps": 2000.0, "gae_lambda": 0.9}
    made = sweep(space=SPACE | {"weight": 0.5}, points=[point])
    assert made.planned()[0] == {"steps": 2000, "gae_lambda": 0.9, "weight": 0.5}
    assert len(made.planned()) == len(made.grid())
