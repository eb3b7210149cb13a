"""Demonstrations: whole episodes of an expert, recorded into a file that can be read back safely.

A file is numpy's `.npz` without pickled objects: arrays, and a JSON text that says what they are.
It carries a digest of both, which is checked when it is read.

Shapes: S steps of all episodes, one after the other; L lanes that record side by side.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.base.files import write_atomic
from segue.worlds.registry import make_world
from segue.worlds.seeds import lane_seeds, stream
from segue.worlds.world import WITH_EXPERTS, World, WorldFactory

FORMAT = 1
_ARRAYS = ("observation", "action", "reward", "begins")


@dataclass(frozen=True, eq=False)
class Recording:
    """What an expert saw and did."""

    observation: NDArray[Any]
    """[S, ...] as the world shows it."""
    action: NDArray[Any]
    """[S] or [S, A]"""
    reward: NDArray[np.float32]
    """[S]"""
    begins: NDArray[np.bool_]
    """[S] where an episode begins."""
    about: Mapping[str, Any]
    """World, seed, episodes, steps, means over episodes, and how many episodes were dropped; JSON-able."""

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in _ARRAYS}
        if len(lengths) != 1 or not lengths.pop() or not self.begins[0]:
            raise ValueError(
                "A recording has as many observations, actions, rewards and begins, and begins an"
                " episode."
            )

    @cached_property
    def digest(self) -> str:
        """Of the arrays and what is said about them, 64 hex digits."""
        found = sha256(json.dumps(self.about, sort_keys=True).encode())
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            found.update(f"{name} {array.dtype.str} {array.shape}".encode())
            found.update(array.tobytes())
        return found.hexdigest()


def record(
    world: str | WorldFactory,
    episodes: int,
    seed: int,
    *,
    lanes: int = 16,
    success_only: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Recording:
    """Let the world's expert play `episodes` whole episodes; the same ones for the same seed and
    lanes.

    Every lane gives as many, so that short ones are not preferred. An episode in which the expert
    did not know what to do is dropped, with `success_only` also one without success, and replaced.
    `on_progress` hears how many there are.

    Raises ValueError where the world has no expert, where it has no success, and where it drops too
    many.
    """
    if episodes < 1:
        raise ValueError(f"There are {episodes} episodes to record: ask for at least 1.")
    made = make_world(world, 1, min(lanes, episodes))
    try:
        if not made.has_expert:
            raise ValueError(
                f"The world {world!r} has no expert: choose one that has, which are {WITH_EXPERTS}."
            )
        if success_only and "success" not in made.metrics:
            raise ValueError(
                f"The world {world!r} does not say what a success is: record without"
                " --success-only."
            )
        recorder = _Recorder(made, episodes, success_only)
        recorder.play(_seeds(seed, made.lanes), on_progress)
    finally:
        made.close()
    name = (
        world
        if isinstance(world, str)
        else getattr(world, "__qualname__", type(world).__qualname__)
    )
    return recorder.recording(
        {"world": name, "seed": seed, "lanes": made.lanes, "success_only": success_only}
    )


def _seeds(seed: int, lanes: int) -> NDArray[np.uint64]:
    """Seeds of the use "train", but no member's: demonstrations are other episodes than those that
    it trains in.
    """
    own = int(stream(seed, "demonstrations").generate_state(1)[0])
    return lane_seeds(own, "train", lanes)


def write_recording(path: Path, recording: Recording) -> None:
    """Write the file, whole or not at all, and the folders above it. Raises OSError."""
    buffer = io.BytesIO()
    about = json.dumps(
        {"format": FORMAT, "digest": recording.digest, "about": dict(recording.about)}
    )
    arrays = {name: getattr(recording, name) for name in _ARRAYS}
    np.savez_compressed(buffer, about=np.array(about), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())


def read_recording(path: Path) -> Recording:
    """Read a file that `write_recording` wrote; nothing in it is executed.

    Raises ValueError, naming the file, when it does not exist, is damaged, or is something else.
    """
    if not path.is_file():
        raise ValueError(
            f"There is no demonstration file {path}: make one with `segue record WORLD --out"
            f" {path}`."
        )
    try:
        recording = _parsed(path.read_bytes())
    except (
        Exception
    ) as error:  # zip's, numpy's and JSON's own; a damaged header may ask for anything
        raise _damaged(path) from error
    if recording is None:
        raise ValueError(f"The demonstration file {path} is of a newer Segue: read it with that.")
    return recording


def _parsed(content: bytes) -> Recording | None:
    """The recording in a file's bytes; None where it is of a newer format. Raises whatever is wrong
    with them.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as entries:
        told = json.loads(str(entries["about"]))
        if told["format"] > FORMAT:
            return None
        recording = Recording(
            **{name: entries[name] for name in _ARRAYS}, about=dict(told["about"])
        )
    if recording.digest != told["digest"]:
        raise ValueError("The digest is another one.")
    return recording


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"The demonstration file {path} is damaged or none: record it again with `segue record"
        f" WORLD --out {path}`."
    )


