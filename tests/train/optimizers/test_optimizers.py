"""Rules over rows against torch's own optimizers and `clip_grad_norm_`, member by member."""

import numpy as np
import pytest
import torch

from segue.plan.values.builder import Builder
from segue.train.checkpoint import load_checkpoint, save_checkpoint
from segue.train.optimizers import OptimizerState, rule_of
from segue.train.optimizers.one_by_one import OneByOne
from segue.train.optimizers.rule import clipped
from tests.train.support.example_members import SEEDS
from tests.train.support.pipelines import ROLLOUT, advanced, pipeline, stage, trainer
from tests.train.support.same import assert_same_state

P = 64
UPDATES = 50
NORMS = torch.tensor([0.5, 1e9, 0.1, float("inf")])
optim = torch.optim

PACKED = {
    "Adam": (
        optim.Adam,
        [
            {"lr": 1e-3},
            {"lr": 0.5, "betas": (0.5, 0.9), "eps": 1e-5},
            {"weight_decay": 0.1},
            {"lr": 0.0},
        ],
    ),
    "AdamW": (
        optim.AdamW,
        [{"lr": 1e-3}, {"lr": 0.5, "betas": (0.5, 0.9)}, {"weight_decay": 0.0}, {"lr": 0.0}],
    ),
    "SGD": (optim.SGD, [{"lr": 1e-2}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.3}, {"lr": 0.0}]),
    "SGD with momentum": (
        optim.SGD,
        [
            {"lr": 1e-2, "momentum": m, "dampening": d, "weight_decay": w}
            for m, d, w in ((0.9, 0, 0), (0.5, 0.3, 0.1))
        ],
    ),
    "Nesterov's": (optim.SGD, [{"lr": 1e-2, "momentum": m, "nesterov": True} for m in (0.9, 0.5)]),
    "RMSprop": (
        optim.RMSprop,
        [{"lr": 1e-3}, {"lr": 0.1, "alpha": 0.9, "eps": 1e-3}, {"weight_decay": 0.1}],
    ),
    "RMSprop, centred": (optim.RMSprop, [{"alpha": a, "centered": True} for a in (0.99, 0.5)]),
    "RMSprop with momentum": (optim.RMSprop, [{"lr": 1e-3, "momentum": m} for m in (0.9, 0.5)]),
}
ONE_BY_ONE = {
    "Adagrad": (optim.Adagrad, [{"lr": 0.1}, {"lr": 0.2, "lr_decay": 0.1}]),
    "NAdam": (optim.NAdam, [{}, {"lr": 0.1}]),
    "Rprop": (optim.Rprop, [{}, {"lr": 0.1}]),
    "Adafactor": (optim.Adafactor, [{}, {"lr": 0.1}]),
    "Adam, amsgrad": (optim.Adam, [{"amsgrad": True}, {"amsgrad": True, "lr": 0.1}]),
}
CLOSE = {"rtol": 1e-6, "atol": 1e-6}  # parameters are of size 1


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_torch(kind, arguments, parameters, max_grad_norm, gradients):
    """The parameters after torch's own updates with these gradients."""
    parameter = torch.nn.Parameter(parameters.clone())
    optimizer = kind([parameter], **arguments)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_([parameter], max_grad_norm)
        optimizer.step()
    return parameter.detach()


def phase(rules, state, members, parameters, norms, gradients_UKP):
    """One phase of these members, in place."""
    rows = state.take(members, parameters)
    step = rules[0].begin(rules, rows, len(gradients_UKP))
    for update, gradient in enumerate(gradients_UKP):
        step(clipped(gradient, norms)[0], update)
    state.put_back(members, rows, parameters, len(gradients_UKP))


def updated(kind, arguments, parameters, gradients, phases=(7, UPDATES - 7)):
    """The parameters after phases of so many updates."""
    rules = [rule_of(Builder(kind, own)) for own in arguments]
    state = OptimizerState.zeros(rules[0], parameters)
    parameters = parameters.clone()
    members = range(len(rules))
    for part in gradients.split(phases):
        phase(rules, state, members, parameters, NORMS[: len(rules)], part)
    return parameters


def drawn(members):
    return (
        normal(0, members, P),
        normal(1, UPDATES, members, P) * torch.linspace(0.1, 5, members)[:, None],
    )


