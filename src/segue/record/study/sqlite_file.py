"""The SQLite file of a study, opened for reading."""

import errno
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel

from segue.record.layout import STUDY
from segue.record.study.content import unreadable

BUSY_SECONDS = 30.0
_WRITE_PROTECTED = ("SQLITE_CANTOPEN", "SQLITE_READONLY")


def study_for_reading(path: Path) -> RDBStorage:
    """Return Optuna's storage of a study's file, in which nothing is written and no table is made.

    Raise ValueError, in one sentence, for a file that Optuna cannot read.
    """
    try:
        # The creator names the file: in the URL, Optuna would read braces of a path as a template.
        creator = partial(_connect, path)
        return RDBStorage(
            f"sqlite:///{STUDY}", engine_kwargs={"creator": creator}, skip_table_creation=True
        )
    except Exception as error:  # of Optuna, SQLAlchemy or SQLite, for a damaged file
        raise unreadable(str(path), error) from error


def check_regular(path: Path) -> None:
    """Raise OSError where the path is not that of a regular file, for which SQLite could wait.

    The file is not opened: closing it would release the locks that SQLite holds in this process.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def check_sound(path: Path) -> None:
    """Raise OSError or sqlite3.DatabaseError for a file that is not a sound SQLite database.

    An empty file is sound; one that has tables must have all those of a study.
    """
    with closing(_connect(path)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        present = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        missing = sorted(set(BaseModel.metadata.tables) - present)
        if present and missing:
            raise sqlite3.DatabaseError(f"it has no table {missing[0]!r}")


def has_trials(path: Path, name: str) -> bool:
    """Return whether the file has a study of that name with trials.

    Raise OSError or sqlite3.Error for a file that is not a study's.
    """
    with closing(_connect(path)) as connection:
        found = connection.execute(
            "SELECT 1 FROM trials JOIN studies USING (study_id) WHERE study_name = ?", (name,)
        )
        return found.fetchone() is not None


def _connect(path: Path) -> sqlite3.Connection:
    check_regular(path)
    uri = f"file:{quote(str(path.absolute()))}"
    connection = _open(f"{uri}?mode=rw")
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        if not error.sqlite_errorname.startswith(_WRITE_PROTECTED):
            raise
        # SQLite makes files next to one that may be written, which a file system may not allow.
        return _open(f"{uri}?immutable=1")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, timeout=BUSY_SECONDS, check_same_thread=False, uri=True)
