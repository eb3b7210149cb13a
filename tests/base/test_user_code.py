"""Errors of a user's code become one sentence, and Segue's own stay what they are."""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from segue.base import checks
from segue.base.user_code import located_user_errors, user_code


def test_an_error_is_said_with_what_failed() -> None:
    with (
        pytest.raises(ValueError, match=r"^The world 'x' fails \(KeyError: 'a b'\)\.$"),
        user_code("The world 'x'"),
    ):
        raise KeyError("a b")


def fails() -> None:
    raise RuntimeError("no\n display.")


def ends() -> None:
    sys.exit("no GPU")


def refuses() -> None:
    raise ValueError("I do not like it.")


def misuses_the_library() -> None:
    json.loads("{")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (fails, "fails fails (RuntimeError: no display)."),
        (ends, "ends fails (SystemExit: no GPU)."),
        (refuses, "refuses fails (ValueError: I do not like it)."),
        (misuses_the_library, "misuses_the_library fails (JSONDecodeError: Expecting property"),
    ],
)
def test_the_function_and_the_line_of_user_code_are_named(
    call: Callable[[], Any], message: str
) -> None:
    line = call.__code__.co_firstlineno + 1
    with (
        pytest.raises(ValueError, match=re.escape(f"{__file__}, line {line}: {message}")) as found,
        located_user_errors(),
    ):
        call()
    assert "\n" not in str(found.value)


def test_a_refusal_of_segue_and_an_interruption_pass() -> None:
    with pytest.raises(ValueError, match=r"^lanes must be at least 1"), located_user_errors():
        checks.count("lanes", 0)
    with pytest.raises(KeyboardInterrupt), located_user_errors():
        raise KeyboardInterrupt
