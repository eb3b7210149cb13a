"""A member's networks as plain torch modules, with the weights of its flat parameters."""

import torch
from torch import nn

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


def sequential(layers, row):
    """The perceptron whose weights lie in `row`, in 32 bits as there."""
    modules = []
    for weight, bias in layers.views(row.detach()[None]):
        linear = nn.Linear(*weight.shape[1:])
        linear.load_state_dict({"weight": weight[0].T.clone(), "bias": bias[0, 0].clone()})
        modules += [linear, ACTIVATIONS[layers.activation]()]
    return nn.Sequential(*modules[:-1])


def flat(module, length):
    """The module's parameters as a row: transposed weights and biases, layer by layer, then zeros
    up to `length`.
    """
    linears = [part for part in module if isinstance(part, nn.Linear)]
    parts = [tensor for linear in linears for tensor in (linear.weight.T.reshape(-1), linear.bias)]
    row = torch.cat(parts).detach()
    return torch.cat([row, torch.zeros(length - len(row))])


def flat_gradient(module, length):
    """Its gradients in the same order."""
    linears = [part for part in module if isinstance(part, nn.Linear)]
    parts = [
        tensor
        for linear in linears
        for tensor in (linear.weight.grad.T.reshape(-1), linear.bias.grad)
    ]
    row = torch.cat(parts)
    return torch.cat([row, torch.zeros(length - len(row))])
