"""Whether more or less of a metric is better."""

from typing import Literal

Mode = Literal["max", "min"]


def sign_of(mode: Mode) -> int:
    """Return 1 where more is better, -1 where less is: sign * value is then to be maximized."""
    return 1 if mode == "max" else -1
