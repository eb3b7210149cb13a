"""Choose the distribution over actions for an action space."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from gymnasium import spaces

from segue.base.checks import is_number
from segue.train.policies.heads.bernoulli import Bernoulli
from segue.train.policies.heads.categorical import Categorical, MultiCategorical
from segue.train.policies.heads.gaussian import Gaussian, StateGaussian
from segue.train.policies.heads.head import Head
from segue.train.policies.heads.squashed import Squashed


@dataclass(frozen=True, kw_only=True)
class ContinuousActions:
    """How policies choose continuous actions (a Box); their base class.

    Attributes:
        log_std_init: Logarithm of the initial standard deviation of actions.
        state_dependent_std: Whether the network returns the standard deviations as well, instead of
            one free parameter for each dimension.
        squash_output: Whether a hyperbolic tangent confines the actions to the bounds of the action
            space, instead of the world clipping them.
    """

    log_std_init: float = 0.0
    state_dependent_std: bool = False
    squash_output: bool = False

    def head_for(self, action_space: spaces.Space[object]) -> Head:
        """Return the distribution for an action space; raise ValueError where there is none."""
        if isinstance(action_space, spaces.Box) and len(action_space.shape) == 1:
            return self._continuous(action_space)
        self._refuse_settings(action_space)
        match action_space:
            case spaces.Discrete():
                return Categorical(int(action_space.n))
            case spaces.MultiDiscrete() if len(action_space.shape) == 1:
                return MultiCategorical(tuple(action_space.nvec.tolist()))
            case spaces.MultiBinary() if len(action_space.shape) == 1:
                return Bernoulli(action_space.shape[0])
        raise ValueError(
            "Actions are Discrete, MultiDiscrete, MultiBinary or a Box of one dimension, and the"
            f" world's are {action_space}."
        )

    def _continuous(self, space: spaces.Box) -> Head:
        given = self.log_std_init
        if not is_number(given):
            raise ValueError(
                f"{self._given('log_std_init')}: it is the logarithm of a standard deviation, such"
                " as 0.0."
            )
        kind = StateGaussian if self.state_dependent_std else Gaussian
        inner = kind(space.shape[0], self.log_std_init)
        if not self.squash_output:
            return inner
        if not np.isfinite([space.low, space.high]).all():
            raise ValueError(
                f"{self._given('squash_output')}: actions are confined to the bounds of the action"
                f" space, and {space} is unbounded: bound it, or leave squash_output out."
            )
        return Squashed(inner, tuple(space.low.tolist()), tuple(space.high.tolist()))

    def _refuse_settings(self, action_space: spaces.Space[object]) -> None:
        for setting in fields(ContinuousActions):
            if getattr(self, setting.name) != setting.default:
                raise ValueError(
                    f"{self._given(setting.name)}: it is for continuous actions (a Box), and the"
                    f" world's are {action_space}: leave it out."
                )

    def _given(self, name: str) -> str:
        return f"{type(self).__name__}({name}={getattr(self, name)!r})"
