"""The encoder of pictures against plain convolutions and Stable-Baselines3's."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.nn.functional import conv2d

from segue.train.data.batch import PolicyInput
from segue.train.policies import Mlp, Network, default_policy
from segue.train.policies.encoders import Picture, encoder_for
from tests.train.policies.packs import K, assert_members_are_as_alone, parameters

B = 4
ACTIONS = spaces.Discrete(3)
BOXES = {
    "channels last": spaces.Box(0, 255, (36, 40, 4), np.uint8),
    "channels first": spaces.Box(0, 255, (4, 36, 40), np.uint8),
    "grey": spaces.Box(0, 255, (15, 16), np.uint8),
    "small": spaces.Box(0, 1, (6, 5, 2), np.float32),
}


def seen_by(space):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (K, B, *space.shape), generator=generator)
    return pixels.float() if space.dtype == np.uint8 else pixels / 255


def features(encoder, space, weights, seen):
    """Of one member's pictures, by `conv2d` on numbers from 0 to 1."""
    if len(space.shape) == 2:
        seen = seen[..., None]
    pixels = seen if encoder.channels_first else seen.permute(0, 3, 1, 2)
    pixels = pixels / 255 if space.dtype == np.uint8 else pixels
    for index, (_, kernel, stride) in enumerate(encoder._layers):
        matrix = weights[f"filters{index}"]
        filters = matrix.T.reshape(matrix.shape[1], -1, kernel, kernel)
        bias = weights[f"filters{index}_bias"][0]
        pixels = torch.relu(conv2d(pixels, filters, bias, stride))
    return torch.relu(pixels.flatten(1) @ weights["weight"] + weights["bias"])


@pytest.mark.parametrize("name", BOXES)
def test_features_are_those_of_plain_convolutions(name):
    space = BOXES[name]
    policy = Network(hidden=()).build(space, ACTIONS)
    encoder = policy.trunk.encoder
    weights = policy._flat.unpack(parameters(policy))
    own = {key: value for key, value in weights.items() if key.startswith("encoder.")}
    own = {key.removeprefix("encoder."): value for key, value in own.items()}
    seen = seen_by(space)
    found = encoder.reader(own)(seen.flatten(2))
    for k in range(K):
        member = {key: value[k] for key, value in own.items()}
        expected = features(encoder, space, member, seen[k])
        torch.testing.assert_close(found[k], expected, rtol=1e-4, atol=1e-5)


def test_features_are_those_of_stable_baselines3():
    sb3 = pytest.importorskip("stable_baselines3.common.torch_layers")
    space = BOXES["channels first"]
    theirs = sb3.NatureCNN(space, 512)
    encoder = encoder_for(space, {})
    weights = {}
    for index, layer in enumerate(theirs.cnn[:6:2]):
        weights[f"filters{index}"] = layer.weight.detach().flatten(1).T[None]
        weights[f"filters{index}_bias"] = layer.bias.detach()[None, None]
    weights["weight"] = theirs.linear[0].weight.detach().T[None]
    weights["bias"] = theirs.linear[0].bias.detach()[None, None]
    assert {name: tuple(value.shape[1:]) for name, value in weights.items()} == encoder.shapes
    seen = seen_by(space)[0]
    found = encoder.reader(weights)(seen.flatten(1)[None])[0]
    torch.testing.assert_close(found, theirs(seen / 255).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BOXES)
def test_a_member_is_the_same_bit_for_bit_whatever_its_neighbours(name):
    policy = Network(hidden=8).build(BOXES[name], ACTIONS)
    action = torch.arange(K * B).view(K, B) % 3
    seen = PolicyInput(seen_by(BOXES[name]).flatten(2), action)
    assert_members_are_as_alone(policy, parameters(policy, noise=0.01), seen)


def test_kernels_follow_the_size_of_the_pictures():
    filters = {
        side: encoder_for(spaces.Box(0, 255, (side, 100, 4), np.uint8), {})._layers
        for side in (5, 15, 36)
    }
    assert filters[5] == ((32, 3, 1), (64, 3, 2))
    assert filters[15] == ((32, 3, 2), (64, 3, 2), (64, 3, 1))
    assert filters[36] == ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    assert encoder_for(spaces.Box(0, 255, (36, 36, 3), np.uint8), {}).shapes["weight"] == (64, 512)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"height": 4, "width": 9}, "below 5x5 have no default convolutions"),
        ({"height": 9, "width": 9, "convolutions": ((8, 8, 4), (8, 4, 2))}, "kernels are larger"),
    ],
)
def test_kernels_that_do_not_fit_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Picture(channels=1, **arguments)


@pytest.mark.parametrize(
    ("shape", "kind", "policy"),
    [
        ((84, 84, 4), np.uint8, Network),
        ((4, 36, 40), np.uint8, Network),
        ((36, 36), np.uint8, Network),
        ((7, 7, 3), np.uint8, Mlp),
        ((147,), np.uint8, Mlp),
        ((84, 84, 3), np.float32, Mlp),
    ],
)
def test_pictures_are_read_by_a_network_by_default(shape, kind, policy):
    assert type(default_policy(spaces.Box(0, 255, shape, kind))) is policy
