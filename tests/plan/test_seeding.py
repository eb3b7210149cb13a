import random

import numpy as np
import pytest
import torch

from segue.plan.seeding import set_deterministic_cudnn, set_seed


def draws():
    return random.random(), float(np.random.random()), float(torch.rand(()))


@pytest.fixture(autouse=True)
def _same_generators_afterwards():
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(kept[0])
    np.random.set_state(kept[1])
    torch.set_rng_state(kept[2])


def test_the_same_seed_gives_the_same_draws_everywhere():
    set_seed(7)
    first = draws()
    set_seed(7)
    assert draws() == first
    set_seed(seed=8)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_none_keeps_the_current_seeds():
    set_seed(7)
    first = draws(), draws()
    set_seed(7)
    one = draws()
    set_seed(None)
    set_seed()
    assert (one, draws()) == first


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        (-1, ValueError),
        (2**32, ValueError),
        (1.0, TypeError),
        ("1", TypeError),
        (True, TypeError),
        ([1], TypeError),
    ],
)
def test_a_wrong_seed_is_refused_before_any_generator_is_touched(seed, error):
    set_seed(7)
    first = draws()
    set_seed(7)
    with pytest.raises(error, match="seed must be"):
        set_seed(seed)
    assert draws() == first


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(5)])
def test_the_ends_of_the_range_are_seeds(seed):
    set_seed(seed)


def test_cudnn_becomes_deterministic():
    cudnn = torch.backends.cudnn
    kept = cudnn.deterministic, cudnn.benchmark
    try:
        cudnn.deterministic = False
        cudnn.benchmark = True
        set_deterministic_cudnn()
        assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
    finally:
        cudnn.deterministic, cudnn.benchmark = kept
