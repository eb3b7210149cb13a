"""A class and the keywords to build it with, as a value."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from segue.plan.values.merge import detached, merged

T_co = TypeVar("T_co", covariant=True)


class Builder(tuple[object, ...], Generic[T_co]):
    """A class, keywords and default keywords; calling it builds a new object.

    A tuple `(class_type, kwargs, default)`. The dictionaries are copied deeply when the builder is
    made and at each call, so neither the caller's dictionaries nor the built objects share mutable
    state with it. Keywords of the call take precedence over `kwargs`, and those over `default`;
    nested dictionaries are merged key by key. Arguments of the call are passed on without a copy
    (an optimizer must receive the parameters themselves).

    Raises TypeError for a `class_type` that cannot be called and for keywords that are not a
    dictionary with string keys.

    >>> Builder(dict, {"lr": 0.1}, default={"lr": 1.0, "eps": 1e-5})(eps=0.5)
    {'lr': 0.1, 'eps': 0.5}
    """

    __slots__ = ()

    def __new__(
        cls,
        class_type: Callable[..., T_co],
        kwargs: Mapping[str, Any] | None = None,
        default: Mapping[str, Any] | None = None,
    ) -> "Builder[T_co]":
        """Make a builder; `kwargs` and `default` may be None for no keywords."""
        if not callable(class_type):
            raise TypeError(f"Builder needs a class to build, got {class_type!r}.")
        return super().__new__(
            cls, (class_type, _keywords("kwargs", kwargs), _keywords("default", default))
        )

    @property
    def class_type(self) -> Callable[..., T_co]:
        """The class or function that is called to build an object."""
        return cast(Callable[..., T_co], self[0])

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keywords, which take precedence over the defaults."""
        return cast(dict[str, Any], self[1])

    @property
    def default(self) -> dict[str, Any]:
        """The default keywords, which `kwargs` and the keywords of a call override."""
        return cast(dict[str, Any], self[2])

    def __call__(self, **kwargs: Any) -> T_co:
        """Build a new object; keywords of this call override `kwargs`, which override `default`."""
        return self.class_type(**merged(detached(merged(self.default, self.kwargs)), kwargs))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(self)

    def __hash__(self) -> int:
        # Values may be unhashable (lists, dictionaries): equal builders have equal classes and
        # keys.
        return hash((self.class_type, *sorted(self.kwargs), *sorted(self.default)))

    def __repr__(self) -> str:
        name = getattr(self.class_type, "__qualname__", repr(self.class_type))
        default = f", default={self.default!r}" if self.default else ""
        return f"Builder({name}, {self.kwargs!r}{default})"


def _keywords(name: str, keywords: Mapping[str, Any] | None) -> dict[str, Any]:
    if keywords is None:
        return {}
    if not isinstance(keywords, Mapping) or not all(isinstance(key, str) for key in keywords):
        raise TypeError(
            f"{name} of a Builder must be a dictionary with string keys, got {keywords!r}."
        )
    return detached(keywords)
