"""The first screen: one winner, or a tie that is called one."""

from segue.report.data.heldout import HeldOut, compared
from segue.report.page.headline import build_headline
from segue.report.page.trials import columns
from tests.report.page.support import evidence, trial

TIED = [
    trial(0, [5.0] * 6, parameters={"lr": 1e-3, "lam": 0.8}),
    trial(1, [5.0] * 6, parameters={"lr": 2e-3, "lam": 0.8}),
    trial(4, [5.0] * 6, parameters={"lr": 1e-3, "lam": 0.9}),
    trial(2, [1.0] * 6),
]


def test_a_tie_is_the_headline() -> None:
    head = build_headline(evidence(TIED))
    assert head.answer == "3 trials tie at return 5"
    assert head.ties == "Trials 0, 1, 4."
    assert head.parameters == {"lr": "0.001 or 0.002", "lam": "0.8 or 0.9"}
    assert "per seed" not in head.facts


def test_a_tie_stays_one_after_retraining() -> None:
    equal = [HeldOut(number, {}, 5.0, (4.0,) * 10) for number in (0, 1)]
    head = build_headline(evidence(TIED, held_out=compared("max", equal)))
    assert head.answer == "2 trials tie at return 4 on held-out seeds"
    assert head.ties == "Trials 0, 1. In the search, 3 trials tied at 5; 2 of them were retrained."


def test_retraining_may_break_a_tie() -> None:
    unequal = [HeldOut(number, {}, 5.0, (4.0 + number,) * 10) for number in (0, 1, 4)]
    head = build_headline(evidence(TIED, held_out=compared("max", unequal)))
    assert head.answer == "Trial 4: return 8 on held-out seeds"
    assert head.ties == "In the search, 3 trials tied at 5."


def test_one_winner_has_no_ties() -> None:
    head = build_headline(evidence([trial(0, [9.0] * 6), *TIED]))
    assert (head.answer, head.ties) == ("Trial 0: return 9 ± 0", "")


def test_stages_are_shown_where_there_are_several() -> None:
    assert "stage" in dict(columns(evidence(TIED)))
    single = [trial(0, [1.0, 2.0], stages=1, ends=[1200])]
    assert "stage" not in dict(columns(evidence(single)))
