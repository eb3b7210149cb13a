"""The requests of people to a sweep, which its driver reads beside its other work."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from segue.record.layout import REQUESTS
from segue.record.study.steering import SUFFIX, Request, parse_request
from segue.record.validation import read_file
from segue.store.objects import FEW_WAITS, Store
from segue.tune.run.directory import RunDirectory

_SECONDS = 0.5  # between two looks into a folder
_STORE_SECONDS = 5.0  # between two listings of a store


class Inbox:
    """The requests in a run's folder or store, each of which is taken once.

    `say` is called with a sentence on a file that is not a request, which is left as it is.
    """

    def __init__(
        self, run: RunDirectory, say: Callable[[str], None] = lambda message: None
    ) -> None:
        self._folder = run.requests
        self._store = _requests_of(run.store) if run.store else None
        self._say = say
        self._known: set[str] = set()
        self._arrived: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._is_over = threading.Event()

    def take(self) -> list[Request]:
        """Return the requests that were read since the last call, in order, without waiting."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._arrived.get_nowait())
        return found

    def remove(self, request: Request) -> None:
        """Let the file of a request be removed soon: the study records the request."""
        self._done.put(request.name)

    def read(self) -> None:
        """Read the requests that are new; raise StoreError for an unavailable store."""
        for name in sorted(self._names() - self._known):
            self._known.add(name)
            try:
                content = self._content(name)
                if content is not None:
                    self._arrived.put(parse_request(content, name.removesuffix(SUFFIX)))
            except ValueError as error:
                self._say(f"{self._shown(name)} is not a request, and was skipped ({error}).")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Read requests, and remove the files of recorded ones, while the block runs."""
        thread = threading.Thread(target=self._watch, name="segue-requests", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()
            with suppress(OSError):  # what is left is removed by the next driver
                self._remove_done()

    def _watch(self) -> None:
        seconds = _STORE_SECONDS if self._store else _SECONDS
        while not self._is_over.wait(seconds):
            with suppress(OSError):  # every write of the run reports an unavailable store or disk
                self._remove_done()
                self.read()

    def _remove_done(self) -> None:
        with suppress(queue.Empty):
            while True:
                name = f"{self._done.get_nowait()}{SUFFIX}"
                if self._store:
                    self._store.remove(name)
                else:
                    (self._folder / name).unlink(missing_ok=True)

    def _names(self) -> set[str]:
        if self._store:
            found = set(self._store.names())
        else:
            found = {path.name for path in self._folder.glob(f"*{SUFFIX}")}
        return {name for name in found if name.endswith(SUFFIX) and "/" not in name}

    def _content(self, name: str) -> bytes | None:
        return self._store.read(name) if self._store else read_file(self._folder / name)

    def _shown(self, name: str) -> str:
        return self._store.shown(name) if self._store else str(self._folder / name)


def _requests_of(store: Store) -> Store:
    """Return the store of a run's requests; a later look is the next attempt."""
    return replace(store.at(REQUESTS), waits=FEW_WAITS)
