"""`segue cluster check`: check a cluster file before it starts machines."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.shared.arguments import as_place


def check(
    file: Annotated[
        Path,
        typer.Argument(
            help="Cluster file for `ray up` or KubeRay, such as cluster.yaml.", callback=as_place
        ),
    ],
) -> int:
    """Check a cluster file: its keys, Ray's own validation, and who could connect."""
    from segue.tune.cluster.file import check_cluster_file

    check_cluster_file(file)
    print(f"{file} is valid.")
    return 0
