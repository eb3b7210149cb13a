"""How many workers run at a time, on machines of different sizes."""

import pytest

from segue.tune.cluster.capacity import Node, autoscales, workers_at_once
from tests.tune.support.doubles import make_sweep

SMALL: Node = {"CPU": 3.0, "memory": 8e9, "node:10.0.0.1": 1.0}
LARGE: Node = {"CPU": 9.0, "GPU": 1.0, "memory": 8e9, "accelerator_type:A10G": 1.0}


@pytest.mark.parametrize(
    ("resources", "there", "fitting"),
    [
        ({"cpu": 2}, [SMALL, LARGE], 5),  # one and four: a trial has its processors on one machine
        ({"cpu": 2, "gpu": 0.5}, [SMALL, LARGE], 2),
        ({"cpu": 2, "gpu": 0.5}, [{"CPU": 9.0, "GPU": 8.0}], 4),
        ({"cpu": 1, "accelerator_type:A10G": 0.001}, [SMALL, LARGE], 9),
    ],
)
def test_as_many_workers_run_as_fit(
    resources: dict[str, float], there: list[Node], fitting: int
) -> None:
    assert workers_at_once(make_sweep(resources=resources), there, autoscales=False) == fitting


@pytest.mark.parametrize("resources", [{"cpu": 1, "gpu": 2}, {"cpu": 10}, {"cpu": 1, "tpu": 1}])
def test_what_no_machine_has_is_refused(resources: dict[str, float]) -> None:
    said = r"A trial requests .*, but no node has that \(at most 9 CPU, 1 GPU\): request less\."
    for concurrency in (None, 2):
        with pytest.raises(ValueError, match=said):
            workers_at_once(
                make_sweep(resources=resources, concurrency=concurrency),
                [SMALL, LARGE],
                autoscales=False,
            )


def test_an_autoscaling_cluster_starts_what_is_requested() -> None:
    asked = make_sweep(resources={"cpu": 1, "gpu": 1})
    assert workers_at_once(asked, [SMALL], autoscales=True) is None


def test_a_cluster_that_grows_is_known_by_what_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not autoscales()
    monkeypatch.setenv("KUBERAY_GEN_RAY_START_CMD", "ray start --head")
    assert autoscales()
