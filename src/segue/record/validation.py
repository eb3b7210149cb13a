"""Files of a run directory, read without trust.

A file is read here once and has the type that it was written with, or is refused in one sentence:
it may be damaged, or made by something else, and must not stop a reader with a traceback.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segue.base.files import parse_json, read_regular
from segue.base.text import plural

Steps = Annotated[int, Field(ge=0, lt=2**63)]
"""A number of steps, or an index from 0."""


class Checked(BaseModel):
    """The form of a JSON object: strict types, and further entries as they are."""

    model_config = ConfigDict(strict=True, extra="allow", arbitrary_types_allowed=True)


Form = TypeVar("Form", bound=BaseModel)


def read_file(path: Path) -> bytes | None:
    """Return the content of a file of a run; None where it does not exist.

    Raise ValueError, in one sentence, for a file that cannot be read, or is not a regular one.
    """
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from error


def read_object(path: Path, form: type[Form]) -> Form | None:
    """Return the JSON object of a file of a run; None where the file does not exist.

    Raise ValueError, in one sentence, for a file that is damaged or cannot be read.
    """
    content = read_file(path)
    if content is None:
        return None
    try:
        return parse_object(content, form)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}).") from error


def parse_object(content: bytes | str, form: type[Form]) -> Form:
    """Return the JSON object of a text; raise ValueError, with the reason, for any other text."""
    return validated(parse_json(content), form)


def validated(value: Any, form: type[Form]) -> Form:
    """Return a value as an object of that form; raise ValueError, with the reason, otherwise."""
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise ValueError(_in_words(error)) from error


def _in_words(error: ValidationError) -> str:
    """Return the first problem that was found, in a few words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"]
    return f"{place}: {message}" if place else message


def skipped(damaged: int, file: str, example: str = "") -> str | None:
    """Return a sentence on the damaged records of a file; None where there are none.

    >>> skipped(2, "rows.jsonl")
    '2 records of rows.jsonl are damaged and were skipped.'
    """
    if not damaged:
        return None
    verb = "is damaged and was" if damaged == 1 else "are damaged and were"
    first = f" ({example})" if example else ""
    return f"{plural(damaged, 'record')} of {file} {verb} skipped{first}."
