"""The lease of a run in a store: an object that its driver renews, since a store has no locks."""

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

from pydantic import TypeAdapter

from segue.store.objects import Store, StoreError

DRIVER = "driver.json"  # the object that holds the lease
RENEWAL_SECONDS = 5.0
STALE_SECONDS = 30.0
_SETTLING_SECONDS = 0.3  # in which a driver that started at the same moment has written too


@dataclass(frozen=True)
class LeaseHolder:
    """The driver that holds a lease, or held it last.

    - `session`: a new random name each time that a process drives the run.
    - `machine`: host, boot and container, within which a process number identifies a process.
    - `process_start`: when the process started; a later process of that number started later.
    - `released`: whether the driver has released the lease.
    """

    session: str
    machine: str
    host: str
    pid: int
    process_start: str
    released: bool = False

    @classmethod
    def this_process(cls) -> "LeaseHolder":
        """Return this process as a holder with a new session."""
        pid = os.getpid()
        session = secrets.token_hex(8)
        return cls(session, _machine(), socket.gethostname(), pid, _process_start(pid))

    @classmethod
    def of(cls, store: Store) -> "LeaseHolder | None":
        """Return the current or last holder of the run's lease; None where there was none."""
        content = store.read(DRIVER)
        try:
            return None if content is None else _HOLDER.validate_json(content, strict=True)
        except ValueError:
            return None

    @property
    def has_ended(self) -> bool:
        """Whether the holder has released the lease, or its process is known to have ended."""
        has_exited = self.machine == _machine() and _process_start(self.pid) != self.process_start
        return self.released or has_exited


_HOLDER = TypeAdapter(LeaseHolder)


def seconds_since_renewal(store: Store) -> float:
    """Return the seconds since the lease was last renewed; infinity where it never was.

    The time is measured by the store's clock, which all machines share. Raises StoreError for a
    store that cannot be written.
    """
    probe = f"probe-{secrets.token_hex(4)}"
    store.write(probe, b"")
    now = store.modified(probe)
    renewed = store.modified(DRIVER)
    store.remove(probe)
    return float("inf") if now is None or renewed is None else max(now - renewed, 0.0)


def has_driver(store: Store) -> bool:
    """Return whether a driver holds the run, judged by this machine's clock, without a write."""
    holder = LeaseHolder.of(store)
    renewed = store.modified(DRIVER)
    if holder is None or holder.has_ended or not renewed:
        return False
    return time.time() - renewed < STALE_SECONDS


class Lease:
    """This process's lease of a run in a store.

    `lease_lost` is None until another process takes the run over; it is then a sentence about that.
    `on_renewal` is called after each renewal.
    """

    def __init__(self, store: Store, holder: LeaseHolder) -> None:
        self.store = replace(store, waits=())  # the next renewal is the next attempt
        self.holder = holder
        self.lease_lost: str | None = None
        self.on_renewal: Callable[[], None] = lambda: None
        self._is_over = threading.Event()

    def renew(self) -> None:
        """Renew the lease once, unless another process has taken over the run."""
        current = LeaseHolder.of(self.store)
        if current is not None and current.session != self.holder.session:
            self.lease_lost = (
                f"Process {current.pid} on {current.host} has taken over {self.store.shown()}:"
                " this one ends."
            )
            return
        self.write(self.holder)
        self.on_renewal()

    def write(self, holder: LeaseHolder) -> None:
        """Write `holder` as the holder of the lease. Raises StoreError."""
        self.store.write(DRIVER, json.dumps(asdict(holder)).encode())

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the lease every few seconds while the block runs, then release it."""
        thread = threading.Thread(target=self._keep_renewing, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()
            with suppress(StoreError):  # a lease that is not released becomes stale
                if not self.lease_lost:
                    self.write(replace(self.holder, released=True))

    def _keep_renewing(self) -> None:
        while not self._is_over.wait(RENEWAL_SECONDS) and not self.lease_lost:
            with suppress(StoreError):  # every write of the run reports an unavailable store
                self.renew()


def acquire(store: Store, notify: Callable[[str], None]) -> tuple[Lease, str | None]:
    """Acquire the run's lease for this process; return it with the session of the last driver.

    A lease that was not renewed for `STALE_SECONDS` is taken over, which `notify` reports. Raises
    ValueError while another process holds the lease, StoreError for an unavailable store.
    """
    silent_seconds = seconds_since_renewal(store)
    previous = LeaseHolder.of(store)
    if previous and not previous.has_ended:
        owner = f"process {previous.pid} on {previous.host}"
        if silent_seconds < STALE_SECONDS:
            raise ValueError(
                f"The run {store.shown()} is in use by {owner}, which last renewed its lease"
                f" {silent_seconds:.0f} s ago: wait until it ends (the lease of a killed process"
                f" expires after {STALE_SECONDS:.0f} s), or choose another place with --run-dir."
            )
        notify(
            f"Process {previous.pid} on {previous.host} has not renewed its lease for"
            f" {silent_seconds:.0f} s: its run is taken over."
        )
    lease = Lease(store, LeaseHolder.this_process())
    lease.write(lease.holder)
    time.sleep(_SETTLING_SECONDS)
    lease.renew()
    if lease.lease_lost:
        raise ValueError(
            f"Another process started the run {store.shown()} at the same moment: wait for that"
            " process."
        )
    return lease, previous.session if previous else None


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    return secrets.token_hex(8)


def _process_start(pid: int) -> str:
    """Return when a process started, in ticks since boot; "" where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
