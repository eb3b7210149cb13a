"""Uploads of several trials at a time: an upload to a store takes 0.1 s."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from segue.record.row import Row
from segue.tune.run.stored import TrialSync
from segue.tune.verdicts import STORE_UNAVAILABLE, has_failed

_AT_A_TIME = 8


def upload_all(syncs: Iterable[TrialSync]) -> None:
    """Upload what is new of all trials, if that is possible."""
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        list(threads.map(lambda sync: sync.upload_if_possible(), syncs))


def upload_reports(
    reports: Sequence[tuple[int, Row]], sync_of: Callable[[int], TrialSync]
) -> dict[int, Exception]:
    """Upload what reports depend on; return the exceptions, by the number of their trial."""

    def upload(report: tuple[int, Row]) -> Exception | None:
        number, row = report
        if has_failed(row):
            if STORE_UNAVAILABLE not in row:
                sync_of(number).upload_if_possible()
            return None
        try:
            sync_of(number).upload()
        except Exception as error:
            return error
        return None

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        found = list(threads.map(upload, reports))
    each = zip(reports, found, strict=True)
    return {number: error for (number, _), error in each if error is not None}
