"""To which part of a run a file belongs, by its name relative to the run directory."""

from segue.record.layout import CODE, DECISIONS, PREFIXES, TRIALS


def is_definition(name: str) -> bool:
    """Return whether a file of a run directory belongs to the sweep's definition.

    `name` is relative to the directory. The definition is `sweep.json`, the sweep's files, and the
    uncommitted changes of the git repository.
    """
    if "/" in name:
        folder = name.partition("/")[0]
        return folder == CODE or folder.startswith(f"{CODE}-before-")
    return name.startswith(("sweep", "uncommitted-"))


def is_decision(name: str) -> bool:
    """Return whether a file of a run directory records decisions of the driver.

    `name` is relative to the directory.
    """
    return name.startswith(f"{DECISIONS}/")


def is_shared_training(name: str) -> bool:
    """Return whether a file of a run directory is of training that several trials share.

    `name` is relative to the directory.
    """
    return name.startswith(f"{PREFIXES}/")


def is_of_trial(name: str, *files: str) -> bool:
    """Return whether a file of a run directory is one of those `files` of a trial.

    `name` is relative to the directory.

    >>> is_of_trial("trials/0007/events.bin", "events.bin")
    True
    """
    return name.startswith(f"{TRIALS}/") and name.endswith(tuple(f"/{file}" for file in files))