class _Recorder:
    """Plays, and keeps each lane's episodes."""

    def __init__(self, world: World, episodes: int, success_only: bool) -> None:
        self._world = world
        self._success_only = success_only
        share, rest = divmod(episodes, world.lanes)
        self._wanted = np.array([share + (lane < rest) for lane in range(world.lanes)])
        self._kept: list[list[list[tuple[Any, Any, float]]]] = [
            [] for _ in range(world.lanes)
        ]  # lane, episode, step
        self._running: list[list[tuple[Any, Any, float]]] = [[] for _ in range(world.lanes)]
        self._known = np.ones(world.lanes, np.bool_)
        self._metrics: list[dict[str, float]] = []
        self.dropped = 0

    def play(self, seeds: NDArray[np.uint64], on_progress: Callable[[int], None]) -> None:
        observation = self._world.reset(seeds)
        while any(
            len(kept) < wanted for kept, wanted in zip(self._kept, self._wanted, strict=True)
        ):
            advice = self._world.expert()
            self._known &= advice.available
            seen = observation.copy()
            action = np.array(advice.action)
            step = self._world.step(action)
            for lane, reward in enumerate(step.reward.tolist()):
                self._running[lane].append((seen[lane], action[lane], reward))
            for place, lane in enumerate(step.ended.tolist()):
                self._end(lane, {name: float(values[place]) for name, values in step.info.items()})
            if step.ended.size:
                on_progress(sum(map(len, self._kept)))
            observation = step.observation

    def recording(self, about: Mapping[str, Any]) -> Recording:
        episodes = [episode for kept in self._kept for episode in kept]
        steps = [step for episode in episodes for step in episode]
        observation, action, reward = (np.array(column) for column in zip(*steps, strict=True))
        lengths = [len(episode) for episode in episodes]
        begins = np.zeros(len(steps), np.bool_)
        begins[np.cumsum([0, *lengths[:-1]])] = True
        means = {
            name: float(np.mean([one[name] for one in self._metrics]))
            for name in self._world.metrics
        }
        told = {
            **about,
            "episodes": len(episodes),
            "steps": len(steps),
            "dropped": self.dropped,
            "return": float(reward.sum() / len(episodes)),
            "length": float(np.mean(lengths)),
            **means,
        }
        return Recording(observation, action, reward.astype(np.float32), begins, told)

    def _end(self, lane: int, metrics: dict[str, float]) -> None:
        episode = self._running[lane]
        self._running[lane] = []
        known = self._known[lane]
        self._known[lane] = True
        if len(self._kept[lane]) == self._wanted[lane]:
            return
        if known and (metrics["success"] > 0 if self._success_only else True):
            self._kept[lane].append(episode)
            self._metrics.append(metrics)
            return
        self.dropped += 1
        if self.dropped > 100 + 10 * int(self._wanted.sum()):
            raise ValueError(
                f"The expert gave up or failed in {self.dropped:,} episodes and only"
                f" {len(self._metrics):,} could be kept: record without --success-only, or choose a"
                " level that the expert knows."
            )
