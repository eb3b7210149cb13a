"""Weights as a value: its content counts, not its path."""

import os

import pytest

from segue.plan.pipelines.stage import PipelineStage
from segue.plan.pipelines.text import pipeline_text
from segue.plan.pipelines.weights import Weights
from segue.plan.values.describe import describe


def test_equal_content_is_an_equal_value_wherever_it_is(tmp_path):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(b"weights")
    (tmp_path / "c.pt").write_bytes(b"others")
    first = Weights(tmp_path / "a.pt", only=["encoder"])
    second = Weights(str(tmp_path / "b.pt"), only=("encoder",))
    third = Weights(tmp_path / "c.pt", only=("encoder",))
    assert first == second and hash(first) == hash(second) and first != third
    assert describe(first) == describe(second) != describe(third)
    assert str(tmp_path) not in str(describe(first))
    assert first != Weights(tmp_path / "a.pt")


def test_a_file_that_is_written_again_has_another_digest(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"weights")
    first = Weights(path)
    path.write_bytes(b"others!")
    os.utime(path, ns=(1, 1))
    assert Weights(path) != first


def test_a_stage_says_what_it_starts_from(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"weights")
    weights = Weights(path, only=("encoder",), member=2)
    stage = PipelineStage(["ppo"], 64, start_from=weights)
    assert eval(repr(weights)) == weights and repr(weights) in repr(stage)
    assert "starts from" in pipeline_text("", (), [stage])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("missing.pt",), ValueError, "'missing.pt'.*cannot be read .No such file"),
        ((".",), ValueError, r"'\.'.*it is a folder: .*best_checkpoint"),
        ((3,), TypeError, "Weights takes the path of a file, got 3"),
        (("missing.pt", "encoder"), TypeError, r"Weights\(only\) must be a list of names"),
        (("missing.pt", (), -1), ValueError, r"Weights\(member\) must be at least 0, got -1"),
        (("missing.pt", (), True), TypeError, r"Weights\(member\) must be a whole number"),
    ],
)
def test_what_cannot_be_a_file_of_weights_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Weights(*arguments)


def test_only_weights_are_started_from():
    with pytest.raises(TypeError, match=r"start_from must be Weights, .* got 'a\.pt'"):
        PipelineStage(["ppo"], 64, start_from="a.pt")