@pytest.mark.parametrize(
    ("kind", "arguments"), (PACKED | ONE_BY_ONE).values(), ids=PACKED | ONE_BY_ONE
)
def test_every_member_s_updates_are_torch_s(kind, arguments):
    parameters, gradients = drawn(len(arguments))
    result = updated(kind, arguments, parameters, gradients)
    for k, own in enumerate(arguments):
        expected = by_torch(kind, own, parameters[k], NORMS[k], gradients[:, k])
        torch.testing.assert_close(result[k], expected, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "arguments"), (PACKED | ONE_BY_ONE).values(), ids=PACKED | ONE_BY_ONE
)
def test_a_member_is_the_same_bit_for_bit_whatever_its_neighbours(kind, arguments):
    parameters, gradients = drawn(len(arguments))
    together = updated(kind, arguments, parameters, gradients)
    norms = NORMS.clone()
    for k, own in enumerate(arguments):
        NORMS[0] = norms[k]
        alone = updated(kind, [own], parameters[k : k + 1], gradients[:, k : k + 1])
        NORMS[:] = norms
        assert torch.equal(alone[0], together[k])


@pytest.mark.parametrize(
    ("kind", "arguments"), (PACKED | ONE_BY_ONE).values(), ids=PACKED | ONE_BY_ONE
)
@pytest.mark.parametrize("numbers", [61, 1003])
def test_each_of_seven_rows_of_an_odd_length_is_what_it_is_alone(kind, arguments, numbers):
    arguments = [arguments[k % len(arguments)] | {"lr": 1e-3 * (1 + k)} for k in range(7)]
    parameters = normal(2, 7, numbers)
    gradients = normal(3, 9, 7, numbers)
    rules = [rule_of(Builder(kind, own)) for own in arguments]
    norms = torch.linspace(0.1, 60, 7)
    state = OptimizerState.zeros(rules[0], parameters)
    together = parameters.clone()
    phase(rules, state, range(7), together, norms, gradients)
    for k, rule in enumerate(rules):
        state = OptimizerState.zeros(rule, parameters[:1])
        alone = parameters[k : k + 1].clone()
        phase([rule], state, [0], alone, norms[k : k + 1], gradients[:, k : k + 1])
        assert torch.equal(alone[0], together[k])


@pytest.mark.parametrize(("kind", "arguments"), PACKED.values(), ids=PACKED)
def test_members_may_have_different_numbers_of_updates_behind_them(kind, arguments):
    """The first member's first updates are done alone; then all continue together."""
    members = len(arguments)
    parameters, gradients = drawn(len(arguments))
    rules = [rule_of(Builder(kind, own)) for own in arguments]
    state = OptimizerState.zeros(rules[0], parameters)
    result = parameters.clone()
    phase(rules[:1], state, [0], result, NORMS[:1], gradients[:5, :1])
    phase(rules, state, range(members), result, NORMS[:members], gradients[5:])
    assert state.updates.tolist() == [UPDATES, *[UPDATES - 5] * (members - 1)]
    for k, own in enumerate(arguments):
        expected = by_torch(kind, own, parameters[k], NORMS[k], gradients[5 * (k > 0) :, k])
        torch.testing.assert_close(result[k], expected, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (optim.Adam, {"lr": 0.1}, 1 - 0.1),  # the first step of Adam is lr, whatever the gradient
        (optim.AdamW, {"lr": 0.1, "weight_decay": 0.5}, 1 - 0.05 - 0.1),
        (optim.SGD, {"lr": 0.1, "weight_decay": 0.5}, 1 - 0.1 * (2 + 0.5)),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, 1 - 0.1 * (2 + 0.9 * 2)),
        (optim.RMSprop, {"lr": 0.1, "alpha": 0.75, "eps": 0.0}, 1 - 0.1 * 2 / (0.25 * 4) ** 0.5),
    ],
)
def test_one_update_worked_by_hand(kind, arguments, expected):
    rule = rule_of(Builder(kind, arguments))
    one = torch.ones(1, 1)
    state = OptimizerState.zeros(rule, one)
    phase([rule], state, [0], one, torch.tensor([1e9]), torch.full((1, 1, 1), 2.0))
    assert one.item() == pytest.approx(expected, rel=1e-6)


