"""A bounded, seeded campaign; the long one is `python -m tests.mutations`."""

from pathlib import Path

import pytest

from segue.tune.cluster.session import suppress_ray_warnings
from tests.mutations.campaign import findings
from tests.mutations.run import make_run

SEED = 1
PARTS = 4
COUNT = 80  # mutations of a part


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mutations") / "original"
    with suppress_ray_warnings():
        make_run(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_reader_ends_with_a_traceback_or_hangs(
    original: Path, tmp_path: Path, part: int
) -> None:
    indices = range(part * COUNT, (part + 1) * COUNT)
    with suppress_ray_warnings():
        found = [str(finding) for finding in findings(original, tmp_path, SEED, indices, readers=1)]
    assert not found, "\n".join(found)
