"""Segue: hyperparameter sweeps over staged reinforcement-learning pipelines."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue.report.data.loaded import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # When it is asked for: Optuna and pandas take a second to import.
    if name == "load":
        from segue.report.data.loaded import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