def test_clipping_is_torch_s():
    rows = normal(2, 3, P)
    limit = torch.tensor([0.1, 100.0, float("inf")])
    for k, (row, norm) in enumerate(zip(*clipped(rows, limit), strict=True)):
        parameter = torch.nn.Parameter(torch.zeros(P))
        parameter.grad = rows[k].clone()
        before = torch.nn.utils.clip_grad_norm_([parameter], limit[k].item())
        torch.testing.assert_close(row, parameter.grad, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(norm, before, rtol=1e-6, atol=1e-7)


BUILDERS = {
    "SGD": Builder(optim.SGD, {"lr": 1e-2, "momentum": 0.9}),
    "RMSprop": Builder(optim.RMSprop, {"lr": 1e-3}),
    "AdamW": Builder(optim.AdamW, {"lr": 1e-3}),
    "Adagrad": Builder(optim.Adagrad, {"lr": 1e-2}),
    "Rprop": Builder(optim.Rprop),
    "SGD, maximize": Builder(optim.SGD, {"maximize": True}),  # keeps no state
}


def plans(builder):
    """Three members that stand in stages of different lengths and update counts."""
    return [
        pipeline(
            stage(steps=(1 + i) * ROLLOUT, update_repeats=1 + i),
            stage("a2c"),
            optimizer_builder=builder,
        )
        for i in range(3)
    ]


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_member_trained_by_any_of_them_is_itself_in_a_pack_and_after_resuming(builder, tmp_path):
    together = trainer(plans(builder), seeds=SEEDS[:3])
    advanced(together, 2)
    save_checkpoint(tmp_path, together.env_steps, together.state_dict())
    advanced(together)
    for k, plan in enumerate(plans(builder)):
        alone = advanced(trainer([plan], seeds=SEEDS[k : k + 1]))
        assert torch.equal(alone.parameters[0], together.parameters[k])
    resumed = trainer(plans(builder), seeds=SEEDS[:3])
    resumed.load_state_dict(load_checkpoint(tmp_path))
    assert_same_state(advanced(resumed).state_dict(), together.state_dict())


def test_the_schedule_reaches_torch_s_own_optimizers():
    builder = Builder(
        optim.lr_scheduler.LambdaLR, {"lr_lambda": lambda steps: 0.0 if steps else 1.0}
    )
    made = trainer(pipeline(optimizer_builder=BUILDERS["Adagrad"], lr_scheduler_builder=builder))
    made.advance()
    before = made.parameters
    made.advance()
    assert torch.equal(made.parameters, before)


def test_flags_about_speed_change_nothing():
    assert rule_of(Builder(optim.Adam, {"foreach": True, "fused": None})) == rule_of(
        Builder(optim.Adam)
    )
    assert isinstance(rule_of(Builder(optim.Adam, {"amsgrad": True})), OneByOne)
    assert not isinstance(rule_of(Builder(optim.Adam, {"amsgrad": False})), OneByOne)


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        (optim.SGD, {"nesterov": True}, "requires a momentum above 0"),
        (optim.SGD, {"lr": float("nan")}, "SGD requires lr to be a finite number"),
        (optim.RMSprop, {"alpha": 1.0}, r"RMSprop requires alpha to be in \[0, 1\)"),
        (optim.Adam, {"betas": 0.9}, "requires two betas"),
        (optim.SGD, {"nesterov": "no", "momentum": 0.9}, "SGD requires True or False for nesterov"),
        (optim.RMSprop, {"centered": 1}, "RMSprop requires True or False for centered"),
        (optim.Adam, {"beta": (0.9, 0.99)}, "Adam takes no 'beta', .*: did you mean 'betas'"),
        (optim.SGD, {"amsgrad": False}, "SGD takes no 'amsgrad'"),
        (optim.Adagrad, {"epz": 0.9}, "Adagrad takes no 'epz', .*: did you mean 'eps'"),
        (optim.Adagrad, {"lr": float("inf")}, "Adagrad requires lr to be a finite number"),
        (optim.Adagrad, {"lr": "3e-4"}, "Adagrad requires lr to be a finite number .*'3e-4'"),
        (
            optim.Adagrad,
            {"eps": -1.0},
            r"Invalid epsilon value: -1.0\): correct its arguments {'eps': -1.0}, or choose",
        ),
        (optim.LBFGS, {}, "LBFGS cannot update .*choose another optimizer"),
        (optim.SparseAdam, {}, "SparseAdam cannot update"),
    ],
)
def test_impossible_optimizers_are_refused(kind, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        rule_of(Builder(kind, arguments)).check()


def test_members_of_a_pack_share_the_class():
    each = [pipeline(optimizer_builder=BUILDERS["SGD"]), pipeline()]
    with pytest.raises(ValueError, match="these have Adam and SGD: train them apart"):
        trainer(each, seeds=[0, 1])


def test_numbers_may_differ_within_a_pack():
    each = [pipeline(adam={"lr": lr}) for lr in (0.0, 1e-3)]
    made = trainer(each, seeds=[0, 1])
    before = made.parameters
    made.advance()
    assert np.array_equal((made.parameters == before).all(1), [True, False])
