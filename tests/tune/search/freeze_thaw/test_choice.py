"""What a free worker trains next."""

import math
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution

from segue.tune.search.freeze_thaw.choice import Choice, choose
from segue.tune.search.freeze_thaw.curve import Curve, Proposal, Status
from segue.tune.search.freeze_thaw.protection import protected
from tests.tune.search.freeze_thaw.curves import curve, point

FULL = 1000.0
FAR = [point(0.05), point(0.95)]


def chosen(
    curves: Sequence[Curve],
    proposals: Sequence[float] = (),
    room: float = 99 * FULL,
    last: int | None = None,
) -> Choice | None:
    return choose(curves, [point(x) for x in proposals], room, FULL, last)


def ended(count: int, first: int = 0) -> list[Curve]:
    """Trials whose end is their rank times 4."""
    return [
        curve(first + n, [n + 1.0, 2 * n + 1.0, 3 * n + 1.0, 4 * n + 1.0], x=n / count)
        for n in range(count)
    ]


def test_the_first_trial_begins_at_random() -> None:
    assert chosen([], [0.3, 0.6]) == Choice(proposal=0)
    assert chosen([], [], room=99 * FULL) is None
    assert chosen([], [0.3], room=FULL - 1) is None


def test_before_four_trials_have_reported_others_begin_up_to_seven() -> None:
    begun = [curve(0, [1.0]), *(curve(n, []) for n in range(1, 4))]
    assert chosen(begun, [0.3], last=0) == Choice(proposal=0)
    assert chosen([*begun, *(curve(n, []) for n in range(4, 7))], [0.3], last=0) == Choice(0)
    assert chosen(begun[:1], [], last=0) == Choice(0)
    assert chosen(begun[:1], []) == Choice(0)


@pytest.mark.parametrize(("reports", "continues"), [(1, True), (2, False)])
def test_no_trial_is_paused_before_an_eighth_of_the_longest(reports: int, continues: bool) -> None:
    bad = curve(9, [0.0, 0.0][:reports], x=0.0, interval=100.0)
    for begun in (ended(6), ended(3)):
        assert (chosen([*begun, bad], [0.9], last=9) == Choice(9)) == continues


def test_a_promising_paused_trial_resumes_before_a_bad_one() -> None:
    known = ended(6)
    good = curve(6, [6.0, 11.0, 16.0], x=0.9)
    bad = curve(7, [0.5, 0.5, 0.5], x=0.9)
    assert chosen([*known, bad, good]) == Choice(6)
    assert chosen([*known, bad, good], last=7) == Choice(6)


def test_of_equal_trials_the_one_with_fewer_steps_to_go_resumes() -> None:
    values = [6.0, 11.0, 16.0]
    nearly = curve(6, values, x=0.9)
    hardly = curve(7, values[:1], x=0.9)
    assert chosen([*ended(6), hardly, nearly]) == Choice(6)


def test_among_kinds_a_trial_that_stands_still_at_the_best_value_is_the_last_to_resume() -> None:
    flat = [curve(n, [0.0] * 4, x=0.9) for n in range(4)]
    low = [curve(4, [-2.0, -1.5, -1.0, -1.0], x=0.2), curve(5, [-3.0, -2.0, -2.0, -2.0], x=0.3)]
    standing = curve(6, [0.0, 0.0, 0.01], x=0.9)
    known = [*flat, *low, standing]
    kinds = CategoricalDistribution(["a", "b", "c"])
    new = [Proposal({"kind": kind}, {"kind": kinds}) for kind in kinds.choices]
    assert choose(known, new, 99 * FULL, FULL) in (Choice(proposal=0), Choice(proposal=1))
    assert choose(known, new, FULL / 2, FULL) == Choice(6)  # no new one fits
    promising = replace(standing, values=(0.0, 0.0, 0.9))
    assert choose([*known[:-1], promising], new, 99 * FULL, FULL) == Choice(6)
    assert chosen(known, [0.5]) == Choice(6)  # in a space of one kind
    two = {"kind": CategoricalDistribution(["a", "b"])}
    assert choose(known, [Proposal({"kind": "a"}, two)], 99 * FULL, FULL) == Choice(6)


