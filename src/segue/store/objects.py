"""An object store: whole objects by name, and one sentence when it cannot be reached."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from segue.store.secrets import without_secrets

T = TypeVar("T")
SCHEMES = ("s3", "gs", "file")
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between attempts
FEW_WAITS = (0.5, 1.0)  # where nothing is lost by giving up
_REFUSED = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE",
    "INVALID_CLIENT_TOKEN_ID",
)
_UNFINISHED = ".unfinished"
_CONNECT_SECONDS = 5
_SILENT_SECONDS = 15  # after which a server that says nothing is given up


class StoreError(ConnectionError):
    """The store could not be read or written, however often it was tried; a sentence for people."""


class Entry(NamedTuple):
    """What a listing says of an object."""

    size: int
    modified_ns: int


def is_url(place: object) -> bool:
    """Whether a run is kept in a store, not in a folder."""
    return "://" in str(place)


@dataclass(frozen=True)
class Store:
    """The objects under a URL. Each is read and written whole; a write that fails is tried again,
    with longer waits.
    """

    url: str
    waits: tuple[float, ...] = WAITS

    @classmethod
    def of(cls, url: str) -> "Store":
        """Raises ValueError for what is no URL of a store, or has keys in it."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "file"):
            raise ValueError(
                f"{without_secrets(url)} is no place for a run: give a folder, s3://BUCKET/NAME,"
                " gs://BUCKET/NAME or file:///FOLDER."
            )
        if "@" in parts.netloc or without_secrets(url) != url:
            raise ValueError(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} was given with"
                " keys in it: put them into the environment (AWS_ACCESS_KEY_ID,"
                " AWS_SECRET_ACCESS_KEY) or the cloud's own files."
            )
        if not parts.path.strip("/"):
            raise ValueError(
                f"{url} names no folder in the bucket: add one, such as {url.rstrip('/')}/my_run."
            )
        return cls(urlunsplit(parts._replace(path=parts.path.rstrip("/"))))

    def at(self, folder: str) -> "Store":
        """A folder of the store as one of its own."""
        parts = urlsplit(self.url)
        return replace(self, url=urlunsplit(parts._replace(path=f"{parts.path}/{folder}")))

    def shown(self, name: str = "") -> str:
        """Where an object is, for people."""
        bare = urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))
        return f"{bare}/{name}" if name else bare

    def read(self, name: str) -> bytes | None:
        """The object; None where there is none."""

        def read() -> bytes | None:
            files, root = _place(self.url)
            try:
                with files.open_input_stream(f"{root}/{name}") as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

        return self._tried("read", read)

    def write(self, name: str, content: bytes) -> None:
        """Put the object there, whole: readers find the old one or this one."""
        self._tried("written", lambda: _write(*_place(self.url), name, content))

    def remove(self, name: str) -> None:
        """Take the object away, if it is there."""

        def remove() -> None:
            files, root = _place(self.url)
            try:
                files.delete_file(f"{root}/{name}")
            except FileNotFoundError:
                return

        self._tried("written", remove)

    def names(self) -> dict[str, Entry]:
        """Every object, by its name."""
        from pyarrow import fs

        def listed() -> dict[str, Entry]:
            files, root = _place(self.url)
            found = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
            return {
                each.path.removeprefix(f"{root}/"): Entry(each.size, each.mtime_ns)
                for each in found
                if each.type == fs.FileType.File and not each.path.endswith(_UNFINISHED)
            }

        return self._tried("read", listed)

    def modified(self, name: str) -> float | None:
        """When the object was written, by the store's clock; None where there is none."""
        files, root = _place(self.url)
        info = self._tried("read", lambda: files.get_file_info(f"{root}/{name}"))
        return None if info.mtime_ns is None else info.mtime_ns / 1e9

    def rename(self, name: str, other: str) -> None:
        """Give the object another name, which may lie outside of this store's folder."""
        files, root = _place(self.url)
        whole = f"{root}/{name}", f"{root.rpartition('/')[0]}/{other}"
        self._tried("written", lambda: _move(files, *whole))

    def _tried(self, what: str, act: Callable[[], T]) -> T:
        end = (
            time.monotonic() + sum(self.waits) + _CONNECT_SECONDS
        )  # a server that says nothing takes its time itself
        for wait in (*self.waits, None):
            try:
                return act()
            except OSError as error:
                if (
                    wait is None
                    or time.monotonic() > end
                    or any(word in str(error) for word in _REFUSED)
                ):
                    raise StoreError(
                        f"The store {self.shown()} cannot be {what} ({reason(error)})."
                    ) from error
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def reason(error: BaseException) -> str:
    """What a store said, in a few words.

    >>> reason(OSError("When reading key 'k': AWS Error NO_SUCH_BUCKET during GetObject operation: Gone (Request 7)"))
    'NO_SUCH_BUCKET: Gone'
    """
    said = next(iter(str(error).splitlines()), type(error).__name__)
    found = re.search(r"AWS Error (\w+) during \w+ operation: (.*)", said)
    words = f"{found[1]}: {found[2]}" if found else said
    return re.split(r"; | \(Request", without_secrets(words))[0].strip(" .:")


def bucket_of(store: Store) -> str | None:
    """The name of the store's bucket; None for a folder."""
    return urlsplit(store.url).netloc or None


def has_bucket(store: Store) -> bool:
    """Whether there is such a bucket, or a folder in which one can be made. Raises OSError as the
    store does.
    """
    from pyarrow import fs

    files, _ = _place(store.url)
    name = bucket_of(store)
    return name is None or files.get_file_info(name).type != fs.FileType.NotFound


def _place(url: str) -> tuple[Any, str]:
    """The file system of a URL, and where in it."""
    return _connected(url, tuple(_endpoint(url).items()))


@cache
def _connected(url: str, endpoint: tuple[tuple[str, str], ...]) -> tuple[Any, str]:
    """The same, one a process."""
    from pyarrow import fs

    try:
        made: tuple[Any, str] = fs.FileSystem.from_uri(_patient(url))
        files, root = made
    except ValueError as error:
        raise ValueError(f"{url} is no place for a run: {reason(error)}.") from error
    if isinstance(files, getattr(fs, "S3FileSystem", ())):
        files = fs.S3FileSystem(
            region=made[0].region,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_SILENT_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),  # `_tried` tries again
            allow_delayed_open=True,  # a small object is one request, and not three
            **dict(endpoint),
        )
    return files, root


def forget_connections() -> None:
    """Connect anew next time: the environment has other credentials now."""
    _connected.cache_clear()


def _endpoint(url: str) -> dict[str, str]:
    """The server that the URL or the environment names, if it is not Amazon's."""
    asked = {
        key: value
        for key, value in parse_qsl(urlsplit(url).query)
        if key in ("endpoint_override", "scheme")
    }
    given = urlsplit(
        os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    )
    return asked or (
        {"endpoint_override": given.netloc, "scheme": given.scheme} if given.netloc else {}
    )


def _patient(url: str) -> str:
    """The URL with a limit on how long the client tries by itself, where it would be a quarter of
    an hour.
    """
    parts = urlsplit(url)
    if parts.scheme != "gs" or "retry_limit_seconds" in parts.query:
        return url
    return urlunsplit(
        parts._replace(query="&".join(filter(None, (parts.query, "retry_limit_seconds=10"))))
    )


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
