"""The command line: `segue`, and `python -m sweeps.run` for `segue run`."""

from segue.cli.app import main, segue

__all__ = ["main", "segue"]
