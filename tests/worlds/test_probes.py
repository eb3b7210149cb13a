"""The probe worlds behave as documented; the conformance suite tests that they are worlds."""

import numpy as np

from segue.worlds import lane_seeds
from tests.worlds import probes


def started(probe: type[probes.Probe], lanes: int = 64) -> tuple[probes.Probe, np.ndarray]:
    world = probe(1, lanes)
    return world, world.reset(lane_seeds(0, "train", lanes))[:, 0]


def test_constant_reward() -> None:
    world, observation = started(probes.ConstantReward)
    step = world.step(np.zeros(64, np.int64))
    assert not observation.any()
    assert step.terminated.all() and (step.reward == 1).all()


def test_observation_reward_shows_both_signals() -> None:
    world, observation = started(probes.ObservationReward)
    assert set(observation) == {-1, 1}
    np.testing.assert_array_equal(world.step(np.zeros(64, np.int64)).reward, observation)


def test_delayed_reward_comes_one_step_later() -> None:
    world, observation = started(probes.DelayedReward, 1)
    steps = [world.step(np.zeros(1, np.int64)) for _ in range(3)]
    assert observation.tolist() == [0]
    assert [step.reward[0] for step in steps] == [0, 1, 0]
    assert [step.observation[0, 0] for step in steps] == [1, 0, 1]
    assert [step.terminated[0] for step in steps] == [False, True, False]
    assert steps[1].final_observation.tolist() == [[2]]


def test_action_reward() -> None:
    world, _ = started(probes.ActionReward, 2)
    assert world.step(np.array([0, 1])).reward.tolist() == [0, 1]


def test_contextual_action_depends_on_the_observation() -> None:
    world, observation = started(probes.ContextualAction)
    right = world.step((observation > 0).astype(np.int64))
    assert (right.reward == 1).all() and (right.info["success"] == 1).all()
    _, wrong = started(probes.ContextualAction)
    assert not started(probes.ContextualAction)[0].step((wrong < 0).astype(np.int64)).reward.any()


def test_gaussian_target() -> None:
    world, observation = started(probes.GaussianTarget)
    np.testing.assert_array_equal(world.step(observation[:, None] / 2).reward, np.zeros(64))
    assert (
        started(probes.GaussianTarget)[0].step(observation[:, None] / 2 + 3).reward.tolist()
        == [-9.0] * 64
    )


def test_each_right_choice_is_rewarded() -> None:
    for probe in (probes.Choices, probes.Bits):
        world, observation = started(probe)
        actions = np.repeat((observation > 0)[:, None], 3, 1).astype(np.int64)
        assert (world.step(actions).reward == 3).all()
        actions[:, 1] = 1 - actions[:, 1]
        assert set(world.step(actions).reward) <= {1, 2}


def test_states_and_pictures_show_the_signal() -> None:
    world, observation = started(probes.Numbered)
    assert set(observation) == {0, 1}
    assert (world.step(observation).reward == 1).all()
    painted = probes.Painted(1, 64)
    pictures = painted.reset(lane_seeds(0, "train", 64))
    actions = (pictures[:, 0, 0, 0] > 0).astype(np.int64)
    assert (painted.step(actions).reward == 1).all()


def test_truncated_forever_is_never_terminated() -> None:
    world, _ = started(probes.TruncatedForever, 1)
    steps = [world.step(np.zeros(1, np.int64)) for _ in range(10)]
    assert [bool(step.truncated[0]) for step in steps] == [False, False, False, False, True] * 2
    assert not any(step.terminated[0] for step in steps)
    assert {float(step.reward[0]) for step in steps} == {1.0}
