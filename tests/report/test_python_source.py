"""Values written as Python source build equal values."""

import ast
import functools
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import Adam

from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.schedules import LinearDecay
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.pipelines.weights import Weights
from segue.plan.values.builder import Builder
from segue.plan.world import World
from segue.report.python_source import Source
from segue.train import Demonstrations, Mlp, Network, member_keywords
from segue.train.policies import Policy
from segue.train.policies.encoders import Picture
from segue.tune.code.sweep_file import load_sweep

SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").glob("*_*.py"))


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Own:
    name: str
    size: int = 3
    parts: list[int] = field(default_factory=list)


def built(value: Any) -> Any:
    source = Source()
    expression = source.expression(value)
    names: dict[str, Any] = {}
    exec(source.header(), names)
    return eval(expression, names)


@pytest.mark.parametrize(
    "path", [path for path in SWEEPS if path.stem != "__init__"], ids=lambda path: path.stem
)
def test_pipelines_of_every_sweep_are_built_again(path: Path) -> None:
    if "stable_baselines3" in path.read_text():
        pytest.importorskip("stable_baselines3")
    sweep = load_sweep(path)
    for corner in sweep.corners()[:8] if sweep.trainer is None else ():
        setup = sweep.at(corner)
        assert built(setup.pipeline) == setup.pipeline
        assert built(setup.policy) == setup.policy and built(setup.evaluation) == setup.evaluation


def test_a_stage_that_starts_from_weights_is_built_again(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    stage = PipelineStage(["ppo"], 64, start_from=Weights(path, only=("encoder",)))
    assert built(stage).to_dict() == stage.to_dict()


def test_worlds_are_built_again() -> None:
    world = World(
        "Ant-v5",
        kwargs={"ctrl_cost_weight": 0.1},
        wrappers=[functools.partial(member_keywords, 5), Adam],
        metrics=["success"],
        normalize_observation=True,
    )
    assert built(world) == world
    assert Source().expression(World("Ant-v5")) == 'World(id="Ant-v5")'
    with pytest.raises(ValueError, match="cannot be imported"):
        built(World("Ant-v5", wrappers=[lambda env: env]))


@pytest.mark.parametrize(
    "policy",
    [
        Mlp((32, 16), "silu", ortho_init=False, log_std_init=-2.0, squash_output=True),
        Network("lstm", (64, 32), actor=(8,), critic=(8, 8), shared=False, activation="gelu"),
        Network(hidden=(), encoders={"": Picture(40, 40, 3, convolutions=((8, 3, 2),))}),
    ],
)
def test_policies_are_built_again(policy: Policy) -> None:
    assert built(policy) == policy


plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
nested = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(nested)
def test_plain_values_are_built_again(value: Any) -> None:
    again = built(value)
    assert again == value and repr(again) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Own("a"),
        Own("b", 3, [1]),
        (1,),
        Builder(Adam, {"lr": 1e-3}, default={"eps": 1e-5}),
        functools.partial(Own, "c", size=4)(),
        PipelineStage(["ppo"], 100, teacher_forcing=LinearDecay(50), gamma=0.5, save_interval=None),
        OffPolicyPipelineComponent(
            Builder(Demonstrations, {"path": "x"}), ["b"], 4, None, member_keywords
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_classes_are_built_again(value: Any) -> None:
    again = built(value)
    assert repr(again) == repr(value) and type(again) is type(value)


def test_a_partial_is_built_again() -> None:
    again = built(functools.partial(Own, "c", size=4))
    assert again() == Own("c", 4)


def test_not_a_number_is_built_again() -> None:
    assert math.isnan(built(math.nan)) and built(-math.inf) == -math.inf


def test_names_come_from_where_users_import_them() -> None:
    source = Source()
    source.expression(Builder(Adam, {"lr": 1.0}))
    assert source.header() == "from segue import Builder\nfrom torch.optim import Adam"


def test_names_of_a_sweeps_file_come_from_its_copy() -> None:
    source = Source(homes={__name__: "sweep"})
    assert source.expression(Own("a")) == 'Own(name="a")'
    assert source.header() == "from sweep import Own"


def test_long_values_are_laid_out_on_lines_that_fit() -> None:
    value = {"a" * 30: [LinearDecay(steps) for steps in range(1, 30)], "b": (1.0,) * 60}
    text = Source().expression(value, indent=1)
    assert max(map(len, text.splitlines())) <= 100
    assert ast.unparse(ast.parse(text.strip())) == ast.unparse(
        ast.parse(Source().expression(value))
    )


@pytest.mark.parametrize("value", [lambda: 1, object(), {1, 2}], ids=["lambda", "object", "set"])
def test_what_has_no_source_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Source().expression(value)
