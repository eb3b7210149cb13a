"""Trials side by side in time."""

from datetime import datetime, timedelta

from segue.record.study.trials import TrialSummary
from segue.report.data.timeline import Timeline

START = datetime(2027, 1, 1)


def trial(number: int, start: float, end: float) -> TrialSummary:
    return TrialSummary(
        number=number,
        state="complete",
        parameters={},
        started=START + timedelta(seconds=start),
        ended=START + timedelta(seconds=end),
    )


def test_trials_take_as_few_lanes_as_they_need_and_idle_time_is_counted() -> None:
    timeline = Timeline.of([trial(0, 0, 10), trial(1, 0, 4), trial(2, 6, 10), trial(3, 15, 20)])
    assert [each.lane for each in timeline.intervals] == [0, 1, 1, 0]
    assert (timeline.lanes, timeline.seconds) == (2, 20.0)
    assert timeline.idle == 1 - 23 / 40
    assert timeline.longest_gap == 5.0


def test_a_sweep_without_ended_trials_has_an_empty_timeline() -> None:
    timeline = Timeline.of([TrialSummary(number=0, state="waiting", parameters={})])
    assert (timeline.lanes, timeline.idle, timeline.longest_gap) == (0, 0.0, 0.0)
