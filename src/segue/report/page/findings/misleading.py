"""A warning where early values mislead, by which trials are stopped or paused."""

from collections.abc import Iterator

from segue.record.study.trials import PRUNED, TrialSummary
from segue.report.analysis.stopping import halfway
from segue.report.data.evidence import Evidence
from segue.report.page.findings.comparability import Finding

_FEW = 6  # trials below which nothing is said of early values
_DEVIATIONS = 1.3
"""By so many standard deviations of chance, the rank correlation is below 0: one sweep in ten
without a relation of early and final values has such a correlation.
"""


def misleading(evidence: Evidence, best: TrialSummary) -> Iterator[Finding]:
    """Check whether early values, by which trials were stopped or paused, order them wrongly."""
    stopped = any(trial.state == PRUNED for trial in evidence.trials)
    found = halfway(evidence)
    if not stopped or found.correlation is None or found.trials < _FEW:
        return
    # Without a relation, its variance is 1 / (n - 1).
    if found.correlation * (found.trials - 1) ** 0.5 < -_DEVIATIONS:
        text = (
            f"Of the {found.trials} trials that ran to the end, those that were better at half of"
            f" their steps ended worse (rank correlation {found.correlation:.2f}). Trials were"
            " stopped or paused by such early values, so that better ones may be among them:"
            ' compare with a sweep that stops none (scheduler=None and search="tpe" or "random").'
        )
        yield Finding("Early values mislead in this sweep", text)
