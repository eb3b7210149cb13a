"""Text on the terminal as it is: no markup, no colours of numbers, no breaks, so that paths can be
copied.
"""

from rich.console import Console


def say(console: Console, text: str) -> None:
    """Print a line."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
