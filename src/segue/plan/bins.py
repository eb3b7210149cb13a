"""A count, split into bins."""

from segue.base import checks


def evenly_distribute_count_into_bins(count: int, nbins: int) -> list[int]:
    """Split `count` into `nbins` positive integers that differ by at most 1, larger ones first.

    Raises TypeError for arguments that are not whole numbers, ValueError for `nbins` below 1 and
    for `count` below `nbins`.

    >>> evenly_distribute_count_into_bins(10, 4)
    [3, 3, 2, 2]
    """
    bins = checks.count("nbins", nbins)
    total = checks.count("count", count)
    if total < bins:
        raise ValueError(
            f"count must be at least nbins so that no bin is empty, got {total} for {bins} bins."
        )
    smaller, remainder = divmod(total, bins)
    return [smaller + 1] * remainder + [smaller] * (bins - remainder)
