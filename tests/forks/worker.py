"""The program with which a Ray of the tests starts a worker: it has one forked, and ends.

In place of Ray's `setup_worker.py`, and of the `default_worker.py` that is the former's argument.
"""

import os
import sys

if __name__ == "__main__":
    from client import SOCKET, ask  # beside this file, which is run by its path

    ask(os.environ[SOCKET], sys.argv, tied=False)
