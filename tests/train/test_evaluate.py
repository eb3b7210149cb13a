import numpy as np
import pytest
import torch

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Evaluator, Mlp
from segue.train.evaluate import Scores
from segue.train.rollouts.generators import MemberGenerators
from segue.worlds import lane_seeds, make_world
from segue.worlds.array import cartpole
from segue.worlds.world import Step
from tests.train.support.pipelines import advanced, pipeline, trainer
from tests.train.support.plain import sequential
from tests.worlds.probes import ActionReward, ContextualAction

SEEDS = (4, 9, 1)


def evaluator(world="CartPole-v1", seeds=SEEDS, use="evaluation", **how):
    """An evaluator and the parameters of members that have not learned yet."""
    made = make_world(world, 1, 1)
    policy = Mlp((8,)).build(made.single_observation_space, made.single_action_space)
    parameters = torch.stack([policy.initial(np.random.default_rng(seed)) for seed in seeds])
    return (
        Evaluator.new(policy, world, seeds, Evaluation(**{"every": 1, "episodes": 6} | how), use),
        parameters,
    )


def by_hand(judge, parameters, member, episodes, limit=10_000):
    """Returns of the greedy policy's episodes, each played alone in a world of one lane."""
    actor = sequential(judge.policy.layers, parameters[member].view(2, -1)[0])
    found = []
    for seed in lane_seeds(SEEDS[member], "evaluation", episodes):
        world = make_world("CartPole-v1", 1, 1)
        gathered = 0.0
        seen = world.reset(np.array([seed]))
        for _ in range(limit):
            step = world.step(actor(torch.tensor(seen)).argmax(-1).numpy())
            seen = step.observation
            gathered = gathered + float(step.reward[0])
            if step.ended.size:
                break
        found.append(gathered)
    return found


def test_greedy_episodes_are_those_played_one_by_one():
    judge, parameters = evaluator()
    expected = [np.mean(by_hand(judge, parameters, k, episodes=6)) for k in range(3)]
    assert judge(parameters)["return"].tolist() == expected == judge(parameters)["length"].tolist()


def test_max_episode_steps_cuts_an_episode():
    judge, parameters = evaluator(max_episode_steps=9)
    expected = [np.mean(by_hand(judge, parameters, k, episodes=6, limit=9)) for k in range(3)]
    assert judge(parameters)["length"].tolist() == expected
    assert max(expected) <= 9


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("world", ["CartPole-v1", "Pendulum-v1"])
def test_it_is_a_pure_function_of_parameters_and_seeds(world, greedy):
    judge, parameters = evaluator(world, greedy=greedy, max_episode_steps=30)
    first = judge(parameters)
    judge(parameters + 1)
    other, _ = evaluator(world, greedy=greedy, max_episode_steps=30)
    for again in (judge(parameters), other(parameters)):
        for name, values in first.items():
            np.testing.assert_array_equal(again[name], values)


@pytest.mark.parametrize("greedy", [True, False])
def test_a_member_s_result_does_not_depend_on_its_neighbours(greedy):
    together, parameters = evaluator(greedy=greedy)
    for k in range(3):
        alone, _ = evaluator(greedy=greedy, seeds=SEEDS[k : k + 1])
        assert alone(parameters[k : k + 1])["return"][0] == together(parameters)["return"][k]


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("world", ["CartPole-v1", "Pendulum-v1"])
def test_evaluating_more_often_changes_no_trained_parameter(world, greedy):
    how = Evaluation(every=1, episodes=3, greedy=greedy, max_episode_steps=20)
    made = trainer(pipeline(), world, SEEDS, how)
    while not made.done:
        made.advance()
        made.evaluate()
    assert torch.equal(made.parameters, advanced(trainer(pipeline(), world, SEEDS)).parameters)


def test_sampling_draws_from_a_stream_that_training_does_not_use():
    judge, parameters = evaluator(greedy=False)
    drawn = {generator.random() for generator in judge._actor(parameters).generators}
    training = [
        generator for seed in SEEDS for generator in vars(MemberGenerators.of(seed)).values()
    ]
    assert len(drawn) == len(SEEDS)
    assert not drawn & {generator.random() for generator in training}


def leaning(judge, parameters, probability):
    """Set the members' last biases so that action 1 has this probability, whatever is observed."""
    rows = judge.policy.layers.views(parameters.view(-1, judge.policy.row)[0::2])
    weight, bias = rows[-1]
    weight.zero_()
    bias[..., 1] = np.log(probability / (1 - probability))
    return parameters


def test_greedy_takes_the_most_likely_action_and_sampling_each_as_often_as_it_is_likely():
    for greedy, expected, tolerance in ((True, 1.0, 0.0), (False, 0.7, 0.04)):
        judge, parameters = evaluator(ActionReward, greedy=greedy, episodes=2000)
        np.testing.assert_allclose(
            judge(leaning(judge, parameters, 0.7))["return"], expected, atol=tolerance
        )


def test_the_world_s_metrics_are_averaged():
    judge, parameters = evaluator(ContextualAction, episodes=500)
    found = judge(leaning(judge, parameters, 0.9))
    assert found.keys() == {"return", "length", "success"}
    np.testing.assert_array_equal(found["success"], found["return"])
    np.testing.assert_allclose(found["success"], 0.5, atol=0.1)


def test_its_episodes_are_none_of_training(monkeypatch):
    starts = {}

    class Spy(cartpole.CartPole):
        def reset(self, seeds):
            starts.setdefault(self.lanes, []).append(super().reset(seeds).copy())
            return starts[self.lanes][-1]

    made = trainer(pipeline(), Spy, SEEDS, Evaluation(every=1, episodes=7, max_episode_steps=1))
    made.evaluate()
    made.evaluate()
    training = starts[4 * len(SEEDS)]
    evaluation = starts[7 * len(SEEDS)]
    np.testing.assert_array_equal(evaluation[0], evaluation[1])
    assert not set(map(tuple, training[0].tolist())) & set(map(tuple, evaluation[0].tolist()))
    held_out, parameters = evaluator(use="held-out", max_episode_steps=1)
    assert not set(held_out._start.tolist()) & set(evaluator()[0]._start.tolist())
    assert held_out(parameters)["return"].tolist() == [1, 1, 1]


def step(reward, ended, metric):
    """A step of two members with two lanes each."""
    nothing = np.zeros((4, 1), np.float32)
    over = np.isin(np.arange(4), ended)
    info = {"success": np.array(metric, np.float32)}
    return Step(
        nothing,
        np.array(reward, np.float32),
        over,
        ~over,
        np.array(ended, np.int64),
        nothing[ended],
        info,
    )


def test_a_lane_counts_its_first_episode_only_and_metrics_those_that_ended():
    scores = Scores.empty(4, ("success",))
    scores.add(step([1, 2, 3, 4], [1], [1]))
    scores.add(step([1, 2, 3, 4], [0, 1], [0, 7]))
    scores.add(step([1, 2, 3, 4], [], []))
    assert scores.over.tolist() == [True, True, False, False]
    found = scores.means(2)
    assert found["return"].tolist() == [(2 + 2) / 2, (9 + 12) / 2]
    assert found["length"].tolist() == [(2 + 1) / 2, 3]
    assert found["success"][0] == 0.5
    assert np.isnan(found["success"][1])
