"""Findings that are reported, and those that are not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.data.heldout import HeldOut, compared
from segue.report.page.findings.health import health
from tests.report.page.support import LINE, evidence, trial


def titles(found: Evidence, importances: Mapping[str, float] = {}) -> list[str]:
    return [finding.title for finding in health(found, importances)]


def healthy() -> list[TrialSummary]:
    """A clear winner in the middle of its ranges, on six seeds, before many others."""
    return [
        trial(0, [10.0, 10.1, 10.2, 9.9, 10.0, 9.8]),
        *(trial(n, [n / 10.0] * 6) for n in range(20, 1, -1)),
    ]


def test_a_clear_winner_has_no_warnings() -> None:
    assert titles(evidence(healthy()), {"lr": 0.6, "lam": 0.4}) == []


def test_an_equally_good_runner_up_is_reported() -> None:
    trials = [trial(0, [10.0, 9.0, 11.0] * 2), trial(1, [9.9, 9.1, 10.9] * 2), *healthy()[1:]]
    (finding,) = health(evidence(trials), {})
    assert finding.title == "The winner is not distinguishable from the runner-up"
    assert (
        "probability 0.56" in finding.text
        and "segue retrain runs/x --top 3 --seeds 10" in finding.text
    )


def test_few_seeds_never_distinguish_a_winner() -> None:
    one = [trial(0, [10.0]), *(trial(n, [n / 10.0]) for n in range(20, 1, -1))]
    assert titles(evidence(one)) == ["One seed cannot distinguish the winner from the runner-up"]
    two = [trial(0, [10.0, 10.1]), *(trial(n, [n / 10.0] * 2) for n in range(20, 1, -1))]
    (finding,) = health(evidence(two), {})
    assert finding.title == "2 seeds cannot distinguish the winner from the runner-up"
    assert "at least 5 seeds of each" in finding.text and "probability" not in finding.text


def test_a_tie_is_reported_as_one() -> None:
    trials = [trial(number, [10.0] * 6) for number in (24, 25, 26, 29)] + healthy()[1:]
    (finding,) = health(evidence(trials), {})
    assert finding.title == "The best trials are tied"
    assert finding.text.startswith("Trials 24 to 26, 29 ended with return 10: the metric does not")
    assert "segue retrain runs/x --top 4 --seeds 10" in finding.text


@pytest.mark.parametrize(
    ("early", "state", "misleads"),
    [(-1.0, "pruned", True), (1.0, "pruned", False), (-1.0, "complete", False)],
)
def test_early_values_that_mislead_are_reported(early: float, state: str, misleads: bool) -> None:
    """What a trial has after half of its steps is the more, or the less, the better it ends."""
    trials = healthy()
    curves = {
        each.number: [early * (each.metric or 0.0)] * 6 + [each.metric or 0.0] * 6
        for each in trials
    }
    stopped = trial(21, [0.1] * 6, state, steps=600 if state == "pruned" else 1200)
    found = health(evidence([*trials, stopped], curves), {})
    texts = [each.text for each in found if each.title == "Early values mislead in this sweep"]
    assert bool(texts) == misleads
    assert not texts or "ended worse (rank correlation -1.00)" in texts[0]


def test_few_trials_are_reported() -> None:
    assert "Few complete trials" in titles(evidence(healthy()[:4]))


def test_seeds_that_disagree_are_reported() -> None:
    trials = [trial(0, [20.0, 0.1, 10.0, 11.0, 9.0, 10.0]), *healthy()[1:]]
    assert "The seeds of the best trial disagree" in titles(evidence(trials))


@pytest.mark.parametrize(
    ("parameters", "title"),
    [
        ({"lr": 9.9e-3}, "The best lr is at the border of its range"),
        ({"lr": 1.01e-4}, "The best lr is at the border of its range"),
        ({"lam": 0.99}, "The best lam is at the border of its range"),
        ({"lr": 2e-4}, None),
        ({"lam": 0.95}, None),
    ],
)
def test_a_winner_at_the_border_is_reported(
    parameters: dict[str, float], title: str | None
) -> None:
    first, *others = healthy()
    found = titles(evidence([trial(0, first.per_seed, parameters=parameters), *others]))
    assert found == ([title] if title else [])


def test_a_border_is_not_reported_if_the_middle_is_as_good() -> None:
    seeds = healthy()[0].per_seed
    trials = [
        trial(0, seeds, parameters={"lam": 0.99}),
        trial(1, seeds, parameters={"lam": 0.9}),
        *healthy()[1:],
    ]
    assert titles(evidence(trials)) == ["The best trials are tied"]


def test_a_winner_that_was_better_is_reported() -> None:
    falling = [1, 4, 8, 12, 14, 14, 14, 13, 12, 11, 10, 10]
    assert titles(evidence(healthy(), {0: falling})) == ["The best trial was better before its end"]


@pytest.mark.parametrize(
    ("winner", "other", "is_reported"),
    [
        ([1.0] * 11 + [10.0], [8.0] * 12, True),
        ([9.0] * 11 + [10.0], [8.0] * 12, False),
        ([7.5] * 11 + [10.0], [9.0] * 12, False),  # less than a tenth of the range
    ],
)
def test_a_winner_by_its_last_report_only_is_reported(
    winner: list[float], other: list[float], is_reported: bool
) -> None:
    trials = [healthy()[0], trial(30, [7.9] * 6), trial(31, [7.8] * 6), *healthy()[1:]]
    given = evidence(trials, {0: winner, 31: other})
    texts = {each.title: each.text for each in health(given, {})}
    text = texts.get("The winner is the best by its last report only")
    assert (text is not None) == is_reported
    assert not text or text.startswith(
        "Trial 0 ended with 10, but its last 3 reports have a mean of 4; those of trial 31 have 8."
    )
    assert not text or "segue retrain runs/x --top 3 --seeds 10" in text
    given.curves[0][-1]["generation"] = 1  # another agent's reports come before
    assert "The winner is the best by its last report only" not in titles(given)
    given.curves[0][-1]["generation"] = 0
    given.summary.definition.sweep["evaluation"] = {"mean_of_last": 3}  # its end is such a mean
    assert "The winner is the best by its last report only" not in titles(given)


def test_a_winner_that_still_improves_is_reported() -> None:
    rising = {number: [step / 120 for step in LINE] for number in (0, 20, 19, 18, 17)}
    assert titles(evidence(healthy(), rising)) == [
        "The best trials were still improving when they ended"
    ]


def test_pruning_of_trials_that_were_ahead_is_reported() -> None:
    slow = [1, 2, 3, 4, 5, 6, 10, 10, 10, 10, 10, 10]
    ahead = trial(30, [3.5] * 6, state="pruned", steps=300)
    behind = trial(31, [2.5] * 6, state="pruned", steps=300)
    found = evidence([*healthy(), ahead, behind], {0: slow})
    (finding,) = health(found, {})
    assert finding.title == "Pruning may have removed better trials"
    assert finding.text.startswith("Trial 30 had a better value")
    assert "Use a longer grace period" in finding.text
    found.summary.trials[0].user_attrs["predicted_end"] = {"value": 1.0, "low": 0.0, "high": 2.0}
    (finding,) = health(found, {})
    assert "The section Predicted ends shows what the search expected" in finding.text


def test_parameters_without_influence_are_reported() -> None:
    assert titles(evidence(healthy()), {"lr": 0.98, "lam": 0.02}) == [
        "Parameters without influence"
    ]


def test_a_parameter_of_little_importance_may_matter_near_the_winner() -> None:
    """The range is 10 - 1.1 = 8.9, a tenth of which is .89: 9.2 is near, and 9.0 is not."""
    first, *others = healthy()
    others = [replace(each, parameters={"lr": 2e-3, "lam": 0.9}) for each in others]
    far = replace(others[0], number=30, parameters={"lr": 2e-3, "lam": 0.8})
    shares = {"lr": 0.98, "lam": 0.02}
    for ends, matters in ((9.2, False), (9.0, True)):
        near = trial(8, [ends] * 6, parameters={"lam": 0.8})
        trials = [first, near, far, *others]
        found = health(evidence(trials), shares)
        assert [each.title for each in found] == [
            "lam matters near the winner" if matters else "Parameters without influence"
        ]
    assert found[0].text == (
        "Over all trials its importance is 0.02. But trials 0 and 8 differ in lam alone (0.9 and"
        " 0.8), and ended with return 10 and 9, each on 6 seeds: search lam further, with the"
        " other parameters as the winner's."
    )


def test_failures_and_damaged_records_are_reported() -> None:
    failed = trial(40, [], state="failed", reason="FloatingPointError: diverged")
    first, second = health(evidence([*healthy(), failed], damaged=3), {})
    assert first.text == (
        "1 of 21 trials failed; the most frequent reason (1 trial): FloatingPointError: diverged"
    )
    assert second.text.startswith("3 records of results.jsonl are damaged")


def test_without_a_complete_trial_there_is_no_winner() -> None:
    assert titles(evidence([trial(0, [1.0], state="pruned", steps=300)])) == [
        "No trial has run to its end yet"
    ]


def test_a_lucky_winner_is_reported() -> None:
    unseen = compared("max", [HeldOut(0, {}, 10.0, (7.0, 7.1)), HeldOut(20, {}, 2.0, (2.0, 2.1))])
    assert titles(evidence(healthy(), held_out=unseen)) == [
        "The winner is worse on held-out seeds than in the search"
    ]
    confirmed = compared(
        "max", [HeldOut(0, {}, 10.0, (10.0, 9.9)), HeldOut(20, {}, 2.0, (2.0, 2.1))]
    )
    assert titles(evidence(healthy(), held_out=confirmed)) == []


def test_the_winner_is_that_of_the_held_out_seeds() -> None:
    unseen = compared("max", [HeldOut(0, {}, 10.0, (1.0, 1.1)), HeldOut(20, {}, 2.0, (2.0, 2.1))])
    assert evidence(healthy(), held_out=unseen).winner == healthy()[1]


def test_less_is_better_where_it_is_minimised() -> None:
    worse = [trial(n, [n / 1.0] * 6) for n in range(20, 40)]
    found = evidence(
        [trial(0, [10.0, 10.1, 10.2, 9.9, 10.0, 9.8]), *worse], {0: [1, 1] + [10] * 10}, mode="min"
    )
    assert titles(found) == ["The best trial was better before its end"]
