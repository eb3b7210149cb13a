"""Which trials another one with the same parameters would repeat."""

from datetime import datetime

from optuna.trial import FrozenTrial, TrialState

from segue.record.study.attributes import LINEAGE
from segue.record.study.steering import has_ended_stage


def is_repeatable(trial: FrozenTrial, since: datetime | None) -> bool:
    """Return whether training the parameters of a trial again would repeat its result.

    They determine it if the trial is complete and trained them from its start to its end: neither
    population-based training nor a person changed it meanwhile.

    Args:
        trial: The trial.
        since: When the sweep's definition changed last: trials that ended before were trained by
            another one. None if it has not changed.
    """
    ended = trial.datetime_complete
    return (
        trial.state == TrialState.COMPLETE
        and LINEAGE not in trial.user_attrs
        and not has_ended_stage(trial)
        and (since is None or (ended is not None and ended >= since))
    )
