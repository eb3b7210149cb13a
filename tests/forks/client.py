"""`python client.py SOCKET ARGUMENTS`: as `python ARGUMENTS`, in a process that is forked.

This process stands for it: it passes signals on, and ends as it ends.
"""

import array
import json
import os
import signal
import socket
import sys
from types import FrameType

SOCKET = "SEGUE_TESTS_FORKS"  # the variable in which workers find the path of the server's socket
# What this process would not survive to pass on is sent to it by another name.
SENT_AS = {signal.SIGKILL: signal.SIGRTMIN, signal.SIGSTOP: signal.SIGRTMIN + 1}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCONT, *SENT_AS.values())


def ask(path: str, arguments: list[str], *, tied: bool) -> tuple[socket.socket, int]:
    """Have a process forked with this one's environment, folder and streams; return its id.

    A tied one is killed when the returned connection is closed.
    """
    environment = os.environ | {SOCKET: path}
    asked = [arguments, tied, environment, os.getcwd()]  # noqa: PTH109  # cheaper than pathlib
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    request = json.dumps(asked).encode() + b"\n"
    streams = array.array("i", [0, 1, 2])
    connection.sendmsg([request[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(request[1:])
    return connection, int(connection.recv(16))


def main() -> None:
    connection, pid = ask(sys.argv[1], sys.argv[2:], tied=True)
    names = {number: name for name, number in SENT_AS.items()}

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(pid, names.get(number, number))

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    code = int(connection.recv(16) or -signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
