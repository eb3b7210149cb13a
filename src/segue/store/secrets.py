"""Addresses as people and files may see them: without passwords and keys."""

import re

_USER = re.compile(r"(://[^:/?#@\s]*):[^/?#\s]*@")
_QUERY = re.compile(r"(?i)([?&](?:[\w-]*(?:password|passwd|secret|token|key))=)[^&#\s]*")
HIDDEN = "***"


def without_secrets(text: str) -> str:
    """The text with the passwords of its URLs hidden.

    >>> without_secrets("--storage=postgresql://me:word@host/db?sslpassword=other&a=b")
    '--storage=postgresql://me:***@host/db?sslpassword=***&a=b'
    >>> without_secrets("postgresql://me@host/db")
    'postgresql://me@host/db'
    """
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", text))


def has_secrets(url: str) -> bool:
    """Whether the URL says something that nobody should see."""
    return without_secrets(url) != url


def password_removed(url: str) -> str:
    """The URL as it can be used where the password comes from elsewhere (PGPASSWORD, ~/.pgpass).

    >>> password_removed("postgresql+psycopg://me:word@host/db")
    'postgresql+psycopg://me@host/db'
    """
    hidden = _USER.sub(r"\1@", url)
    return re.sub(r"[?&]$", "", re.sub(_QUERY.pattern + r"&?", lambda found: found[1][0], hidden))
