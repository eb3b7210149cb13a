"""Send the objects of a user's code to workers, with what these need to unpickle and use them."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
from ray import cloudpickle

from segue.plan.values.source import remember_source, remembered_sources
from segue.worlds.registrations import registered_environments, restore_environments


@dataclass(frozen=True)
class Parcel:
    """Pickled values, and the state of the driver that their code relies on.

    A worker that opens it first searches the driver's folders for modules, after all others, and
    registers the environments that the driver's code registered. It knows the sources of the user's
    code, so that descriptions are equal in driver and worker. Objects keep their identity within
    a parcel: a function is the same object in a search space and where the pipeline function reads
    it.
    """

    content: bytes
    folders: Sequence[str]
    sources: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, *values: object) -> "Parcel":
        """Return a parcel of the values; raise what pickling them raises."""
        folders = tuple(os.path.abspath(folder) for folder in sys.path)  # noqa: PTH100  # "" too
        return cls(
            cloudpickle.dumps((values, registered_environments())), folders, remembered_sources()
        )

    def open(self) -> Any:
        """Return the values as a tuple, as new objects."""
        sys.path.extend(folder for folder in self.folders if folder not in sys.path)
        for file, texts in self.sources.items():
            remember_source(file, *texts)
        values: tuple[Any, ...]
        environments: Sequence[gymnasium.envs.registration.EnvSpec]
        values, environments = cloudpickle.loads(self.content)
        restore_environments(environments)
        return values
