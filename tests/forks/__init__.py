"""Processes of Python that are forked from one which has imported the large libraries already.

Imports take three of the four seconds of processor time of a command or of a worker of Ray. A
forked process takes half a second; it is a process of its own all the same, with the arguments,
environment, folder and streams that it was given, and imports Ray for itself.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partialmethod
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pytest
from ray._private.parameter import RayParams

from tests.forks import client

_SERVER = Path(__file__).with_name("server.py")
_CLIENT = str(Path(client.__file__))
_WORKER = str(Path(__file__).with_name("worker.py"))


@contextmanager
def forked_workers() -> Iterator[None]:
    """Have the workers forked of a Ray that is started in this block."""
    _start_server()
    with pytest.MonkeyPatch.context() as patched:
        forking = partialmethod(RayParams.__init__, worker_path=_WORKER, setup_worker_path=_WORKER)
        patched.setattr(RayParams, "__init__", forking)
        yield


def forked_python() -> list[str]:
    """The beginning of a command, in place of `sys.executable`.

    Workers of a Ray that it starts are forked, too.
    """
    return [sys.executable, "-S", _CLIENT, _start_server()]


class Forked(subprocess.Popen[str]):
    """`python ARGUMENTS`, forked; its output is text."""

    def __init__(self, *arguments: str, **keywords: Any) -> None:
        super().__init__([*forked_python(), *arguments], text=True, **keywords)

    def send_signal(self, number: int) -> None:
        super().send_signal(client.SENT_AS.get(number, number))


@cache
def _start_server() -> str:
    """Start the process that forks, once in a process of pytest; return the path of its socket.

    The environment has it, too, where a Ray that starts in this process finds it.
    """
    folder = mkdtemp(prefix="f", dir="/tmp")
    socket = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, str(_SERVER), socket],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(rmtree, folder, ignore_errors=True)
    atexit.register(server.communicate)
    assert server.stdout is not None
    assert server.stdout.readline() == "listening\n"
    os.environ[client.SOCKET] = socket
    return socket
