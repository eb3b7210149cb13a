"""Clusters in separate processes, which require a token."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.forks import forked_python

SECONDS = 600
SCRIPT = """
import socket, sys
from ray.cluster_utils import Cluster
with socket.create_server(("", 0)) as free:
    port = free.getsockname()[1]
dashboard = sys.argv[1] == "dashboard"
head = {"num_cpus": 2, "include_dashboard": dashboard, "dashboard_port": 0}
head |= {"dashboard_agent_listen_port": port}
cluster = Cluster(initialize_head=True, head_node_args=head)
print("http://" + cluster.head_node.webui_url if dashboard else cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def guarded(home: Path) -> dict[str, str]:
    """An environment with a new token."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PATH": path,
        "HOME": str(home),
    }
    return os.environ | given


@contextmanager
def a_cluster(environment: dict[str, str], asked: str = "address") -> Iterator[str]:
    """The address of a cluster of one node of two processors, or with "dashboard" that of its
    dashboard.
    """
    with (
        TemporaryDirectory(prefix="s", dir="/tmp", ignore_cleanup_errors=True) as temporary,
        subprocess.Popen(
            [*forked_python(), "-c", SCRIPT, asked],
            env=environment | {"RAY_TMPDIR": temporary},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as cluster,
    ):
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        cluster.communicate(timeout=SECONDS)
