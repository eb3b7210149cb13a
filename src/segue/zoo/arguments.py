"""The arguments of a sweep that follow from an entry of the zoo, as text of Python."""

from collections.abc import Iterator, Mapping
from typing import Any

from segue.zoo.entry import Schedule, ZooEntry

_ACTIVATIONS = ("Tanh", "ReLU", "ELU", "SiLU", "GELU")
_POLICY_KWARGS = ("activation_fn", "log_std_init", "net_arch", "ortho_init", "squash_output")
_WIDTHS = [64, 64]  # of Stable-Baselines3's perceptrons
_NORMALIZE = {
    "norm_obs": "normalize_observation",
    "norm_reward": "normalize_reward",
    "clip_obs": "clip_observation",
    "clip_reward": "clip_reward",
}
_NO_COUNTERPART = "has no counterpart here"


def number_text(value: float) -> str:
    """Return a number as Python writes it, with underscores in long whole ones.

    >>> number_text(1_000_000.0), number_text(2.5e-4), number_text(0.0)
    ('1_000_000', '0.00025', '0.0')
    """
    is_large = float(value).is_integer() and abs(value) >= 1_000
    return f"{int(value):_}" if is_large or isinstance(value, int) else repr(float(value))


def loss(entry: ZooEntry) -> str:
    """Return the loss on lines of its own; its value loss is half of Stable-Baselines3's."""
    given = {
        "clip_param": number_text(entry.clip_range.value),
        "value_loss_coef": number_text(2 * entry.vf_coef),
        "entropy_coef": number_text(entry.ent_coef),
        "use_clipped_value_loss": "False",
        "clip_decay": "LinearDecay(STEPS)" if entry.clip_range.is_linear else None,
        "normalize_advantage": None if entry.normalize_advantage else "False",
        "target_kl": None if entry.target_kl is None else number_text(entry.target_kl),
    }
    lines = [f"{' ' * 16}{name}={value},\n" for name, value in given.items() if value]
    return f"PPO(\n{''.join(lines)}{' ' * 12})"


def schedule(rate: Schedule) -> str | None:
    """Return the schedule of the learning rate, if it has one."""
    if not rate.is_linear:
        return None
    return 'Builder(LambdaLR, {"lr_lambda": LinearDecay(STEPS)})'


def world(entry: ZooEntry, name: str) -> str:
    """Return the world: its name, or a `World` where there is more to say.

    Wrappers need the environment of Gymnasium, also where there is an array program of its name.
    """
    normalization = {
        ours: entry.normalize[name]
        for name, ours in _NORMALIZE.items()
        if (name in entry.normalize)
    }
    given = {
        "kwargs": repr(dict(entry.env_kwargs)) if entry.env_kwargs else None,
        "wrappers": _wrappers(entry),
        "frame_stack": str(entry.frame_stack) if entry.frame_stack > 1 else None,
        **{name: repr(value) for name, value in normalization.items() if value is not False},
    }
    if not any(given.values()):
        return f'"{name}"'
    is_bare = bool(entry.env_wrapper) and "/" not in name
    prefix = "gym/" if is_bare else ""
    return call("World", given, f'"{prefix}{name}"')


def policy(entry: ZooEntry) -> str:
    """Return the policy of an entry."""
    given = entry.policy_kwargs
    activation = str(given.get("activation_fn", "Tanh"))
    actor, critic = _layers(given.get("net_arch"))
    shared = {
        "ortho_init": "False" if given.get("ortho_init") is False else None,
        "log_std_init": number_text(given["log_std_init"]) if "log_std_init" in given else None,
        "squash_output": "True" if given.get("squash_output") else None,
    }
    named = f'"{activation.lower()}"' if activation in _ACTIVATIONS else '"tanh"'
    if entry.policy == "CnnPolicy":
        own = {"actor": _tuple(actor), "critic": _tuple(critic)} if "net_arch" in given else {}
        return call("Network", {"hidden": "()", **own, "activation": named, **shared})
    if entry.policy != "MlpPolicy":
        raise ValueError(
            f"policy is {entry.policy!r}: only MlpPolicy and CnnPolicy are translated."
        )
    if actor == critic:
        return call("Mlp", {"activation": named, **shared}, _tuple(actor))
    apart = {"actor": _tuple(actor), "critic": _tuple(critic), "shared": "False"}
    return call("Network", {"hidden": "()", **apart, "activation": named, **shared})


def remarks(entry: ZooEntry) -> Iterator[str]:
    """Yield a sentence for each setting that the sweep does not have."""
    for name, value in entry.unread.items():
        yield f"{name}={value!r} {_NO_COUNTERPART}."
    for name, value in entry.policy_kwargs.items():
        if name not in _POLICY_KWARGS:
            yield f"policy_kwargs: {name}={value!r} {_NO_COUNTERPART}."
    activation = entry.policy_kwargs.get("activation_fn", "Tanh")
    if activation not in _ACTIVATIONS:
        yield f"policy_kwargs: activation_fn={activation} {_NO_COUNTERPART}: it is Tanh."
    for name in sorted(entry.normalize.keys() - _NORMALIZE.keys()):
        yield f"normalize: {name}={entry.normalize[name]!r} {_NO_COUNTERPART}."
    if entry.n_envs * entry.n_steps % entry.batch_size:
        yield (
            f"batch_size={entry.batch_size} does not divide a rollout of"
            f" {entry.n_envs * entry.n_steps} samples: minibatches have another size."
        )


def call(name: str, keywords: Mapping[str, str | None], *positional: str) -> str:
    """Return a call, without the keywords that are None.

    >>> call("f", {"a": "1", "b": None}, "x")
    'f(x, a=1)'
    """
    named = [f"{key}={value}" for key, value in keywords.items() if value is not None]
    return f"{name}({', '.join([*positional, *named])})"


def wrapper_imports(entry: ZooEntry) -> list[str]:
    """Return the lines that import the wrappers."""
    found = []
    for dotted in entry.env_wrapper:
        module, _, name = dotted.rpartition(".")
        found.append(f"from {module} import {name}")
    return found


def _wrappers(entry: ZooEntry) -> str | None:
    each = [
        call("partial", {name: repr(value) for name, value in arguments.items()}, last)
        if arguments
        else last
        for last, arguments in (
            (dotted.rpartition(".")[2], given) for dotted, given in entry.env_wrapper.items()
        )
    ]
    return f"[{', '.join(each)}]" if each else None


def _layers(net_arch: Any) -> tuple[list[int], list[int]]:
    """Return the widths of the actor's and of the critic's layers."""
    if isinstance(net_arch, list) and len(net_arch) == 1 and isinstance(net_arch[0], dict):
        net_arch = net_arch[0]  # as Stable-Baselines3 before 1.8 wrote it
    if net_arch is None:
        return _WIDTHS, _WIDTHS
    if isinstance(net_arch, dict):
        return list(net_arch.get("pi", [])), list(net_arch.get("vf", []))
    if isinstance(net_arch, list) and all(isinstance(width, int) for width in net_arch):
        return net_arch, net_arch
    raise ValueError(
        f"policy_kwargs: net_arch={net_arch!r} is neither a list of widths nor dict(pi=...,"
        " vf=...)."
    )


def _tuple(widths: list[int]) -> str:
    return repr(tuple(widths))
