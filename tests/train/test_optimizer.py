"""Adam over rows against `torch.optim.Adam` and `clip_grad_norm_`, member by member."""

import numpy as np
import pytest
import torch

from segue.plan.builder import Builder
from segue.train.optimizer import AdamSettings, AdamState, adam_rows, adam_step

P = 64
SETTINGS = [
    AdamSettings(1e-3, (0.9, 0.999), 1e-8, 0.0),
    AdamSettings(0.5, (0.5, 0.9), 1e-5, 0.0),
    AdamSettings(1e-2, (0.0, 0.99), 1e-3, 0.1),
    AdamSettings(0.0, (0.9, 0.999), 1e-8, 0.01),
]
NORMS = np.array([0.5, 1e9, 0.1, np.inf])
BEFORE = np.array([0, 3, 0, 11])  # updates that a member has behind it when the phase begins


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def torch_adam(settings, parameters, max_grad_norm, gradients):
    """The parameters after torch's own updates with these gradients."""
    parameter = torch.nn.Parameter(parameters.clone())
    optimizer = torch.optim.Adam([parameter], **vars(settings))
    for gradient in gradients:
        parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_([parameter], max_grad_norm)
        optimizer.step()
    return parameter.detach()


def updated(settings, parameters, norms, gradients_UKP, before=0):
    """The parameters after `adam_step` in a phase of `before` updates and one of the rest."""
    state = AdamState.zeros(parameters)
    for phase in (gradients_UKP[:before], gradients_UKP[before:]):
        lr = np.array([own.lr for own in settings])
        rows = adam_rows(settings, lr, norms, state.updates, len(phase), "cpu")
        for i, gradient in enumerate(phase):
            adam_step(parameters, gradient.clone(), state.mean, state.square, rows, i)
        state.updates += len(phase)
    return parameters


def test_every_member_s_updates_are_torch_s():
    parameters, gradients = normal(0, 4, P), normal(1, 20, 4, P) * torch.tensor([1.0, 0.1, 5.0, 1.0])[:, None]
    result = updated(SETTINGS, parameters.clone(), NORMS, gradients, before=7)
    for k, settings in enumerate(SETTINGS):
        expected = torch_adam(settings, parameters[k], NORMS[k], gradients[:, k])
        torch.testing.assert_close(result[k], expected, rtol=2e-6, atol=2e-6)


def test_members_may_have_different_numbers_of_updates_behind_them():
    """Each member's first updates are done alone; then all go on together."""
    parameters, gradients = normal(2, 4, P), normal(3, 16, 4, P)
    state = AdamState.zeros(parameters)
    result = parameters.clone()
    for k, own in enumerate(SETTINGS):
        one = slice(k, k + 1)
        rows = adam_rows([own], np.array([own.lr]), NORMS[one], np.zeros(1, int), int(BEFORE[k]), "cpu")
        for i in range(BEFORE[k]):
            adam_step(result[one], gradients[i, one].clone(), state.mean[one], state.square[one], rows, i)
    rows = adam_rows(SETTINGS, np.array([own.lr for own in SETTINGS]), NORMS, BEFORE, 4, "cpu")
    for i in range(4):
        adam_step(result, gradients[12 + i].clone(), state.mean, state.square, rows, i)
    for k, own in enumerate(SETTINGS):
        seen = torch.cat([gradients[: BEFORE[k], k], gradients[12:, k]])
        torch.testing.assert_close(result[k], torch_adam(own, parameters[k], NORMS[k], seen), rtol=2e-6, atol=2e-6)


def test_a_gradient_is_clipped_to_its_norm_and_never_stretched():
    gradients = torch.full((1, 1, P), 1.0)  # norm 8
    plain = AdamSettings(1.0, (0.0, 0.0), 1.0, 0.0)  # moves by g / (|g| + 1)
    moved = {norm: -updated([plain], torch.zeros(1, P), np.array([norm]), gradients)[0, 0].item() for norm in (4, 80)}
    assert moved[4] == pytest.approx(0.5 / 1.5, rel=1e-5)
    assert moved[80] == pytest.approx(0.5)


def test_weight_decay_of_a_neighbour_changes_nothing():
    parameters, gradients = normal(4, 2, P), normal(5, 3, 2, P)
    both = updated([SETTINGS[0], SETTINGS[2]], parameters.clone(), NORMS[[0, 2]], gradients)
    alone = updated([SETTINGS[0]], parameters[:1].clone(), NORMS[:1], gradients[:, :1])
    assert torch.equal(both[:1], alone)


def test_settings_come_from_the_pipeline_s_builder_with_torch_s_defaults():
    defaults = {name: torch.optim.Adam([torch.zeros(1)]).defaults[name] for name in vars(SETTINGS[0])}
    assert vars(AdamSettings.of(Builder(torch.optim.Adam))) == defaults
    builder = Builder(torch.optim.Adam, {"lr": 3e-4}, default={"lr": 1.0, "eps": 1e-5})
    assert AdamSettings.of(builder) == AdamSettings(3e-4, (0.9, 0.999), 1e-5, 0.0)


@pytest.mark.parametrize(
    ("builder", "sentence"),
    [
        (Builder(torch.optim.SGD, {"lr": 0.1}), "trains with torch.optim.Adam"),
        (Builder(torch.optim.Adam, {"lr": 0.1, "amsgrad": True}), r"gives \['amsgrad'\]"),
        (Builder(torch.optim.Adam, {"lr": -0.1}), "lr, eps, weight_decay >= 0"),
        (Builder(torch.optim.Adam, {"lr": float("nan")}), "lr, eps, weight_decay >= 0"),
        (Builder(torch.optim.Adam, {"lr": "3e-4"}), "lr='3e-4'"),
        (Builder(torch.optim.Adam, {"betas": (0.9, 1.0)}), r"two betas in \[0, 1\)"),
        (Builder(torch.optim.Adam, {"betas": (0.9,)}), r"two betas in \[0, 1\)"),
    ],
)
def test_what_a_pack_cannot_do_is_refused(builder, sentence):
    with pytest.raises(ValueError, match=sentence):
        AdamSettings.of(builder)
