"""Text for people: counts with their nouns."""


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an "s" unless the count is one.

    >>> plural(1, "trial"), plural(2, "trial"), plural(1_000, "step")
    ('1 trial', '2 trials', '1,000 steps')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
