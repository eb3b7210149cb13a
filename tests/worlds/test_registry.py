"""Worlds by name, and the sentences for those that cannot be had."""

import subprocess
import sys
from typing import Any

import gymnasium
import pytest
from gymnasium.spaces import Discrete

from segue.worlds import (
    CartPole,
    GymnasiumWorld,
    MiniGrid,
    check_world,
    known_worlds,
    make_world,
    registry,
    world_spec,
)
from segue.worlds.array.minigrid.levels import DoorKey
from tests.worlds.probes import ContextualAction


def test_array_programs_go_before_gymnasiums_own() -> None:
    assert isinstance(make_world("CartPole-v1", 2, 3), CartPole)
    assert isinstance(make_world("gym/CartPole-v1", 2, 3), GymnasiumWorld)
    assert isinstance(make_world("Acrobot-v1", 1, 1), GymnasiumWorld)


def test_the_engine_goes_before_the_minigrid_package() -> None:
    world = make_world("MiniGrid-DoorKey-7x7-v0", 2, 3)
    assert isinstance(world, MiniGrid)
    assert world.level == DoorKey(7)
    assert {"PoisonedDoors-v0", "MiniGrid-FourRooms-v0"} <= set(known_worlds())


@pytest.mark.parametrize(
    "world", ["gym/MiniGrid-DoorKey-5x5-v0", "BabyAI-GoToObj-v0", "MiniGrid-Fetch-5x5-N2-v0"]
)
def test_without_the_minigrid_package_its_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, world: str
) -> None:
    monkeypatch.setitem(sys.modules, "minigrid", None)
    with pytest.raises(
        ValueError, match=r"which cannot be imported: install 'segue\[minigrid\]'\."
    ) as refusal:
        make_world(world, 1, 1)
    assert "\n" not in str(refusal.value)


def test_a_callable_is_a_world() -> None:
    assert make_world(ContextualAction, 2, 3).lanes == 6
    assert make_world(lambda members, lanes: CartPole(members, lanes), 2, 3).lanes == 6
    check_world(ContextualAction)


def test_known_worlds_can_be_named() -> None:
    names = known_worlds()
    assert {"CartPole-v1", "Acrobot-v1", "Pendulum-v1"} <= set(names)
    assert names == sorted(names)


def test_a_world_is_described_without_staying_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(ContextualAction, "close", lambda world: closed.append(world))
    spec = world_spec(ContextualAction)
    assert (spec.single_action_space, spec.metrics) == (Discrete(2), ("success",))
    assert len(closed) == 1


def test_a_named_world_is_made_once_for_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = world_spec("MountainCar-v0")
    monkeypatch.setattr(registry, "make_world", None)
    assert world_spec("MountainCar-v0") is spec


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("CartPol-v1", r"no world 'CartPol-v1'.*CartPole-v1"),
        ("gym/Acrobat-v1", r"no world 'gym/Acrobat-v1'.*Acrobot-v1"),
        ("", r"no world ''"),
        ("MiniGrid-LavaCrossingS8N1-v0", "has size 8: choose an odd one"),
        (
            "not_a_package:Maze-v0",
            "registered by the module 'not_a_package', which cannot be imported",
        ),
        ("GymV21Environment-v0", "Gymnasium cannot make the world 'GymV21Environment-v0'"),
    ],
)
def test_unknown_worlds_are_refused_in_one_sentence(world: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        check_world(world)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("module", "advice"),
    [("Box2D", '`pip install "gymnasium[box2d]"`'), ("maze_game", "`pip install maze_game`")],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, advice: str
) -> None:
    def make(*_: Any, **__: Any) -> None:
        try:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        except ModuleNotFoundError as error:
            raise gymnasium.error.DependencyNotInstalled("not installed") from error

    monkeypatch.setattr(gymnasium, "make", make)
    with pytest.raises(
        ValueError, match=f"needs the package {module}, which is not installed"
    ) as refusal:
        make_world("LunarLander-v3", 1, 1)
    assert advice in str(refusal.value)


def test_what_is_not_a_world_is_refused() -> None:
    with pytest.raises(ValueError, match="returned a int: let it return"):
        make_world(lambda members, lanes: 5, 1, 1)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="has 1 lanes for 2 members of 3: let it have 6"):
        make_world(lambda members, lanes: CartPole(1, 1), 2, 3)
    with pytest.raises(ValueError, match="at least 1"):
        make_world("CartPole-v1", 0, 3)


def test_importing_worlds_brings_no_learning_or_tuning() -> None:
    code = (
        "import sys, segue.worlds; print([name for name in ('torch', 'ray', 'optuna') if name in"
        " sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
