"""Did you mean: near matches for a name that is not known."""

import difflib
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, signature
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_LISTED = 8  # longer lists are cut: an error is one sentence


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about the unknown `name`: the near match, or else what there is to
    choose from.

    >>> f"There is no setting 'gama': {suggestion('gama', ['gamma', 'num_steps'])}"
    "There is no setting 'gama': did you mean 'gamma'?"
    >>> suggestion("x", ["gamma", "num_steps"])
    "choose from 'gamma', 'num_steps'."
    """
    candidates = sorted(set(known))
    if not candidates:
        return "there is none to choose from."
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    if near:
        return f"did you mean {by_folded[near[0]]!r}?"
    listed = ", ".join(repr(candidate) for candidate in candidates[:_LISTED])
    return f"choose from {listed}, ..." if len(candidates) > _LISTED else f"choose from {listed}."


def refuse_misspelt(function: Callable[P, R]) -> Callable[P, R]:
    """Have `function` answer an unknown keyword with the name that was meant (a TypeError, as
    Python's own).

    The signature stays that of `function`, which must not take `**keywords`.
    """
    keywords = [
        p.name
        for p in signature(function).parameters.values()
        if p.kind != Parameter.POSITIONAL_ONLY
    ]
    owner = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs.keys() - set(keywords):
            raise TypeError(f"{owner} takes no {name!r}: {suggestion(name, keywords)}")
        return function(*args, **kwargs)

    return checked
