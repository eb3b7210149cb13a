"""A count, split into bins."""

from segue.base.checks import count as checked_count


def evenly_distribute_count_into_bins(count: int, nbins: int) -> list[int]:
    """Split `count` into `nbins` positive whole numbers that differ by at most 1, the larger ones
    first.

    Raises TypeError for what is no whole number, ValueError for `nbins` below 1 or `count` below
    `nbins`.

    >>> evenly_distribute_count_into_bins(10, 4)
    [3, 3, 2, 2]
    """
    bins = checked_count("nbins", nbins)
    total = checked_count("count", count)
    if total < bins:
        raise ValueError(
            f"count must be at least nbins so that no bin is empty, got {total} for {bins} bins."
        )
    each, left = divmod(total, bins)
    return [each + (position < left) for position in range(bins)]