def test_a_new_point_where_good_trials_are_before_a_bad_trial() -> None:
    known = [*ended(6), curve(6, [1.0], x=0.1)]
    assert chosen(known, [0.1, 0.9]) == Choice(proposal=1)


@pytest.mark.parametrize(("rank", "is_protected"), [(11, False), (12, True), (13, False)])
def test_every_twelfth_trial_runs_to_its_end(rank: int, is_protected: bool) -> None:
    hopeless = curve(100, [-9.0], x=0.0)
    begun = [*ended(rank - 1), hopeless]
    assert (chosen(begun, [0.9], last=100) == Choice(100)) == is_protected
    assert chosen(begun, [0.9], room=FULL / 4, last=100) is None  # its end does not fit


def test_nothing_is_chosen_that_could_not_end_within_the_budget() -> None:
    paused = [curve(6, [6.0], x=0.9), curve(7, [6.0, 11.0], x=0.9)]
    assert chosen([*ended(6), *paused], [0.9], room=600.0) == Choice(7)
    assert chosen([*ended(6), *paused], [0.9], room=100.0) is None


def test_running_and_stopped_trials_are_no_options() -> None:
    others = [
        curve(6, [6.0], Status.RUNNING, x=0.9),
        curve(7, [6.0], Status.STOPPED, x=0.9),
        curve(8, [], Status.RUNNING, x=0.9),
    ]
    assert chosen([*ended(6), *others]) is None
    assert chosen([*ended(6), *others], [0.5]) == Choice(proposal=0)


@pytest.mark.parametrize(
    "values",
    [
        [[1.0] * 4] * 9,
        [[math.nan]] * 9,
        [[math.nan, 1.0]] * 5 + [[math.inf]] * 4,
        [[1e300, -1e300, 1e300]] * 9,
        [[1e-300 * n] for n in range(9)],
    ],
)
def test_ties_and_what_is_not_finite(values: list[list[float]]) -> None:
    found = chosen([curve(n, each) for n, each in enumerate(values)], [0.5])
    assert found is not None


def a_history(count: int, seed: int = 0, gain: float = 1.0) -> list[Curve]:
    draw = random.Random(seed)
    found = []
    for number in range(count):
        x = draw.random()
        reports = draw.choice([0, 1, 1, 2, 3, 10])
        end = gain * (1 - (x - 0.3) ** 2)
        values = [index * end + draw.gauss(0, 0.2) for index in range(reports)]
        status = Status.RUNNING if not reports else None
        found.append(curve(number, values, status, x=x, interval=100.0))
    return found


def without_checks(curves: Sequence[Curve]) -> list[Curve]:
    """The history, in which those that would be checked were stopped, so that the model chooses."""
    checked = {each.number for each in protected(curves) if each.status == Status.PAUSED}
    return [
        replace(each, status=Status.STOPPED) if each.number in checked else each for each in curves
    ]


def test_the_same_history_gives_the_same_choice() -> None:
    proposals = [n / 64 for n in range(64)]
    first, second = (
        [chosen(without_checks(a_history(60, seed)), proposals) for seed in range(5)]
        for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > 1


@pytest.mark.parametrize("gain", [1.0, -1.0])  # where values fall, most trials end badly
@pytest.mark.parametrize(("count", "seconds"), [(100, 0.05), (300, 0.05), (1000, 0.2)])
def test_a_choice_is_fast(count: int, seconds: float, gain: float) -> None:
    curves = without_checks(a_history(count, gain=gain))
    proposals = [n / 64 for n in range(64)]
    first = chosen(curves, proposals)
    assert first is not None and not first.is_check
    taken = []
    for _ in range(3):
        since = time.process_time()
        chosen(curves, proposals)
        taken.append(time.process_time() - since)
    assert min(taken) < seconds
