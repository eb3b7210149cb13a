"""Text on the terminal exactly as it is written, so that paths can be copied."""

from rich.console import Console


def print_line(console: Console, text: str) -> None:
    """Print a line without markup, highlighted numbers or line breaks."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
