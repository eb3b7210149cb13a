"""`segue cluster check`: is a cluster file right, before machines are started by it?"""

from pathlib import Path
from typing import Annotated

import typer


def check(
    file: Annotated[Path, typer.Argument(help="Such as cluster.yaml, for `ray up` or KubeRay.")],
) -> int:
    """Check a cluster file: its keys, what Ray's own validator says, and whether the cluster would
    stand open.
    """
    from segue.tune.cluster.file import check_cluster_file

    check_cluster_file(file)
    print(f"{file} is right.")
    return 0
