"""Text on the terminal exactly as it is written, and files that commands write."""

from pathlib import Path

from rich.console import Console

from segue.base.files import check_replaceable
from segue.base.text import printable


def print_line(console: Console, text: str) -> None:
    """Print text without markup, highlighted numbers or added line breaks.

    Control characters are escaped: a name or a message may come from someone else's run.
    """
    text = printable(text, lines=True)
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def check_target(path: Path, advice: str) -> None:
    """Raise ValueError, which ends with `advice`, for a path that no file can be written to.

    The command calls it before it starts to work. A symbolic link is refused as well: the file
    would replace the link, or overwrite what it leads to.
    """
    try:
        check_replaceable(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}): {advice}.") from error
