"""Constraints and the criterion of a scheduler read what reports have."""

from typing import Any

import pytest

from segue.plan.criteria.criterion import NeverEarlyStoppingCriterion
from segue.plan.criteria.metrics import AnyOf, Plateau, Reached
from segue.tune.checks.sweep import check_sweep
from segue.tune.schedulers.criterion import CriterionScheduler
from tests.tune.support.doubles import make_sweep


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"scheduler": CriterionScheduler(AnyOf([Reached("retrun", 1.0)]))},
            "The criterion Reached of the scheduler reads 'retrun', .* did you mean 'return'",
        ),
        (
            {"constraints": {"short": lambda report: report["evaluation"]["lenght"] - 100}},
            "The constraint 'short' reads 'lenght', which no report has: did you mean 'length'",
        ),
        (
            {"constraints": {"few": lambda report: report["env_step"] - 100}},
            "The constraint 'few' reads 'env_step', .* did you mean 'env_steps'",
        ),
        (
            {"constraints": {"odd": lambda report: report.env_steps}},
            r"The constraint 'odd' fails on a report \(AttributeError: .*a trial's last report",
        ),
        (
            {"constraints": {"odd": lambda report: report["return"] > 3}},
            r"The constraint 'odd' fails on a report \(TypeError: .* must be a number, got False",
        ),
    ],
)
def test_what_no_report_has_is_refused_with_the_nearest_name(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        check_sweep(make_sweep(**changes))
    assert "\n" not in str(caught.value)


def test_what_reports_have_can_be_read() -> None:
    constraints = {
        "short": lambda report: report["evaluation"]["length"] - 100,
        "seeds": lambda report: max(report["metric_per_seed"]) - report["return"],
        "made up": lambda report: 1 / (report["env_steps"] - 1),  # 1 is never the last step
    }
    for criterion in (Plateau("length", 3), Reached("env_steps", 5), NeverEarlyStoppingCriterion()):
        scheduler = CriterionScheduler(criterion)
        check_sweep(make_sweep(constraints=constraints, scheduler=scheduler))
