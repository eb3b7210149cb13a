"""Reports that an uploaded study has missed, replayed from the trials' own rows."""

from optuna.trial import TrialState

from segue.record.files.results import read_results
from segue.record.row import ENV_STEPS, STAGES
from segue.record.study.stages import Stages
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import StudyRecord


def replay_missed_reports(record: StudyRecord, run: RunDirectory, metric: str) -> None:
    """Record the verdict on each row that another one follows: its trial was not stopped there."""
    for number in record.numbers(TrialState.RUNNING):
        for row in read_results(run.trial(number).results, metric).rows[:-1]:
            if not record.has_verdict(number, row[ENV_STEPS]):
                stages = record.stages(number) or Stages(row[STAGES])
                record.record_stages(number, stages.with_report(row))
                record.report(number, row[ENV_STEPS], row[metric])
