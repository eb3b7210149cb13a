"""The comparison on held-out seeds, in numbers and in words."""

from segue.report.data.heldout import HeldOut, compared


def held_out(trial: int, *per_seed: float) -> HeldOut:
    return HeldOut(trial, {}, 1.0, per_seed)


def test_the_best_on_held_out_seeds_comes_first() -> None:
    both = [held_out(1, 1.0, 2.0, 3.0), held_out(2, 4.0, 5.0, 6.0)]
    assert [each.trial for each in compared("max", both).configurations] == [2, 1]
    assert [each.trial for each in compared("min", both).configurations] == [1, 2]


def test_the_verdict_states_whether_the_two_are_distinguished() -> None:
    clear = compared("max", [held_out(1, *[1.0] * 10), held_out(2, *[2.0] * 10)]).verdict
    assert (
        clear
        == "On 10 seeds that the search never saw, trial 2 is best: 2 (95 %: 2 to 2). A run of it"
        " is better than one of trial 1 with probability 1 (95 %: 1 to 1), which"
        " distinguishes the two."
    )
    one = held_out(1, 1.0, 3.0, 2.0, 2.0, 2.5)
    similar = compared("max", [one, held_out(2, 2.0, 1.0, 3.5, 2.0, 2.0)]).verdict
    assert "which does not distinguish the two" in similar


def test_few_seeds_distinguish_nothing() -> None:
    few = compared("max", [held_out(1, 1.0, 1.1, 1.2), held_out(2, 2.0, 2.1, 2.2)]).verdict
    assert few.endswith(
        " 3 seeds per configuration cannot distinguish it from trial 1: at least 5 are needed."
    )


def test_a_tie_on_held_out_seeds_is_one() -> None:
    three = [held_out(1, *[2.0] * 10), held_out(2, *[1.0] * 10), held_out(3, *[2.0] * 10)]
    comparison = compared("max", three)
    assert [each.trial for each in comparison.tied] == [1, 3]
    assert comparison.verdict == "On 10 seeds that the search never saw, trials 1 and 3 tie at 2."


def test_one_configuration_has_no_rival() -> None:
    assert compared("max", [held_out(7, 1.0, 2.0)]).improvement is None
