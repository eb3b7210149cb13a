"""Who drives a run in a store: an object with a heartbeat, since a store has no locks."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from segue.store.objects import Store, StoreError

DRIVER = "driver.json"
BEAT_SECONDS, STALE_SECONDS = 5.0, 30.0
_SETTLING_SECONDS = 0.3  # in which a driver that began at the same moment has written too


@dataclass(frozen=True)
class Holder:
    """A driver: its process, and whether it has let go. `session` is new each time that a run is
    driven.
    """

    session: str
    machine: str  # and boot, and container: where a process's number means something
    host: str
    pid: int
    begun: str
    released: bool = False

    @classmethod
    def here(cls) -> "Holder":
        """This process."""
        pid = os.getpid()
        return cls(secrets.token_hex(8), _machine(), socket.gethostname(), pid, _begun(pid))

    @classmethod
    def of(cls, store: Store) -> "Holder | None":
        """Who drives the run, or drove it last; None where nobody has."""
        content = store.read(DRIVER)
        try:
            return None if content is None else cls(**json.loads(content))
        except (ValueError, TypeError):
            return None

    @property
    def is_gone(self) -> bool:
        """Whether it has let go, or is known to have ended."""
        return self.released or (self.machine == _machine() and _begun(self.pid) != self.begun)


def silence(store: Store) -> float:
    """For how many seconds nothing was heard of the driver, by the store's own clock, which all
    share.

    Raises StoreError for a store that cannot be written.
    """
    probe = f"probe-{secrets.token_hex(4)}"
    store.write(probe, b"")
    now, heard = store.modified(probe), store.modified(DRIVER)
    store.remove(probe)
    return float("inf") if now is None or heard is None else max(now - heard, 0.0)


def is_driven(store: Store) -> bool:
    """Whether a driver was heard lately; for readers, who go by this machine's clock."""
    holder, heard = Holder.of(store), store.modified(DRIVER)
    return bool(holder and not holder.is_gone and heard and time.time() - heard < STALE_SECONDS)


class Heartbeat:
    """Holds a run for this process. `lost` says who has taken it over since."""

    def __init__(self, store: Store, me: Holder) -> None:
        self.store, self.me = replace(store, waits=()), me  # the next beat is the next attempt
        self.lost: str | None = None
        self.also: Callable[[], None] = lambda: None  # at every beat
        self._over = threading.Event()

    def beat(self) -> None:
        """Say once that the driver is there, unless another one has taken the run over."""
        held = Holder.of(self.store)
        if held is not None and held.session != self.me.session:
            self.lost = (
                f"Process {held.pid} on {held.host} has taken over {self.store.shown()}: this one"
                " ends."
            )
            return
        self._write(self.me)
        self.also()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Say so every few seconds while the block runs; then let go."""
        thread = threading.Thread(target=self._beat_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            with suppress(StoreError):  # then it is let go of when it was silent for long
                if not self.lost:
                    self._write(replace(self.me, released=True))

    def _beat_on(self) -> None:
        while not self._over.wait(BEAT_SECONDS) and not self.lost:
            with suppress(StoreError):  # whoever has something to keep is told
                self.beat()

    def _write(self, holder: Holder) -> None:
        self.store.write(DRIVER, json.dumps(asdict(holder)).encode())


def take(store: Store, say: Callable[[str], None]) -> tuple[Heartbeat, str | None]:
    """Take the run for this process, and return the session that drove it last. Raises ValueError
    while one does.
    """
    silent, before = silence(store), Holder.of(store)
    if before and not before.is_gone:
        if silent < STALE_SECONDS:
            raise ValueError(
                f"The run {store.shown()} is in use by process {before.pid} on {before.host}, heard"
                f" of {silent:.0f} s ago: wait until that ends (one that was killed is given up"
                f" after {STALE_SECONDS:.0f} s), or choose another place with --run-dir."
            )
        say(
            f"Process {before.pid} on {before.host} was not heard of for {silent:.0f} s: its run is"
            " taken over."
        )
    heartbeat = Heartbeat(store, Holder.here())
    heartbeat._write(heartbeat.me)
    time.sleep(_SETTLING_SECONDS)
    heartbeat.beat()
    if heartbeat.lost:
        raise ValueError(
            f"The run {store.shown()} was begun by another process at the same moment: wait for"
            " that."
        )
    return heartbeat, before.session if before else None


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    return secrets.token_hex(8)


def _begun(pid: int) -> str:
    """When a process was started, in ticks since the machine was; empty where there is no such
    process.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
