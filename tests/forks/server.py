"""`python server.py PATH`: fork a process for each request at the socket PATH.

This process has imported what a worker and a command need, but not Ray, which reads its environment
as it is imported. It imports no tests, since a worker could not. It ends when its standard input is
closed.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from functools import partialmethod
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# Without msgpack and psutil, of which Ray has its own.
LIBRARIES = (
    "torch",
    "torch.optim",
    "gymnasium",
    "pandas",
    "pyarrow.fs",
    "optuna",
    "optuna.storages._rdb.models",
    "google.protobuf.message",
    "requests",
    "yaml",
    "jsonschema",
    "fsspec",
    "rich.console",
    "segue.train",
    "segue.store.objects",
)
CHUNK = 1 << 16
WORKER = str(Path(__file__).with_name("worker.py"))


class Request(NamedTuple):
    """What a client asks for, and its standard streams."""

    arguments: list[str]
    tied: bool
    environment: dict[str, str]
    folder: str
    streams: list[int]

    @classmethod
    def read(cls, connection: socket.socket) -> "Request":
        data, streams, _, _ = socket.recv_fds(connection, CHUNK, 3)
        while not data.endswith(b"\n"):
            data += connection.recv(CHUNK)
        return cls(*json.loads(data), streams)


class Server:
    """The socket, the processes that run, and the connections on which their ends are told."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(64)
        self._ends: dict[int, tuple[int, socket.socket]] = {}  # by a descriptor of the process
        self._tied: dict[socket.socket, int] = {}

    def serve(self) -> Request | None:
        """Fork for each request, until standard input is closed.

        Return the request in the fork, and None in this process.
        """
        while True:
            waited_for = [self._socket, sys.stdin, *self._ends, *self._tied]
            ready = select.select(waited_for, [], [])[0]
            if sys.stdin in ready:
                return None
            for client in self._tied.keys() & set(ready):
                os.kill(self._tied.pop(client), signal.SIGKILL)
            for descriptor in self._ends.keys() & set(ready):
                self._tell_end(descriptor)
            if self._socket in ready and (request := self._fork()):
                return request

    def _fork(self) -> Request | None:
        connection, _ = self._socket.accept()
        request = Request.read(connection)
        pid = os.fork()
        if pid == 0:
            for open_one in (
                self._socket,
                connection,
                *(other for _, other in self._ends.values()),
            ):
                open_one.close()
            for descriptor in self._ends:
                os.close(descriptor)
            return request
        for stream in request.streams:
            os.close(stream)
        self._ends[os.pidfd_open(pid)] = (pid, connection)
        if request.tied:
            self._tied[connection] = pid
        connection.sendall(str(pid).encode())
        return None

    def _tell_end(self, descriptor: int) -> None:
        pid, connection = self._ends.pop(descriptor)
        self._tied.pop(connection, None)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        with connection, suppress(OSError):  # the client may have ended
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def become(request: Request) -> None:
    """Take over the streams, the environment and the folder of a request."""
    os.setpgid(0, 0)
    for target, stream in enumerate(request.streams):
        os.dup2(stream, target)
        os.close(stream)
    sys.stdin = open(0)  # noqa: SIM115
    by_line = os.isatty(1) or bool(request.environment.get("PYTHONUNBUFFERED"))
    sys.stdout = open(1, "w", buffering=1 if by_line else -1)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    add_to_path(request.environment.get("PYTHONPATH", ""))


def add_to_path(folders: str) -> None:
    """Import from these folders, too."""
    sys.path[1:1] = [path for path in folders.split(":") if path and path not in sys.path]


def run(arguments: list[str]) -> None:
    """Do what `python ARGUMENTS` does: `-m MODULE ...`, `-c CODE ...`, or the start of a worker."""
    if arguments[0] == "-m":
        fork_workers()
        sys.argv = arguments[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        fork_workers()
        sys.argv = ["-c", *arguments[2:]]
        sys.path[0] = ""
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(arguments[1], main.__dict__)
    else:
        run_worker([argument for argument in arguments if argument != WORKER])


def fork_workers() -> None:
    """Have the workers forked of a Ray that this process starts."""
    from ray._private.parameter import RayParams

    forking = partialmethod(RayParams.__init__, worker_path=WORKER, setup_worker_path=WORKER)
    RayParams.__init__ = forking


def run_worker(arguments: list[str]) -> None:
    """Do what Ray's `setup_worker.py` and `default_worker.py` do, in this process."""
    from ray._private.runtime_env.context import RuntimeEnvContext
    from ray._private.utils import update_envs
    from ray._private.workers import default_worker, setup_worker

    options, others = setup_worker.parser.parse_known_args(arguments)
    context = RuntimeEnvContext.deserialize(options.serialized_runtime_env_context or "{}")
    if context.command_prefix or context.py_executable != sys.executable:
        program = [setup_worker.__file__, default_worker.__file__, *arguments]
        os.execv(sys.executable, [sys.executable, *program])  # as of a job, in a folder of its own
    update_envs(context.env_vars)
    add_to_path(os.environ.get("PYTHONPATH", ""))
    program = default_worker.__file__
    sys.argv = [program, *others]
    sys.path[0] = str(Path(program).parent)
    runpy.run_path(program, run_name="__main__")


def main() -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()
    server = Server(sys.argv[1])
    print("listening", flush=True)
    request = server.serve()
    if request:
        become(request)
        run(request.arguments)


if __name__ == "__main__":
    main()
