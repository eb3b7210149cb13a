"""Checks that refuse levels that cannot be drawn, in one sentence."""


def at_least(level: str, name: str, value: int, least: int) -> None:
    """Raise ValueError when the level's parameter `name` is below the least that can be drawn."""
    if value < least:
        raise ValueError(f"The level {level} has {name} {value}: choose one of at least {least}.")
