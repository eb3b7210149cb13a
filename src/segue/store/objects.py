"""An object store: whole objects by name, and one sentence when the store is unavailable."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

from segue.base.paths import checked_name
from segue.store.secrets import without_secrets
from segue.store.server import Server, server_of, with_server

T = TypeVar("T")
SCHEMES = ("s3", "gs", "file")
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between attempts
FEW_WAITS = (0.5, 1.0)  # where giving up loses nothing
_REFUSED = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE",
    "INVALID_CLIENT_TOKEN_ID",
)
_UNFINISHED = ".unfinished"
_CONNECT_SECONDS = 5
_SILENT_SECONDS = 15  # after which a request to a silent server fails


class StoreError(ConnectionError):
    """Raised when the store cannot be read or written after all attempts; a sentence for people."""


class Entry(NamedTuple):
    """Size and modification time of an object, as a listing gives them."""

    size: int
    modified_ns: int


def is_url(place: object) -> bool:
    """Return whether a run is stored in a store, not in a folder."""
    return "://" in str(place)


@dataclass(frozen=True)
class Store:
    """The objects under a URL, each of which is read and written whole.

    A request that fails is repeated after each of the `waits`, in seconds.
    """

    url: str
    waits: tuple[float, ...] = WAITS
    server: Server = ()

    @classmethod
    def of(cls, url: str) -> "Store":
        """Return the store at `url`. Raise ValueError for another kind of URL, or one with keys."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "file"):
            raise ValueError(
                f"{without_secrets(url)} is not a place for a run: give a folder, s3://BUCKET/NAME,"
                " gs://BUCKET/NAME or file:///FOLDER."
            )
        if "@" in parts.netloc or without_secrets(url) != url:
            raise ValueError(
                f"The URL {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} was given"
                " with keys in it: put them into the environment (AWS_ACCESS_KEY_ID,"
                " AWS_SECRET_ACCESS_KEY) or the cloud's own files."
            )
        if not parts.path.strip("/"):
            raise ValueError(
                f"The URL {url} names no folder in the bucket: add one, such as"
                f" {url.rstrip('/')}/my_run."
            )
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/")))
        return cls(url, server=server_of(url))

    def at(self, folder: str) -> "Store":
        """Return the store of a folder inside this one."""
        parts = urlsplit(self.url)
        return replace(self, url=urlunsplit(parts._replace(path=f"{parts.path}/{folder}")))

    def shown(self, name: str = "") -> str:
        """Return the URL of an object, or of the store, as messages show it."""
        without_query = urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))
        return f"{without_query}/{name}" if name else without_query

    def read(self, name: str) -> bytes | None:
        """Return the content of an object; None where there is none. Raises StoreError."""

        def read() -> bytes | None:
            files, root = _place(self)
            try:
                with files.open_input_stream(f"{root}/{name}") as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

        return self._tried("read", read)

    def write(self, name: str, content: bytes) -> None:
        """Write an object whole: readers find the old content or this one. Raises StoreError."""
        self._tried("written", lambda: _write(*_place(self), name, content))

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is not an error. Raises StoreError."""

        def remove() -> None:
            files, root = _place(self)
            try:
                files.delete_file(f"{root}/{name}")
            except FileNotFoundError:
                return

        self._tried("written", remove)

    def names(self) -> dict[str, Entry]:
        """Return size and modification time of every object, by name.

        Raises StoreError, and ValueError for a name that leads out of the folder, as a store that
        is not the user's own may list.
        """
        from pyarrow import fs

        def listed() -> dict[str, Entry]:
            files, root = _place(self)
            found = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
            return {
                self._relative(each.path, root): Entry(each.size, each.mtime_ns)
                for each in found
                if each.type == fs.FileType.File and not each.path.endswith(_UNFINISHED)
            }

        return self._tried("read", listed)

    def _relative(self, path: str, root: str) -> str:
        return checked_name(path.removeprefix(f"{root}/"), self.shown())

    def modified(self, name: str) -> float | None:
        """Return when an object was written, in seconds of the store's clock; None without it."""
        files, root = _place(self)
        info = self._tried("read", lambda: files.get_file_info(f"{root}/{name}"))
        return None if info.mtime_ns is None else info.mtime_ns / 1e9

    def rename(self, name: str, other: str) -> None:
        """Rename an object; the new name may lie outside this store's folder. Raises StoreError."""
        files, root = _place(self)
        path = f"{root}/{name}"
        new_path = f"{root.rpartition('/')[0]}/{other}"
        self._tried("written", lambda: _move(files, path, new_path))

    def _tried(self, action: str, request: Callable[[], T]) -> T:
        # Attempts at a silent server take long by themselves, so that the time is limited as well.
        deadline = time.monotonic() + sum(self.waits) + _CONNECT_SECONDS
        for wait in (*self.waits, None):
            try:
                return request()
            except OSError as error:
                is_refused = any(word in str(error) for word in _REFUSED)
                if wait is None or is_refused or time.monotonic() > deadline:
                    raise StoreError(
                        f"The store {self.shown()} cannot be {action} ({reason(error)})."
                    ) from error
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def reason(error: BaseException) -> str:
    """Return the message of a store's error in a few words.

    >>> message = "When reading key 'k': AWS Error NO_SUCH_BUCKET during GetObject operation: Gone"
    >>> reason(OSError(f"{message} (Request 7)"))
    'NO_SUCH_BUCKET: Gone'
    """
    message = next(iter(str(error).splitlines()), type(error).__name__)
    match = re.search(r"AWS Error (\w+) during \w+ operation: (.*)", message)
    if match:
        message = f"{match[1]}: {match[2]}"
    return re.split(r"; | \(Request", without_secrets(message))[0].strip(" .:")


def bucket_of(store: Store) -> str | None:
    """Return the name of the store's bucket; None for a folder."""
    return urlsplit(store.url).netloc or None


def has_bucket(store: Store) -> bool:
    """Return whether the store's bucket exists; a folder can always be made. Raises OSError."""
    from pyarrow import fs

    files, _ = _place(store)
    name = bucket_of(store)
    return name is None or files.get_file_info(name).type != fs.FileType.NotFound


def _place(store: Store) -> tuple[Any, str]:
    """Return the file system of a store, and the path in it."""
    return _connected(store.url, store.server)


@cache
def _connected(url: str, server: Server) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it, with one connection per process."""
    from pyarrow import fs

    try:
        made: tuple[Any, str] = fs.FileSystem.from_uri(with_server(url, server))
        files, root = made
    except ValueError as error:
        raise ValueError(f"{url} is not a place for a run: {reason(error)}.") from error
    if isinstance(files, getattr(fs, "S3FileSystem", ())):
        files = fs.S3FileSystem(
            region=made[0].region,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_SILENT_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),  # `_tried` repeats
            allow_delayed_open=True,  # a small object is one request, and not three
            **{key: value for key, value in server if key != "region"},
        )
    return files, root


def forget_connections() -> None:
    """Connect again at the next request, since the environment has new credentials."""
    _connected.cache_clear()


def _write(files: Any, root: str, name: str, content: bytes) -> None:
    path = f"{root}/{name}"
    if files.type_name != "local":
        with files.open_output_stream(path) as stream:
            stream.write(content)
        return
    files.create_dir(path.rpartition("/")[0], recursive=True)
    with files.open_output_stream(path + _UNFINISHED) as stream:
        stream.write(content)
    files.move(path + _UNFINISHED, path)


def _move(files: Any, path: str, other: str) -> None:
    if files.type_name == "local":
        files.create_dir(other.rpartition("/")[0], recursive=True)
    files.move(path, other)
