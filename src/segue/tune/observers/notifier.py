"""Notifications that a sweep has ended, or that it stalls, by a webhook or a command."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from segue.base.strict_json import to_json
from segue.base.text import printable
from segue.store.secrets import HIDDEN
from segue.tune.code.provenance import NOTIFY
from segue.tune.failures import one_line
from segue.tune.observers.board import Board
from segue.tune.study.trial_summary import summary_of
from segue.tune.verdicts import Verdicts

Event = Literal[
    "done",
    "interrupted",
    "out_of_time",
    "disk_full",
    "store_unavailable",
    "ray_died",
    "broken",
    "stalled",
]
SECONDS = 10.0


def check_notify(target: str) -> None:
    """Raise ValueError, in one sentence, for a target that is neither a URL nor a command."""
    if not target.strip() or target == HIDDEN:
        raise ValueError(f"{NOTIFY} is {target!r}: give an http(s) URL or a shell command.")
    if not _is_url(target) and "://" in target.split()[0]:
        raise ValueError(
            f"{NOTIFY} takes a URL of http or https, or a shell command, not"
            f" {urlsplit(target).scheme}://."
        )


@dataclass(frozen=True)
class Delivery:
    """A notification on its way: the thread that delivers it, and until when."""

    thread: threading.Thread
    deadline: float


class Notifier:
    """Notifies `target` about a sweep; a target of None is never notified.

    A URL receives the notification as JSON. A shell command reads it from its standard input, and
    has SEGUE_EVENT, SEGUE_RUN and SEGUE_MESSAGE in its environment. A delivery takes at most
    `seconds`, and its failure is printed and ends nothing.
    """

    def __init__(
        self, target: str | None, name: str, run: Path, board: Board, seconds: float = SECONDS
    ) -> None:
        self._target = target
        self._name = name
        self._run = run
        self._board = board
        self._seconds = seconds
        self._deliveries: list[Delivery] = []

    @contextmanager
    def telling(self, ending: Callable[[], tuple[Event, str]]) -> Iterator[None]:
        """Notify how the block ended: as `ending` returns, or that an exception broke it.

        A ValueError is a refusal, which is shown to the person who started the sweep.
        """
        try:
            yield
        except ValueError:
            raise
        except Exception as error:
            cause = one_line(error.__cause__ or error)
            self.send("broken", f"It failed ({cause}); finished work is stored and can be resumed.")
            raise
        else:
            self.send(*ending())
        finally:
            self.wait()

    def send(self, event: Event, message: str) -> None:
        """Send a notification, without waiting for it."""
        if self._target is None:
            return
        run = str(self._run.absolute())
        notification = notification_of(event, message, self._board, self._name, run)
        thread = threading.Thread(
            target=self._deliver, args=(self._target, notification), daemon=True
        )
        thread.start()
        self._deliveries.append(Delivery(thread, time.monotonic() + self._seconds))

    def wait(self) -> None:
        """Wait for the notifications on their way, each until its deadline."""
        for delivery in self._deliveries:
            delivery.thread.join(max(delivery.deadline - time.monotonic(), 0.0))
            if delivery.thread.is_alive():
                _print_failure(f"no response within {self._seconds:g} s")
        self._deliveries.clear()

    def _deliver(self, target: str, notification: Mapping[str, Any]) -> None:
        deliver = _post if _is_url(target) else _execute
        try:
            deliver(target, notification, 0.9 * self._seconds)
        except Exception as error:  # whatever a network or a command may do
            _print_failure(_without(target, one_line(error)))


def notification_of(
    event: Event, message: str, board: Board, name: str, run: str
) -> dict[str, Any]:
    """Return the content of a notification.

    `text` repeats the message under the name that chat services look for.
    """
    return {
        "event": event,
        "run": run,
        "name": name,
        "message": message,
        "text": f"{name}: {message}",
        "counts": dict(board.counts),
        "best": best_of(board),
    }


def best_of(board: Board) -> dict[str, Any] | None:
    """Return the best trial that ran to its end, with its parameters; None if there is none."""
    best = board.best
    if best is None:
        return None
    return {
        "trial": best.number,
        "metric": board.sweep.metric,
        "value": best.values[0],
        "parameters": dict(summary_of(board.record, board.sweep, best.number).parameters),
    }


def ending_of(
    board: Board, interrupted_by: int | None, late: bool, verdicts: Verdicts
) -> tuple[Event, str]:
    """Return how a run ended, as an event and a sentence.

    `interrupted_by` is the number of a signal; `late` is true if the run's time was over.
    """
    done = f"{board.done} of {board.total} trials are done"
    resume = "and the same command resumes it"
    if interrupted_by is not None:
        name = signal.Signals(interrupted_by).name
        return "interrupted", f"{name} interrupted it; {done}, {resume}."
    if verdicts.out_of_disk is not None:
        return "disk_full", f"The disk is full; {done}, {resume} when it has space."
    if verdicts.store_unavailable is not None:
        return "store_unavailable", f"The run's store is unavailable; {done}, {resume}."
    if verdicts.ray_died is not None:
        return "ray_died", f"Ray has died on the driver's machine; {done}, {resume}."
    if verdicts.space_failed is not None:
        return "broken", f"{verdicts.space_failed.rstrip('.')}; {done}."
    if late:
        return "out_of_time", f"The time for this run is over; {done}, {resume}."
    best = best_of(board)
    if best is None:
        return "done", f"It has ended, but no trial ran to its end; {done}."
    value = f"{best['metric']} {best['value']:.4g}"
    return "done", f"It has ended; {done}. The best is trial {best['trial']}, {value}."


def _post(url: str, notification: Mapping[str, Any], seconds: float) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "segue"}
    request = urllib.request.Request(url, to_json(notification).encode(), headers)
    urllib.request.urlopen(request, timeout=seconds).close()


def _execute(command: str, notification: Mapping[str, Any], seconds: float) -> None:
    environment = {
        f"SEGUE_{name.upper()}": str(notification[name]) for name in ("event", "run", "message")
    }
    # In memory, since the disk may be full.
    with open(os.memfd_create("stderr"), "w+b") as stderr:  # noqa: PTH123
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env={**os.environ, **environment},
            start_new_session=True,  # a group of its own, to be ended with all that it started
        )
        try:
            process.communicate(to_json(notification).encode(), timeout=seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            stderr.seek(0)
            last = stderr.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(": ".join([f"the command ended with {process.returncode}", *last]))


def _without(target: str, message: str) -> str:
    """Return a message on one line, without the target, which may hold a password."""
    return " ".join(message.replace(target, HIDDEN).split())


def _print_failure(reason: str) -> None:
    print(printable(f"The notification was not delivered ({reason})."), file=sys.stderr)


def _is_url(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))
