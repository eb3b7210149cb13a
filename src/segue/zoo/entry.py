"""One entry of a file of the zoo: the settings of PPO for an environment."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from segue.base.suggestions import suggestion

_LINEAR = "lin_"
_UNREAD = "unread"


@dataclass(frozen=True)
class Schedule:
    """A value that is constant, or that decreases linearly to zero over the training."""

    value: float
    is_linear: bool = False


@dataclass(frozen=True, kw_only=True)
class ZooEntry:
    """The settings of PPO for an environment, with Stable-Baselines3's defaults."""

    n_timesteps: int
    policy: str = "MlpPolicy"
    n_envs: int = 1
    n_steps: int = 2048
    batch_size: int = 64
    n_epochs: int = 10
    learning_rate: Schedule = Schedule(3e-4)
    clip_range: Schedule = Schedule(0.2)
    gamma: float = 0.99
    gae_lambda: float = 0.95
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    normalize_advantage: bool = True
    target_kl: float | None = None
    frame_stack: int = 1
    normalize: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `VecNormalize`; empty without it."""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    env_wrapper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Keyword arguments of wrappers, by their dotted names, the innermost first."""
    policy_kwargs: Mapping[str, Any] = field(default_factory=dict)
    unread: Mapping[str, Any] = field(default_factory=dict)
    """Settings that Segue has no counterpart of."""


def read_entry(path: Path, name: str) -> ZooEntry:
    """Read the entry of an environment.

    Raise ValueError, in one sentence, for a file that cannot be read, an entry that does not exist,
    and a value that is not of its kind.
    """
    content = _content(path)
    if name not in content:
        raise ValueError(f"{path} has no entry {name!r}: {suggestion(name, map(str, content))}")
    entry = content[name]
    if not isinstance(entry, dict) or "n_timesteps" not in entry:
        raise ValueError(f"The entry {name!r} of {path} has no n_timesteps: it is not one of PPO.")
    try:
        return _entry(entry)
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"The entry {name!r} of {path}: {error}.") from error


def _content(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from error
    except (RecursionError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ValueError(f"{path} is not a YAML file ({problem}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no entries by environment: give a file such as ppo.yml.")
    return content


def _entry(given: Mapping[str, Any]) -> ZooEntry:
    kinds = {each.name: type(each.default) for each in fields(ZooEntry) if each.name != _UNREAD}
    values: dict[str, Any] = {}
    for name in given.keys() & kinds.keys():
        value = given[name]
        reader = _READERS.get(name)
        values[name] = reader(value) if reader else _plain(name, value, kinds[name])
    unread = {str(name): value for name, value in given.items() if name not in kinds}
    return ZooEntry(**values, unread=unread)


def _plain(name: str, value: Any, kind: type) -> Any:
    if kind is str:
        return str(value)
    if kind is bool:
        return _truth(name, value)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {value!r}, which is not a number") from error
    return int(number) if kind is int else number


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, which is neither true nor false")
    return value


def _steps(value: object) -> int:
    steps: int = _plain("n_timesteps", value, int)
    return steps


def _schedule(value: object) -> Schedule:
    text = str(value)
    number = _plain("a schedule", text.removeprefix(_LINEAR), float)
    return Schedule(number, text.startswith(_LINEAR))


def _normalize(value: object) -> dict[str, Any]:
    """Return the arguments of VecNormalize, which stand in a text, or for which True stands."""
    found = ast.literal_eval(value) if isinstance(value, str) else value
    defaults = {"norm_obs": True, "norm_reward": True}
    if isinstance(found, dict):
        return defaults | found
    return defaults if _truth("normalize", found) else {}


def _wrappers(value: object) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in value if isinstance(value, list) else [value] if value else []:
        found |= {name: dict(arguments) for name, arguments in _with_arguments(each).items()}
    return found


def _with_arguments(wrapper: object) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(wrapper, str):
        return {wrapper: {}}
    if isinstance(wrapper, dict) and all(isinstance(each, dict) for each in wrapper.values()):
        return wrapper
    raise ValueError(f"env_wrapper is {wrapper!r}, which is not the name of a wrapper")


def _keywords(value: object) -> dict[str, Any]:
    """Return keyword arguments, which are a mapping or the text of a call of `dict`."""
    if value is None or isinstance(value, dict):
        return dict(value or {})
    found = _literal(ast.parse(str(value).strip(), mode="eval").body)
    if not isinstance(found, dict):
        raise ValueError(f"{value!r} is not a dictionary of keyword arguments")
    return found


def _literal(node: ast.expr) -> Any:
    """Return the value of an expression of literals, calls of `dict`, and names of classes.

    A class, such as `nn.ReLU`, is its last name. Nothing is executed.
    """
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[]):
            return {str(each.arg): _literal(each.value) for each in node.keywords}
        case ast.Dict():
            keys = [ast.literal_eval(key) for key in node.keys if key is not None]
            return dict(zip(keys, map(_literal, node.values), strict=True))
        case ast.List() | ast.Tuple():
            return [_literal(each) for each in node.elts]
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
    return ast.literal_eval(node)


_READERS: Mapping[str, Any] = {
    "n_timesteps": _steps,
    "learning_rate": _schedule,
    "clip_range": _schedule,
    "normalize": _normalize,
    "env_kwargs": _keywords,
    "env_wrapper": _wrappers,
    "policy_kwargs": _keywords,
    "target_kl": lambda value: _plain("target_kl", value, float),
}
