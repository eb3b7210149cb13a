"""The state of members of a pack: what their next iteration depends on.

Whether a pack has other members as well does not show in the state of some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from segue.train.members.episodes import EpisodeTotals
from segue.train.packs.pack import Pack
from segue.worlds.side_by_side import restore_world


def state_of(pack: Pack, members: Sequence[int]) -> dict[str, Any]:
    """Return copies of everything that the next iteration of these members depends on."""
    rows = list(members)
    lanes = pack.lanes_of(rows)
    is_whole = len(rows) == pack.members
    return {
        **acting_state_of(pack, rows),
        "optimizer": pack.optimizer.select(rows).state_dict(),
        "generators": [pack.generators[member].state_dict() for member in rows],
        "running": pack.running.select(lanes)._asdict(),
        "observation": pack.observation[rows],
        "memory": pack.memory[rows],
        "world": pack.world.state_dict() if is_whole else pack.world.state_of(lanes),
    }


def acting_state_of(pack: Pack, members: Sequence[int]) -> dict[str, Any]:
    """Return copies of what these members act with: a part of `state_of`."""
    rows = list(members)
    return {
        "parameters": pack.parameters[rows],
        "normalizer": pack.normalizer.select(rows).state_dict(),
    }


def load_state(pack: Pack, state: Mapping[str, Any]) -> None:
    """Restore the state of all members; the next iteration is bit for bit that of theirs."""
    pack.parameters.copy_(state["parameters"])
    pack.optimizer.load_state_dict(state["optimizer"])
    for own, saved in zip(pack.generators, state["generators"], strict=True):
        own.load_state_dict(saved)
    pack.running = EpisodeTotals(**deepcopy(state["running"]))
    pack.observation = state["observation"].copy()
    pack.memory = state["memory"].clone()
    pack.normalizer.load_state_dict(state["normalizer"])
    pack.world = restore_world(pack.world, state["world"])
