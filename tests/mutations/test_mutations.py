"""A bounded, seeded campaign; the long one is `python -m tests.mutations`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.tune.cluster.session import suppress_ray_warnings
from tests.mutations.campaign import findings, problem_of
from tests.mutations.run import make_run

SEED = 1
PARTS = 4
COUNT = 60  # mutations of a part


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mutations") / "original"
    with suppress_ray_warnings():
        make_run(path)
    return path


def reader_that_fails(run: Path) -> None:
    raise KeyError(str(run))


def reader_that_hangs(run: Path) -> None:
    os.mkfifo(run)
    run.read_text()


@pytest.mark.parametrize(
    ("reader", "what"), [(reader_that_fails, "KeyError"), (reader_that_hangs, "it hangs")]
)
def test_a_traceback_and_a_hang_are_found(
    tmp_path: Path, reader: Callable[[Path], None], what: str
) -> None:
    assert what in str(problem_of(reader, tmp_path / "run", seconds=0.2))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_reader_ends_with_a_traceback_or_hangs(
    original: Path, tmp_path: Path, part: int
) -> None:
    indices = range(part * COUNT, (part + 1) * COUNT)
    with suppress_ray_warnings():
        found = [str(finding) for finding in findings(original, tmp_path, SEED, indices, readers=1)]
    assert not found, "\n".join(found)
