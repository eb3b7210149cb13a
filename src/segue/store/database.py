"""A study in a database of the user's: opened, or refused in one sentence, and named without its
password.
"""

import os
from typing import TYPE_CHECKING

from segue.store.objects import reason
from segue.store.secrets import HIDDEN, password_removed, without_secrets

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

STORAGE = "SEGUE_STORAGE"  # the environment's variable for a URL with its password
_CONNECT_SECONDS = 5
_given: dict[str, str] = {}  # by the URL without its password


def remember_password(url: str) -> None:
    """Have this process find the password of a URL that was given, where it is written without one."""
    if password_removed(url) != url:
        _given[password_removed(url)] = url


def url_with_password(url: str) -> str:
    """The URL as it was given to this process, or as the environment gives it, if it is the same
    but for the password.

    PGPASSWORD and ~/.pgpass do as well, which PostgreSQL's own library reads.
    """
    in_environment = os.environ.get(STORAGE, "")
    return _given.get(url) or (in_environment if password_removed(in_environment) == url else url)


def database_storage(url: str) -> "RDBStorage":
    """Optuna's storage at the URL, with its tables; raises ValueError, without secrets, where there
    can be none.
    """
    import optuna
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

    from segue.store.study_storage import StudyStorage

    shown = without_secrets(url) if "://" in url else "What is given as --storage"
    patient = (
        {"connect_timeout": _CONNECT_SECONDS} if url.startswith(("postgresql", "mysql")) else {}
    )
    try:
        # Optuna would read braces, which a password may have, as a template.
        return StudyStorage(
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs={"connect_args": patient, "pool_pre_ping": True},
        )
    except ImportError as error:
        raise ValueError(
            f"The database {shown} needs a package that is not installed: for PostgreSQL, run `pip"
            " install 'segue[postgres]'` and write postgresql+psycopg://USER@HOST/NAME."
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise ValueError(
            f"{shown} is no address of a database: give one such as"
            " postgresql+psycopg://USER@HOST/NAME."
        ) from error
    except (DBAPIError, optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError) as error:
        raise ValueError(
            f"The database {shown} cannot be used ({database_reason(error, url)}): check that it is"
            f" there, that this user may write in it, and the password (in --storage, {STORAGE},"
            " PGPASSWORD or ~/.pgpass)."
        ) from error


def database_reason(error: BaseException, url: str) -> str:
    """What a database said, on one line and without the URL's password."""
    from sqlalchemy.engine import make_url

    said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    password = make_url(url).password
    words = reason(OSError(said[0]))
    return words.replace(str(password), HIDDEN) if password else words
