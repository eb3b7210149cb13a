"""How many workers a run has, and how many trials each trains side by side."""

from typing import Any

import pytest
from ray import tune

from segue.plan.sweeps.points.corners import Corners
from segue.train import Network
from segue.tune.dispatch.rows import Crew, crew_of, most_rows
from tests.tune.support.doubles import MIXED, make_sweep

MANY = {"space": MIXED, "trials": 64}
SMALL = {"first_steps": 400, "gae_lambda": 0.95, "lr": tune.grid_search([1e-4, 1e-3, 1e-2])}


@pytest.mark.parametrize(
    ("given", "left", "fitting", "workers", "rows"),
    [
        ({"seeds": 1}, 16, 2, 2, 8),  # an even share of a grid of 16
        ({"seeds": 1}, 5, 2, 2, 3),
        ({"seeds": 1}, 1, 2, 1, 1),
        ({"seeds": 1, "concurrency": 1}, 16, 2, 1, 1),
        ({"seeds": 1, "concurrency": 6}, 16, 2, 2, 3),
        ({"seeds": 1, "concurrency": 6, "rows": 2}, 16, None, 3, 2),
        ({"seeds": 1, "rows": 3}, 16, 2, 2, 3),
        ({"seeds": 1, "rows": 1}, 16, 8, 8, 1),
        ({"seeds": 1, "rows": 4}, 16, None, 4, 4),  # on a cluster that starts nodes
        ({"seeds": 1, "space": SMALL}, 3, 8, 3, 1),
        ({"seeds": 1, "world": "Acrobot-v1"}, 16, 2, 2, 1),
        ({"seeds": 1, "resources": {"cpu": 1, "gpu": 0.5}}, 16, 2, 2, 1),
        ({"seeds": 1, **MANY, "search": "random"}, 64, 2, 2, 32),
        ({"seeds": 1, **MANY, "search": "tpe"}, 64, 2, 2, 4),  # 8 of its 64 at once
        ({"seeds": 1, **MANY, "search": "tpe", "rows": 16}, 64, 2, 2, 16),
        ({"seeds": 1, **MANY, "search": "tpe"}, 64, 32, 32, 1),
    ],
)
def test_workers_and_rows(
    given: dict[str, Any], left: int, fitting: int | None, workers: int, rows: int
) -> None:
    sweep = make_sweep(**given)
    most = most_rows(sweep, Corners.of(sweep))
    assert crew_of(sweep, most, sweep.search, left, fitting) == Crew(workers, rows)
    assert most_rows(sweep, Corners.of(sweep), is_solo=True) == 1


def test_the_crew_is_shown_in_words() -> None:
    assert str(Crew(2, 6)) == "6 trials side by side in each of 2 workers"
    assert str(Crew(1, 6)) == "6 trials side by side in one worker"


def test_a_trial_that_fills_the_cache_has_a_worker_to_itself() -> None:
    large = make_sweep(seeds=1, policy=Network("gru", hidden=1024), lanes=512)
    assert most_rows(large, Corners.of(large)) == 1
    four, one = (
        most_rows(each, Corners.of(each)) for each in (make_sweep(seeds=4), make_sweep(seeds=1))
    )
    assert four == one // 4 > 1
