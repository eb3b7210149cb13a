"""Worlds that break their contract are found before training, and the sentence names the value."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from segue.worlds import CartPole, check_world, world_spec
from segue.worlds.world import Step
from tests.worlds.probes import Probe

VECTOR = Box(-1, 1, (2,), np.float32)


class Plain(gymnasium.Env[Any, Any]):
    """Keeps to Gymnasium's interface; `broken` replaces what it returns after some steps."""

    action_space = Discrete(2)

    def __init__(self, observation: Any = None, space: Any = VECTOR, **broken: Any) -> None:
        self.observation_space = space
        self.observation = np.zeros(2, np.float32) if observation is None else observation
        self.broken = broken

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.time = 0
        return self.broken.get("reset", (self.observation, {}))

    def step(self, action: Any) -> Any:
        self.time += 1
        parts = {"reward": 1.0, "terminated": self.time >= 10, "truncated": False, "info": {}}
        if self.time == 7:
            parts |= self.broken
        return self.broken.get("step", (self.observation, *parts.values()))[: len(parts) + 1]


class WithoutSeed(Plain):
    def reset(self) -> Any:  # type: ignore[override]
        return self.observation, {}


class Size(Plain):
    def __init__(self, size: int) -> None:
        super().__init__()


class OldStep(Plain):
    def step(self, action: Any) -> Any:
        return super().step(action)[:4]


class Failing(Plain):
    def step(self, action: Any) -> Any:
        raise KeyError("wall")


class GlobalSeed(Plain):
    """As many environments do; numpy's generator refuses seeds of more than 32 bits."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        np.random.seed(seed)
        return super().reset(seed=seed)


@pytest.fixture
def registered() -> Any:
    """Register an environment for one test, and return its id."""
    ids = []

    def register(entry_point: Any, **given: Any) -> str:
        ids.append(f"SegueCheck{len(ids)}-v0")
        gymnasium.register(ids[-1], entry_point, kwargs=given)
        return ids[-1]

    yield register
    for env_id in ids:
        del gymnasium.registry[env_id]


PICTURE = Box(0, 255, (4, 4, 3), np.uint8)
ENTRIES = Dict(place=Discrete(3), speed=VECTOR)


@pytest.mark.parametrize(
    ("environment", "given", "message"),
    [
        (Plain, {"reward": float("nan")}, "step 7 returned the reward nan: return a finite"),
        (Plain, {"reward": None}, "step 7 returned the reward None"),
        (Plain, {"info": None}, r"step 7 returned the info None: return a dictionary"),
        (Plain, {"terminated": None}, "step 7 returned terminated as None: return True or False"),
        (Plain, {"reset": np.zeros(2)}, r"reset returned a ndarray: return \(observation, info\)"),
        (Plain, {"reset": (np.zeros(2), None)}, "reset returned the info None"),
        (OldStep, {}, r"step 1 returned 4 values: return \(observation, reward, terminated, tr"),
        (WithoutSeed, {}, r"reset\(seed=.*unexpected keyword.*define `def reset\(self, \*, seed="),
        (Failing, {}, r"step 1, with the action [01], fails \(KeyError: 'wall'\)"),
        (Size, {}, "cannot make the world .* missing 1 required positional argument: 'size'"),
        (Plain, {"observation": np.zeros(3)}, r"observation of shape \(3,\), but .* shape \(2,\)"),
        (Plain, {"observation": [0.0, float("inf")]}, r"observation \[0.0, inf\]: return finite"),
        (Plain, {"observation": "left"}, "observation 'left': return numbers"),
        (Plain, {"observation": [[0.0], 1.0]}, "return an array of numbers"),
        (Plain, {"observation": np.zeros((4, 4, 3)), "space": PICTURE}, "float64, but .* uint8"),
        (Plain, {"observation": 3, "space": Discrete(3)}, r"observation 3, which is not in"),
        (Plain, {"observation": {"place": 0}, "space": ENTRIES}, "without 'speed'"),
        (Plain, {"observation": {"place": 5, "speed": [0, 0]}, "space": ENTRIES}, "'place' 5,"),
    ],
)
def test_an_environment_that_breaks_gymnasiums_interface_is_named_with_the_value(
    registered: Any, environment: Any, given: dict[str, Any], message: str
) -> None:
    env_id = registered(environment, **given)
    with pytest.raises(ValueError, match=message) as refusal:
        check_world(env_id)
    assert env_id in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        (GlobalSeed, {}),
        (Plain, {"observation": [0, 1]}),
        (Plain, {"terminated": 1}),
        (Plain, {"observation": {"place": 2, "speed": [0, 0]}, "space": ENTRIES}),
        (Plain, {"observation": np.full(2, 9.0)}),  # outside the bounds, as many are
    ],
)
def test_what_can_be_trained_on_is_accepted(
    registered: Any, environment: Any, given: dict[str, Any]
) -> None:
    check_world(registered(environment, **given))


class Changed(Probe):
    """A world with another value in the field `name` of its third step."""

    metrics = ("success",)
    length = 3

    def __init__(self, members: int, lanes: int, name: str, value: Any) -> None:
        super().__init__(members, lanes)
        self.change = {name: value}
        self.calls = 0

    def step(self, actions: Any) -> Step:
        self.calls += 1
        step = super().step(actions)
        return step._replace(**self.change) if self.calls == 3 else step


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("reward", np.array([1, np.nan]), r"Step 3 of the world .* returned the reward array\("),
        ("reward", [1, 1], r"reward \[1, 1\]: return a numpy array of shape \(2,\)"),
        ("observation", np.zeros((2, 2)), r"observation of shape \(2, 2\): return one of .*2, 1"),
        ("truncated", np.zeros(2), "truncated of type float64: return an array of bool"),
        ("ended", np.array([1]), "returned ended=.*the lanes that terminated or were truncated"),
        ("final_observation", np.zeros((1, 1)), "as the final one"),
        ("info", {}, r"info of \[\]: return a value for each name in metrics, \['success'\]"),
    ],
)
def test_a_world_that_breaks_the_protocol_is_named_with_the_value(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        check_world(lambda members, lanes: Changed(members, lanes, name, value))
    assert "\n" not in str(refusal.value)


def test_a_checked_world_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(CartPole, "close", lambda world: closed.append(world))
    check_world("CartPole-v1")
    assert len(closed) == 1


def raising(members: int, lanes: int) -> Any:
    raise RuntimeError("no\n display")


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (lambda width: CartPole(1, width), r"takes \(width\): let it take \(members, lanes\)"),
        (lambda members, lanes, size: CartPole(1, 1), r"takes \(members, lanes, size\)"),
        (raising, r"The world 'raising' fails \(RuntimeError: no display\)\."),
    ],
)
@pytest.mark.parametrize("check", [check_world, world_spec])
def test_a_world_function_that_cannot_be_called_is_named(
    world: Any, message: str, check: Callable[[Any], Any]
) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        check(world)
    assert "\n" not in str(refusal.value)
