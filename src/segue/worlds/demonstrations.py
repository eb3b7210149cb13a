"""Demonstrations: whole episodes of an expert, recorded into a file that is safe to read.

A file is numpy's `.npz` without pickled objects: arrays, and a JSON text that describes them. It
contains a digest of both, which is checked when it is read.

Shapes: S steps of all episodes, one after the other; L lanes that record side by side.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segue.base.files import write_atomic
from segue.worlds.registry import as_world, make_world
from segue.worlds.seeds import lane_seeds, stream
from segue.worlds.world import WITH_EXPERTS, AnyWorld, VectorWorld

FORMAT = 1
_ARRAYS = ("observation", "action", "reward", "begins")


@dataclass(frozen=True, eq=False)
class Recording:
    """The observations, actions and rewards of an expert's episodes."""

    observation: NDArray[Any]
    """[S, ...] The world's observation before each step."""
    action: NDArray[Any]
    """[S] or [S, A] The expert's action in each step."""
    reward: NDArray[np.float32]
    """[S] The reward of each step."""
    begins: NDArray[np.bool_]
    """[S] Whether an episode begins with this step."""
    about: Mapping[str, Any]
    """World, seed, episodes, steps, means over episodes, and dropped episodes, as JSON can hold."""

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in _ARRAYS}
        if len(lengths) != 1 or not lengths.pop() or not self.begins[0]:
            raise ValueError(
                "A recording needs equally many observations, actions, rewards and begins, and its"
                " first step must begin an episode."
            )

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the arrays and their description, as 64 hex digits."""
        digest = sha256(json.dumps(self.about, sort_keys=True).encode())
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def record_episodes(
    world: AnyWorld,
    episodes: int,
    seed: int,
    *,
    lanes: int = 16,
    success_only: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Recording:
    """Return `episodes` whole episodes of the world's expert.

    Equal seeds and lanes give equal recordings. Every lane records as many episodes, so that short
    ones are not preferred. An episode in which the expert had no action in some step is dropped
    and replaced; with `success_only`, also one without success. `on_progress` receives the number
    of episodes recorded so far.

    Raises ValueError for a world without an expert, for a world without the metric `success` if
    `success_only`, and when too many episodes are dropped.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}.")
    made = make_world(world, 1, min(lanes, episodes))
    try:
        if not made.has_expert:
            raise ValueError(
                f"The world {world!r} has no expert: choose a world with one, such as"
                f" {WITH_EXPERTS}."
            )
        if success_only and "success" not in made.metrics:
            raise ValueError(
                f"The world {world!r} has no metric 'success': record without --success-only."
            )
        recorder = _Recorder(made, episodes, success_only)
        recorder.play(_seeds(seed, made.lanes), on_progress)
    finally:
        made.close()
    name = as_world(world).name
    return recorder.recording(
        {"world": name, "seed": seed, "lanes": made.lanes, "success_only": success_only}
    )


def _seeds(seed: int, lanes: int) -> NDArray[np.uint64]:
    """Return lane seeds of the use "train" that no member trains on."""
    own = int(stream(seed, "demonstrations").generate_state(1)[0])
    return lane_seeds(own, "train", lanes)


def write_recording(path: Path, recording: Recording) -> None:
    """Write the file atomically, and make the folders above it. Raises OSError."""
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

    Raises ValueError, naming the file, when it does not exist, is damaged, or is not a recording.
    """
    if not path.is_file():
        raise ValueError(
            f"There is no demonstration file {path}: make one with `segue record WORLD --out"
            f" {path}`."
        )
    try:
        recording = _parsed(path.read_bytes())
    except Exception as error:  # a damaged header may cause any error of zipfile, numpy and json
        raise _damaged(path) from error
    if recording is None:
        raise ValueError(
            f"The demonstration file {path} was written by a newer version of Segue: read it with"
            " that version."
        )
    return recording


def _parsed(content: bytes) -> Recording | None:
    """Return the recording in a file's bytes; None for a newer format. Raises for damaged bytes."""
    with np.load(io.BytesIO(content), allow_pickle=False) as entries:
        header = json.loads(str(entries["about"]))
        if header["format"] > FORMAT:
            return None
        arrays = {name: entries[name] for name in _ARRAYS}
        recording = Recording(**arrays, about=dict(header["about"]))
    if recording.digest != header["digest"]:
        raise ValueError("The digest does not match the content.")
    return recording


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"{path} is damaged or not a demonstration file: record it again with `segue record"
        f" WORLD --out {path}`."
    )


_Episode: TypeAlias = list[tuple[Any, Any, float]]
"""Observation, action and reward of each step."""


class _Recorder:
    """Plays the expert and collects each lane's episodes."""

    def __init__(self, world: VectorWorld, episodes: int, success_only: bool) -> None:
        self._world = world
        self._success_only = success_only
        share, rest = divmod(episodes, world.lanes)
        self._wanted = np.array([share + (lane < rest) for lane in range(world.lanes)])
        self._finished: list[list[_Episode]] = [[] for _ in range(world.lanes)]
        self._running: list[_Episode] = [[] for _ in range(world.lanes)]
        self._known = np.ones(world.lanes, np.bool_)
        self._metrics: list[dict[str, float]] = []
        self.dropped = 0

    def play(self, seeds: NDArray[np.uint64], on_progress: Callable[[int], None]) -> None:
        observation = self._world.reset(seeds)
        while any(
            len(episodes) < wanted
            for episodes, wanted in zip(self._finished, self._wanted, strict=True)
        ):
            advice = self._world.expert()
            self._known &= advice.available
            observed = observation.copy()
            action = np.array(advice.action)
            step = self._world.step(action)
            for lane, reward in enumerate(step.reward.tolist()):
                self._running[lane].append((observed[lane], action[lane], reward))
            for place, lane in enumerate(step.ended.tolist()):
                self._end(lane, {name: float(values[place]) for name, values in step.info.items()})
            if step.ended.size:
                on_progress(sum(map(len, self._finished)))
            observation = step.observation

    def recording(self, about: Mapping[str, Any]) -> Recording:
        episodes = [episode for finished in self._finished for episode in finished]
        steps = [step for episode in episodes for step in episode]
        observation, action, reward = (np.array(column) for column in zip(*steps, strict=True))
        lengths = [len(episode) for episode in episodes]
        begins = np.zeros(len(steps), np.bool_)
        begins[np.cumsum([0, *lengths[:-1]])] = True
        means = {
            name: float(np.mean([one[name] for one in self._metrics]))
            for name in self._world.metrics
        }
        description = {
            **about,
            "episodes": len(episodes),
            "steps": len(steps),
            "dropped": self.dropped,
            "return": float(reward.sum() / len(episodes)),
            "length": float(np.mean(lengths)),
            **means,
        }
        return Recording(observation, action, reward.astype(np.float32), begins, description)

    def _end(self, lane: int, metrics: dict[str, float]) -> None:
        episode = self._running[lane]
        self._running[lane] = []
        is_known = self._known[lane]
        self._known[lane] = True
        if len(self._finished[lane]) == self._wanted[lane]:
            return
        if is_known and (metrics["success"] > 0 if self._success_only else True):
            self._finished[lane].append(episode)
            self._metrics.append(metrics)
            return
        self.dropped += 1
        if self.dropped > 100 + 10 * int(self._wanted.sum()):
            raise ValueError(
                f"The expert gave up or failed in {self.dropped:,} episodes and only"
                f" {len(self._metrics):,} could be recorded: record without --success-only, or"
                " choose a level that the expert solves."
            )
