"""Telling somebody who is not looking that a sweep has ended, or that it stalls: by a webhook or a
command.
"""

import json
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

from segue.store.secrets import HIDDEN
from segue.tune.failures import one_line
from segue.tune.observers.board import Board
from segue.tune.run.provenance import NOTIFY
from segue.tune.study.trial_facts import facts_of
from segue.tune.verdicts import Verdicts

Event = Literal[
    "done", "interrupted", "out_of_time", "disk_full", "out_of_reach", "broken", "stalled"
]
SECONDS = 10.0


def check_notify(target: str) -> None:
    """Raise ValueError, in one sentence, for what is neither a URL nor a command."""
    if not target.strip() or target == HIDDEN:
        raise ValueError(f"{NOTIFY} is {target!r}: give an http(s) URL or a shell command.")
    if not _is_url(target) and "://" in target.split()[0]:
        raise ValueError(
            f"{NOTIFY} takes a URL of http or https, or a shell command, not"
            f" {urlsplit(target).scheme}://."
        )


@dataclass(frozen=True)
class Sent:
    """A notice on its way, and what it takes to see it through."""

    thread: threading.Thread
    deadline: float


class Notifier:
    """Tells `target` about a sweep: nobody where it is None. It takes at most SECONDS, and never
    breaks anything.

    A URL is sent the notice as JSON; a shell command reads it from its standard input, and has
    SEGUE_EVENT, SEGUE_RUN and SEGUE_MESSAGE in its environment.
    """

    def __init__(
        self, target: str | None, name: str, run: Path, board: Board, seconds: float = SECONDS
    ) -> None:
        self._target, self._name, self._run, self._board, self._seconds = (
            target,
            name,
            run,
            board,
            seconds,
        )
        self._sent: list[Sent] = []

    @contextmanager
    def telling(self, ending: Callable[[], tuple[Event, str]]) -> Iterator[None]:
        """Tell how the block ended: as `ending` says, or that it broke. A refusal is told by
        whoever started it.
        """
        try:
            yield
        except ValueError:
            raise
        except Exception as error:
            cause = one_line(error.__cause__ or error)
            self.send("broken", f"It broke ({cause}); what is done is kept, and can be continued.")
            raise
        else:
            self.send(*ending())
        finally:
            self.wait()

    def send(self, event: Event, message: str) -> None:
        """Send a notice, without waiting for it."""
        if self._target is not None:
            notice = notice_of(event, message, self._board, self._name, str(self._run.absolute()))
            thread = threading.Thread(
                target=self._deliver, args=(self._target, notice), daemon=True
            )
            thread.start()
            self._sent.append(Sent(thread, time.monotonic() + self._seconds))

    def wait(self) -> None:
        """Wait for the notices on their way, each until its time is over."""
        for sent in self._sent:
            sent.thread.join(max(sent.deadline - time.monotonic(), 0.0))
            if sent.thread.is_alive():
                _complain(f"no answer within {self._seconds:g} s")
        self._sent.clear()

    def _deliver(self, target: str, notice: Mapping[str, Any]) -> None:
        try:
            (_post if _is_url(target) else _execute)(target, notice, 0.9 * self._seconds)
        except Exception as error:  # whatever a network or a command may do
            _complain(_without(target, one_line(error)))


def notice_of(event: Event, message: str, board: Board, name: str, run: str) -> dict[str, Any]:
    """What is sent. `text` is the message once more, under the name that chat services look for."""
    text = f"{name}: {message}"
    notice = {"event": event, "run": run, "name": name, "message": message, "text": text}
    counts = {
        "failed" if state == "fail" else state: count for state, count in board.counts.items()
    }
    return notice | {"counts": counts, "best": best_of(board)}


def best_of(board: Board) -> dict[str, Any] | None:
    """The best trial that ran to its end, with its parameters."""
    found, sweep = board.best, board.sweep
    if found is None:
        return None
    parameters = dict(facts_of(board.record, sweep, found.number).parameters)
    return {
        "trial": found.number,
        "metric": sweep.metric,
        "value": found.values[0],
        "parameters": parameters,
    }


def ending_of(
    board: Board, interrupted_by: int | None, late: bool, verdicts: Verdicts
) -> tuple[Event, str]:
    """How a run ended, as an event and a sentence."""
    done = f"{board.done} of {board.budget.trials} trials are done"
    if interrupted_by is not None:
        return (
            "interrupted",
            (
                f"{signal.Signals(interrupted_by).name} interrupted it; {done}, and it can be"
                " continued."
            ),
        )
    if verdicts.out_of_disk is not None:
        return "disk_full", f"The disk is full; {done}, and it can be continued when there is room."
    if verdicts.out_of_reach is not None:
        return (
            "out_of_reach",
            f"The store of the run is out of reach; {done}, and the same command goes on.",
        )
    if late:
        return (
            "out_of_time",
            f"The time for this run is over; {done}, and the same command goes on.",
        )
    best = best_of(board)
    if best is None:
        return "done", f"It has ended, but no trial ran to its end; {done}."
    return (
        "done",
        (
            f"It has ended; {done}. The best is trial {best['trial']}, {best['metric']}"
            f" {best['value']:.4g}."
        ),
    )


def _post(url: str, notice: Mapping[str, Any], seconds: float) -> None:
    body = json.dumps(notice).encode()
    asked = urllib.request.Request(
        url, body, {"Content-Type": "application/json", "User-Agent": "segue"}
    )
    urllib.request.urlopen(asked, timeout=seconds).close()


def _execute(command: str, notice: Mapping[str, Any], seconds: float) -> None:
    told = {f"SEGUE_{name.upper()}": str(notice[name]) for name in ("event", "run", "message")}
    with open(os.memfd_create("stderr"), "w+b") as said:  # noqa: PTH123  # no disk, which may be full
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, **told},
            start_new_session=True,  # a group of its own, to be ended with all that it started
        )
        try:
            process.communicate(json.dumps(notice).encode(), timeout=seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(": ".join([f"the command ended with {process.returncode}", *last]))


def _without(target: str, said: str) -> str:
    """What was said on one line, without the target, which may hold a password."""
    return " ".join(said.replace(target, HIDDEN).split())


def _complain(said: str) -> None:
    print(f"The notice was not delivered ({said}).", file=sys.stderr)


def _is_url(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))
