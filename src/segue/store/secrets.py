"""URLs as people and files may see them: without passwords and keys."""

import re

_USER = re.compile(r"(://[^:/?#@\s]*):[^/?#\s]*@")
_QUERY = re.compile(r"(?i)([?&](?:[\w-]*(?:password|passwd|secret|token|key))=)[^&#\s]*")
HIDDEN = "***"


def without_secrets(text: str) -> str:
    """Return the text with the passwords of its URLs hidden.

    >>> without_secrets("--storage=postgresql://me:word@host/db?sslpassword=other&a=b")
    '--storage=postgresql://me:***@host/db?sslpassword=***&a=b'
    >>> without_secrets("postgresql://me@host/db")
    'postgresql://me@host/db'
    """
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", text))


def password_removed(url: str) -> str:
    """Return the URL without its password, for use where that comes from PGPASSWORD or ~/.pgpass.

    >>> password_removed("postgresql+psycopg://me:word@host/db")
    'postgresql+psycopg://me@host/db'
    """
    without_user_password = _USER.sub(r"\1@", url)
    without_parameters = re.sub(
        _QUERY.pattern + r"&?", lambda match: match[1][0], without_user_password
    )
    return re.sub(r"[?&]$", "", without_parameters)
