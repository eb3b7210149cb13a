"""What a worker and the driver tell each other: reports of trials, and what is next.

A worker reports to Tune, and the driver has replied before `tune.report` returns. The reply is in
the memory of Ray's head node, since Tune itself can only answer whether to continue.
"""

import pickle
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ray import tune
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

from segue.record.row import Row

WORKER = "worker"
"""The name of the worker's index in the configuration that Tune gives it."""
RUN = "run"
"""The name of the identifier of this run of the sweep in the configuration."""
_IDENTIFIER = "message"
_NAMESPACE = b"segue"
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Assignment:
    """A trial assigned to a worker, to begin or to continue: its number and recorded parameters."""

    number: int
    recorded: Mapping[str, Any]
    prefix: str | None = None
    """The key of the training with which the trial begins, if another one has stored it."""
    saved_after: tuple[int, ...] = ()
    """The stages, by index, after which the trial needs a checkpoint, for others to begin with."""


@dataclass(frozen=True)
class Message:
    """What a worker reports."""

    reports: Sequence[tuple[int, Row]] = ()
    """Rows by the number of their trial, in order."""
    is_new: bool = False
    """Whether the worker has just started, and trains nothing."""
    out_of_memory: str = ""
    """Why the worker ends, if its GPU cannot hold its trials together."""
    identifier: str = ""

    def to_result(self) -> dict[str, Any]:
        """Return the message as Tune transports it."""
        return {
            "reports": [[number, row] for number, row in self.reports],
            "is_new": self.is_new,
            "out_of_memory": self.out_of_memory,
            _IDENTIFIER: self.identifier,
        }

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Message":
        """Return the message in a result of Tune."""
        reports = [(number, row) for number, row in result["reports"]]
        return cls(reports, result["is_new"], result["out_of_memory"], result[_IDENTIFIER])


@dataclass
class Reply:
    """What a worker does after its message."""

    stop: list[int] = field(default_factory=list)
    """Trials that leave."""
    decided: list[int] = field(default_factory=list)
    """Trials for whose last report the run directory has decisions."""
    begin: list[Assignment] = field(default_factory=list)
    """Trials to begin, or to continue from their newest checkpoint."""
    finished: bool = False
    """Whether the worker is to end: nothing is left for it."""


class TuneExchange:
    """Sends the messages of a worker to the driver, and returns the driver's replies."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._key = _key(config[RUN], config[WORKER])

    def __call__(self, message: Message) -> Reply:
        """Report a message to Tune and return the reply; Tune raises SystemExit to end a worker.

        Raise RuntimeError if the driver processed the message and there is no reply.
        """
        identifier = secrets.token_hex(8)
        sent = Message(message.reports, message.is_new, message.out_of_memory, identifier)
        tune.report(sent.to_result())
        last = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < last:
            content = _internal_kv_get(self._key, namespace=_NAMESPACE)
            if content is not None:
                answered, reply = pickle.loads(content)
                if answered == identifier:
                    assert isinstance(reply, Reply)
                    return reply
            time.sleep(_POLL_SECONDS)
        raise RuntimeError("The driver did not reply to a report.")


class Replies:
    """The driver's replies to the workers of one run, removed at the end of the block."""

    def __init__(self, workers: int) -> None:
        self.run = secrets.token_hex(8)
        self._workers = workers

    def __enter__(self) -> "Replies":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in range(self._workers):
            _internal_kv_del(_key(self.run, worker), namespace=_NAMESPACE)

    def post(self, worker: int, message: Message, reply: Reply) -> None:
        """Reply to a message of a worker, before Tune returns from its report."""
        content = pickle.dumps((message.identifier, reply))
        _internal_kv_put(_key(self.run, worker), content, namespace=_NAMESPACE)


def _key(run: str, worker: int) -> bytes:
    return f"reply-{run}-{worker}".encode()
