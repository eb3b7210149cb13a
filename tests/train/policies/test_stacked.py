"""Stacked perceptrons against the same ones as `torch.nn` modules."""

import pytest
import torch

from segue.train.autograd import apply
from segue.train.policies.arrays.activations import activated
from segue.train.policies.arrays.stacked import Layers, StackedPerceptrons, as_native, as_tensor
from tests.train.support.plain import ACTIVATIONS, flat, flat_gradient, sequential

ROWS = 3
B = 11
SHAPES = [(4, 2), (4, 17, 3), (3, 64, 64, 2), (1, 5, 6, 7, 1)]


def rows_and_input(layers, spare=5):
    generator = torch.Generator().manual_seed(0)
    rows = 0.5 * torch.randn(ROWS, layers.parameters + spare, generator=generator)
    return rows.requires_grad_(), torch.randn(ROWS, B, layers.sizes[0], generator=generator)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SHAPES)
def test_outputs_and_gradients_are_those_of_torch_modules(sizes, activation):
    layers = Layers(sizes, activation)
    rows, inputs = rows_and_input(layers)
    outputs = apply(StackedPerceptrons, rows, inputs, layers)
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    (gradient,) = torch.autograd.grad((outputs * weights).sum(), rows)
    for row in range(ROWS):
        module = sequential(layers, rows[row])
        own = module(inputs[row])
        (own * weights[row]).sum().backward()
        torch.testing.assert_close(outputs[row], own, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            gradient[row], flat_gradient(module, len(rows[row])), rtol=1e-4, atol=1e-5
        )


def test_what_lies_beyond_the_layers_gets_no_gradient():
    layers = Layers((4, 8, 2))
    rows, inputs = rows_and_input(layers, spare=9)
    (gradient,) = torch.autograd.grad(apply(StackedPerceptrons, rows, inputs, layers).sum(), rows)
    assert not gradient[:, layers.parameters :].any()
    assert gradient[:, : layers.parameters].any()


@pytest.mark.parametrize("sizes", SHAPES)
def test_views_are_views(sizes):
    layers = Layers(sizes)
    rows = torch.zeros(2, layers.parameters)
    for weight, bias in layers.views(rows):
        weight += 1
        bias += 1
    assert torch.equal(rows, torch.ones_like(rows))
    module = sequential(layers, torch.arange(layers.parameters, dtype=torch.float32))
    assert torch.equal(
        flat(module, layers.parameters), torch.arange(layers.parameters, dtype=torch.float32)
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numpy_and_torch_compute_the_same(activation):
    layers = Layers((4, 9, 2), activation)
    rows, inputs = rows_and_input(layers)
    by_torch = layers(layers.views(rows.detach()), inputs)
    by_numpy = layers(layers.views(as_native(rows)), as_native(inputs))
    torch.testing.assert_close(by_torch, as_tensor(by_numpy), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_is_the_same_bit_for_bit_whatever_its_neighbours(activation):
    before = 3 * torch.randn(5, 7, 9, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(5, 7, 9, generator=torch.Generator().manual_seed(1))

    def both(rows):
        leaf = before[rows].clone().requires_grad_()
        after = activated(activation, leaf)
        (gradient,) = torch.autograd.grad((after * weights[rows]).sum(), leaf)
        return after.detach(), gradient

    together = both([0, 1, 2, 3, 4])
    for row in range(5):
        for alone, of_all in zip(both([row]), together, strict=True):
            assert torch.equal(alone[0], of_all[row])
    leaf = before.clone().requires_grad_()
    known = ACTIVATIONS[activation]()(leaf)
    torch.testing.assert_close(together[0], known.detach())
    torch.testing.assert_close(together[1], torch.autograd.grad((known * weights).sum(), leaf)[0])
