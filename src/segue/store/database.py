"""Optuna's storage in the user's database, which is shown without its password."""

import os
from typing import TYPE_CHECKING

from segue.store.objects import reason
from segue.store.secrets import HIDDEN, password_removed, without_secrets

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

STORAGE = "SEGUE_STORAGE"  # the environment variable for a URL with its password
_CONNECT_SECONDS = 5
_remembered: dict[str, str] = {}  # URLs with their password, by the URL without it


def remember_password(url: str) -> None:
    """Let this process find the password of `url` wherever the URL is recorded without it."""
    if password_removed(url) != url:
        _remembered[password_removed(url)] = url


def url_with_password(url: str) -> str:
    """Return `url` with the password given to this process, or that of SEGUE_STORAGE if it matches.

    A URL without a known password is returned as it is: PostgreSQL's own library then reads
    PGPASSWORD and ~/.pgpass.
    """
    in_environment = os.environ.get(STORAGE, "")
    if url in _remembered:
        return _remembered[url]
    return in_environment if password_removed(in_environment) == url else url


def database_storage(url: str) -> "RDBStorage":
    """Return Optuna's storage at `url`, with its tables made.

    Raises ValueError, without secrets, for a database that cannot be used.
    """
    import optuna
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

    from segue.store.study_storage import StudyStorage

    shown = without_secrets(url) if "://" in url else "given as --storage"
    connect_args = (
        {"connect_timeout": _CONNECT_SECONDS} if url.startswith(("postgresql", "mysql")) else {}
    )
    try:
        # Optuna would read braces, which a password may have, as a template.
        return StudyStorage(
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs={"connect_args": connect_args, "pool_pre_ping": True},
        )
    except ImportError as error:
        raise ValueError(
            f"The database {shown} needs a package that is not installed: for PostgreSQL, run `pip"
            " install 'segue[postgres]'` and write postgresql+psycopg://USER@HOST/NAME."
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise ValueError(
            f"The value {shown} is not the URL of a database: give one such as"
            " postgresql+psycopg://USER@HOST/NAME."
        ) from error
    except (DBAPIError, optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError) as error:
        raise ValueError(
            f"The database {shown} cannot be used ({database_reason(error, url)}): check that it"
            f" exists, that this user may write in it, and the password (in --storage, {STORAGE},"
            " PGPASSWORD or ~/.pgpass)."
        ) from error


def database_reason(error: BaseException, url: str) -> str:
    """Return a database's error message on one line and without the password of `url`."""
    from sqlalchemy.engine import make_url

    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    message = reason(OSError(lines[0] if lines else type(error).__name__))
    password = make_url(url).password
    return message.replace(str(password), HIDDEN) if password else message
