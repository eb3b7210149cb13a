"""Sections on what happened while a sweep ran."""

from dataclasses import replace

from segue.record.study.steering import Request
from segue.report.page.sections.more_sections import course
from tests.report.page.support import evidence, trial


def request(action: str, **more: object) -> dict[str, object]:
    made = Request.model_validate({"action": action, "by": "ann@lab", "at": "2027-01-02T03:04:05Z"})
    return made.model_copy(update={"name": action}).recorded(**more)


def test_what_people_requested_is_listed_with_its_effect() -> None:
    known = evidence([trial(0, [1.0])])
    steering = (request("pause"), request("stop", trial=3, problem="the trial had ended already"))
    steered = replace(known, summary=replace(known.summary, steering=steering))
    found = {section.anchor: section for section in course(steered, are_paused=False)}
    table = found["steering"].table
    assert table is not None and table.rows == [
        ("ann@lab, 2027-01-02 03:04 UTC", "pause", "applied"),
        ("ann@lab, 2027-01-02 03:04 UTC", "stop trial 3", "no effect: the trial had ended already"),
    ]


def test_the_lineage_shows_the_related_trials_and_what_was_changed() -> None:
    moved = {"at": 400, "from": 0, "parameters": {"lr": 2e-3, "lam": 0.9}}
    continued = replace(trial(1, [1.0]), lineage=[moved])
    found = list(course(evidence([trial(0, [1.0]), continued, trial(2, [0.5])]), are_paused=True))
    assert [section.anchor for section in found] == ["lineage"]
    figure = found[0].figure
    assert figure is not None
    assert [axis.title.text for axis in figure.select_yaxes()] == ["trial", "lr"]
    schedules = [trace for trace in figure.data if trace.line.shape == "hv"]
    assert [list(trace.y) for trace in schedules] == [[1e-3, 1e-3], [1e-3, 2e-3, 2e-3]]
