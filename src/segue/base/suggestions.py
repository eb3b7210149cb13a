""" "Did you mean": suggestions of similar names for an unknown one."""

import difflib
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, signature
from typing import ParamSpec, TypeVar

from segue.base.counterparts import ABSENT, is_unused

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

_LIKENESS = 0.65  # of a name that is suggested, from 0 to 1
_MOST_LISTED = 8  # longer lists are cut: an error is one sentence


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about the unknown `name`: the nearest known one, or the choices.

    >>> f"There is no setting 'gama': {suggestion('gama', ['gamma', 'num_steps'])}"
    "There is no setting 'gama': did you mean 'gamma'?"
    >>> suggestion("x", ["gamma", "num_steps"])
    "choose from 'gamma', 'num_steps'."
    """
    candidates = sorted(set(known))
    if not candidates:
        return "there is none to choose from."
    found = nearest(name, candidates)
    if found is not None:
        return f"did you mean {found!r}?"
    listed = ", ".join(repr(candidate) for candidate in candidates[:_MOST_LISTED])
    is_cut = len(candidates) > _MOST_LISTED
    return f"choose from {listed}, ..." if is_cut else f"choose from {listed}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None if none is like it.

    >>> nearest("gama", ["gamma", "num_steps"]), nearest("x", ["gamma", "num_steps"])
    ('gamma', None)
    """
    by_folded_name = {candidate.casefold(): candidate for candidate in sorted(set(known))}
    matches = difflib.get_close_matches(name.casefold(), by_folded_name, n=1, cutoff=_LIKENESS)
    return by_folded_name[matches[0]] if matches else None


def unknown_keyword(
    owner: str, name: str, known: Iterable[str], kind: str | None = None
) -> TypeError:
    """Return the error for a keyword that `owner` does not take, with what to write instead.

    >>> str(unknown_keyword("PPO", "clip_parm", ["clip_param", "entropy_coef"]))
    "PPO takes no 'clip_parm': did you mean 'clip_param'?"
    """
    lacks = f"{owner} has no {kind}" if kind else f"{owner} takes no"
    if name in ABSENT:
        absent = ABSENT[name]
        return TypeError(f"{lacks} {name!r}, unlike {absent.library}: {absent.instead}.")
    return TypeError(f"{lacks} {name!r}: {suggestion(name, known)}")


def refuse_misspelt(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate `function` so that its TypeError for an unknown keyword suggests the nearest one.

    The signature stays that of `function`, which must not take `**keywords`.
    """
    keywords = [
        p.name
        for p in signature(function).parameters.values()
        if p.kind != Parameter.POSITIONAL_ONLY and p.name != "self"
    ]
    owner = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in [name for name in kwargs if name not in keywords]:
            if not is_unused(name, kwargs.pop(name)):
                raise unknown_keyword(owner, name, keywords)
        return function(*args, **kwargs)

    return checked


def refuse_misspelt_fields(cls: C) -> C:
    """Decorate a dataclass so that its TypeError for an unknown field suggests the nearest one."""
    setattr(cls, "__init__", refuse_misspelt(vars(cls)["__init__"]))  # noqa: B010 (mypy)
    return cls
