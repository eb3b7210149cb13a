import numpy as np
import pytest
import torch

from segue.train.checkpoint import load_checkpoint, newest_first, save_checkpoint
from tests.train.support.same import assert_same_state

STATE = {
    "tensor": torch.arange(6.0).reshape(2, 3),
    "arrays": [
        np.arange(3).astype(dtype)
        for dtype in (np.uint64, np.int64, np.float32, np.float64, np.bool_)
    ],
    "empty": np.empty((0, 4), np.float32),
    "scalar array": np.array(2**63 + 1, np.uint64),
    "nested": {"number": 1, "text": "a", "none": None, "list": [1.5, True], 3: "key"},
}


def saved(directory, *steps):
    return [save_checkpoint(directory, at, STATE | {"at": at}) for at in steps]


def test_a_state_is_restored_bit_for_bit(tmp_path):
    save_checkpoint(tmp_path, 10, STATE)
    assert_same_state(load_checkpoint(tmp_path), STATE)


def test_numpy_numbers_and_tuples_come_back_plain(tmp_path):
    save_checkpoint(tmp_path, 10, {"number": np.float64(0.1), "tuple": (1, np.int64(2))})
    assert load_checkpoint(tmp_path) == {"number": 0.1, "tuple": [1, 2]}


def test_a_view_is_saved_without_what_it_views(tmp_path):
    small = save_checkpoint(tmp_path, 1, {"a": torch.zeros(10**6)[:3], "b": np.zeros(10**6)[:3]})
    assert small.stat().st_size < 10_000


def test_loaded_arrays_may_be_written_to(tmp_path):
    save_checkpoint(tmp_path, 10, STATE)
    load_checkpoint(tmp_path)["arrays"][0][0] = 7


def test_the_newest_is_loaded_and_the_previous_one_retained(tmp_path):
    paths = saved(tmp_path, 9, 10, 1_000)
    assert load_checkpoint(tmp_path)["at"] == 1_000
    assert newest_first(tmp_path) == [paths[2], paths[1]]
    assert [path.name[:23] for path in newest_first(tmp_path)] == [
        "checkpoint-000000001000",
        "checkpoint-000000000010",
    ]


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "not there") is None


def truncate(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    at = len(content) // 3
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, lambda content: b""], ids=["truncated", "flipped", "empty"]
)
def test_a_damaged_one_is_set_aside_and_the_one_before_it_loaded(tmp_path, damage):
    older, newer = saved(tmp_path, 1, 2)
    newer.write_bytes(damage(newer.read_bytes()))
    assert load_checkpoint(tmp_path)["at"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [older.name, f"damaged-{newer.name}"]


def test_with_both_damaged_there_is_none(tmp_path):
    for path in saved(tmp_path, 1, 2):
        path.write_bytes(truncate(path.read_bytes()))
    assert load_checkpoint(tmp_path) is None
    assert len(list(tmp_path.glob("damaged-*"))) == 2


def test_a_write_that_was_killed_leaves_nothing_that_counts(tmp_path):
    (path,) = saved(tmp_path, 1)
    (tmp_path / f"{path.name}.123.tmp").write_bytes(b"half")
    (tmp_path / "checkpoint-000000000002-0123456789abcdef.pt.123.tmp").write_bytes(b"half")
    assert load_checkpoint(tmp_path)["at"] == 1


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_loading_executes_nothing(tmp_path):
    save_checkpoint(tmp_path, 1, {"trap": Trap(tmp_path / "sprung")})
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "sprung").exists()
