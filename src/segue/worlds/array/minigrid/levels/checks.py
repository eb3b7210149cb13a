"""Refuses levels that cannot be drawn, in one sentence."""


def at_least(level: str, name: str, value: int, least: int) -> None:
    """Raise ValueError when the level's number `name` is below the least that can be drawn."""
    if value < least:
        raise ValueError(
            f"The level {level} was asked for with {name} {value}: let it be at least {least}."
        )
