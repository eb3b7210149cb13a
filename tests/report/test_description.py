from functools import partial
from typing import Any

from ray import tune

from segue.plan.sweeps.points.corners import Corners
from segue.plan.sweeps.sweep import Sweep
from segue.report.description import describe_sweep
from segue.train import Network
from segue.tune.schedulers.explanation import explained
from segue.worlds import CartPole
from tests.tune.support.doubles import MIXED, make_sweep, pipeline


def described(sweep: Sweep, name: str, title: str, *remarks: Any) -> str:
    corners = Corners.of(sweep)
    return describe_sweep(sweep, corners, name, title, explained(sweep, corners), *remarks)


def test_a_grid_is_described_with_its_exact_budget() -> None:
    lines = described(make_sweep(), "double", "How long?").splitlines()
    assert lines[0] == "double: How long?"
    assert "world         CartPole-v1, 8 lanes per seed" in lines
    assert "evaluation    return (max), every 100 steps, 10 episodes, greedy" in lines
    assert "trials        16: the grid of 16" in lines
    assert "seeds         2 per trial, aggregated by mean" in lines
    assert "policy        the default for the world's observations" in lines
    assert "scheduler     asha: the best 1 of 3 trials continues at 150 steps, and" in lines
    assert "budget        at most 38,400 environment steps" in lines
    assert "  lr            grid_search 0.0001, 0.0003, 0.001, 0.003" in lines
    assert "pipeline at   first_steps=400, lr=0.0001, gae_lambda=0.8" in lines
    assert "  stage 2 of 2" in lines


def test_a_search_is_described_with_its_domains() -> None:
    text = described(make_sweep(space=MIXED, trials=30, scheduler=None, seeds=1), "double", "")
    assert text.startswith("double\n")
    assert "trials        30: tpe" in text
    assert "scheduler     none: every trial runs to its end" in text
    assert "budget        at most 36,000 environment steps" in text
    assert "loguniform 1e-05, 0.01" in text
    assert "first_steps   always 400" in text


def test_the_values_of_a_space_are_one_column() -> None:
    space = {"first_steps": 400, "a_name_of_its_own": 1, "lr": tune.grid_search([1e-3, 1e-4])}
    sweep = make_sweep(
        pipeline=lambda first_steps, a_name_of_its_own, lr: pipeline(first_steps, lr, 0.9),
        space=space,
    )
    lines = described(sweep, "double", "").splitlines()
    first = lines.index("space") + 1
    assert lines[first : first + 3] == [
        "  first_steps       always 400",
        "  a_name_of_its_own always 1",
        "  lr                grid_search 0.001, 0.0001",
    ]


def test_more_trials_than_points_are_searched_for_after_the_grid() -> None:
    assert "trials        20: the grid of 16, then random" in described(
        make_sweep(trials=20, search="random"), "double", ""
    )


def test_remarks_are_lines_of_the_plan() -> None:
    lines = described(
        make_sweep(), "double", "", [("optimizer", "one member at a time")]
    ).splitlines()
    assert lines.index("optimizer     one member at a time") == lines.index("space") - 1


def test_lines_fit_a_narrow_terminal() -> None:
    text = described(make_sweep(), "double", "", [("optimizer", "one member at a time, " * 9)])
    assert max(map(len, text.splitlines())) <= 76


def test_functions_of_the_space_are_shown_with_what_they_return_at_the_first_corner() -> None:
    sweep = make_sweep(
        pipeline=lambda first_steps: pipeline(first_steps, 1e-3, 0.9),
        space={"first_steps": 400, "size": tune.grid_search([2, 4])},
        world=lambda size: partial(CartPole, size),
        lanes=lambda size: 2 * size,
        policy=lambda size: Network(hidden=size),
    )
    corners = Corners.of(sweep)
    lines = describe_sweep(sweep, corners, "double", "", explained(sweep, corners)).splitlines()
    assert "world         a function of size" in lines
    assert "lanes         a function of size, per seed" in lines
    assert "policy        a function of size" in lines
    at = lines.index("pipeline at   first_steps=400, size=2")
    assert lines[at + 1 : at + 3] == ["  world         CartPole(2)", "  lanes         4"]
    assert lines[at + 3].startswith("  policy        Network(hidden=2)")
