"""Whether the Ray that this process has started on this machine is still alive."""

import ray

# Without one of these, no trial can run or report. Ray's others only watch and log.
_ESSENTIAL = ("raylet", "gcs_server")


def dead_process() -> str | None:
    """Return the name of an essential process of this machine's Ray that has died, or None.

    The kernel kills the largest processes when memory runs out, and Ray does not start its own
    again. None while this process uses the Ray of a cluster, which it has not started.
    """
    node = ray._private.worker._global_node
    dead = {kind for kind, _ in node.dead_processes()} if node is not None else set()
    return next((name for name in _ESSENTIAL if name in dead), None)
