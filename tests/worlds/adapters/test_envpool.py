"""EnvPool's environments as worlds."""

import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from segue.plan.sweeps.evaluation import Evaluation
from segue.train import Network, TrialSpec, run_trial
from segue.worlds import lane_seeds, make_world, world_spec
from segue.worlds.adapters.envpool import EnvPoolWorld
from segue.worlds.adapters.missions import SHORT, word_numbers
from segue.worlds.adapters.spaces import fields
from tests.train.support.pipelines import ROLLOUT, pipeline, stage
from tests.worlds.conformance import WorldConformance, short

pytest.importorskip("envpool", reason="the extra segue[envpool] is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        short(f"envpool/{env_id}")
        for env_id in ("CartPole-v1", "MiniGrid-DoorKey-5x5-v0", "Pendulum-v1", "FrozenLake-v1")
    ],
    ids=lambda world: world.id,
)
class TestEnvPool(WorldConformance):
    pass


def test_a_level_shows_direction_image_and_the_mission_s_words() -> None:
    world = make_world("envpool/BabyAI-GoToObj-v0", 1, 4)
    first = world.reset(lane_seeds(0, "train", 4))
    direction, image, mission = fields(world.single_observation_space)
    assert [part.name for part in (direction, image, mission)] == ["direction", "image", "mission"]
    assert first.dtype == np.uint8 and first.shape == (4, 1 + 147 + SHORT)
    words = first[:, mission.start :]
    starts = [word_numbers(start, 3).tolist() for start in ("go to the", "go to a")]
    assert all(row[:3].tolist() in starts for row in words)
    assert len({tuple(row.tolist()) for row in words}) > 1
    step = world.step(np.zeros(4, np.int64))
    np.testing.assert_array_equal(step.observation[:, mission.start :], words)
    assert world_spec("envpool/BabyAI-GoToObj-v0").metrics == ("success",)
    assert not world.has_expert


def test_spaces_are_those_of_gymnasium() -> None:
    for env_id, space in (("CartPole-v1", Box), ("FrozenLake-v1", Discrete)):
        spec = world_spec(f"envpool/{env_id}")
        bare = gymnasium.make(env_id)
        assert isinstance(spec.single_observation_space, space)
        assert spec.single_action_space == bare.action_space


@pytest.mark.slow
def test_a_trial_is_interrupted_and_resumes(tmp_path: Path) -> None:
    plan = pipeline(stage(steps=6 * ROLLOUT, advance_scene_rollout_period=2), save_interval=ROLLOUT)
    rows: list[float] = []

    def report(row: dict[str, float]) -> None:
        rows.append(row["env_steps"])
        if len(rows) == 3:
            raise InterruptedError

    def run(directory: Path, **changes: object) -> dict[str, object]:
        judge = Evaluation(every=ROLLOUT, episodes=2, max_episode_steps=300)
        world = "envpool/MiniGrid-DoorKey-5x5-v0"
        policy = Network("gru", hidden=8)
        spec = TrialSpec(plan, world, [0, 1], judge, lanes=4, policy=policy)
        return run_trial(spec, directory, **changes)  # type: ignore[arg-type]

    with pytest.raises(InterruptedError):
        run(tmp_path / "trial", report=report)
    again = run(tmp_path / "trial")
    whole = run(tmp_path / "whole")
    assert again == whole


def test_it_is_much_faster_than_the_package() -> None:
    def rate(world: str) -> float:
        made = make_world(world, 1, 64)
        generator = np.random.default_rng(0)
        made.reset(lane_seeds(0, "train", 64))
        began = time.perf_counter()
        for _ in range(30):
            made.step(generator.integers(7, size=64))
        return 30 * 64 / (time.perf_counter() - began)

    assert rate("envpool/BabyAI-GoToObj-v0") > 3 * rate("BabyAI-GoToObj-v0")


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"EnvPool has no environment 'CartPole-v9'"):
        EnvPoolWorld("CartPole-v9", 1, 1)


def test_without_the_package_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "envpool", None)
    with pytest.raises(
        ValueError,
        match=r"needs EnvPool, which is not installed: run `pip install 'segue\[envpool\]'`",
    ):
        EnvPoolWorld("CartPole-v1", 1, 1)
