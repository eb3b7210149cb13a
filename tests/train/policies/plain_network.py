"""A member's network as plain torch: cells, embeddings and `conv2d`, with the weights of its flat
parameters.
"""

import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn.functional import conv2d, embedding

from segue.train.policies.encoders.discrete import Discrete
from segue.train.policies.encoders.grid_view import GridView
from segue.train.policies.encoders.mission import Mission
from segue.train.policies.encoders.several import Several
from segue.train.policies.encoders.vector import Vector

TORCH_GATES = {"lstm": (0, 1, 3, 2), "gru": (0, 1, 2)}  # torch has the LSTM's output gate last


def read(encoder, weights, seen):
    """The features `[B, F]` of one member's observations `[B, O]`."""
    match encoder:
        case Several():
            parts = [
                read(part.encoder, own(weights, part.name), seen[:, part.start : part.stop])
                for part in encoder.parts
            ]
            return torch.cat(parts, 1)
        case Vector():
            return torch.relu(seen @ weights["weight"] + weights["bias"][0])
        case Discrete():
            return embedding(seen[:, 0].long(), weights["table"])
        case Mission():
            words = seen.long()
            placed = torch.relu(embedding(words, weights["table"]) + weights["places"])
            return (placed * (words > 0)[..., None]).sum(1)
        case GridView():
            return read_view(
                encoder, weights, seen.long().view(-1, encoder.width, encoder.height, 3)
            )


def read_view(encoder, weights, seen):
    """An embedding of each cell's kind, colour and state, `conv2d` with stride 2, a layer."""
    names = ("kinds", "colours", "states")
    cells = torch.cat([embedding(seen[..., i], weights[name]) for i, name in enumerate(names)], -1)
    filters = weights["filters"].view(3, 3, 3 * encoder.embedding, -1).permute(3, 2, 0, 1)
    found = torch.relu(
        conv2d(cells.permute(0, 3, 1, 2), filters, weights["filters_bias"][0], stride=2)
    )
    return torch.relu(found.permute(0, 2, 3, 1).flatten(1) @ weights["weight"] + weights["bias"][0])


def own(weights, prefix):
    return {
        name.removeprefix(f"{prefix}."): w
        for name, w in weights.items()
        if name.startswith(f"{prefix}.")
    }


def plain(policy, row):
    return PlainNetwork(policy, row)


class PlainNetwork(nn.Module):
    """One member; called with its rows `[T*N, ...]`, memory `[N, M]` and begins `[T, N]`."""

    def __init__(self, policy, row):
        super().__init__()
        self.policy = policy
        self.row = row.clone().requires_grad_()
        self.weights = {
            name: value[0] for name, value in policy._flat.unpack(self.row[None]).items()
        }
        size = policy.trunk.core.hidden
        self.kind = {1: None, 3: "gru", 4: "lstm"}[policy.trunk.core.gates]
        if self.kind:
            self.cell = (nn.GRUCell if self.kind == "gru" else nn.LSTMCell)(
                policy.trunk.encoder.features, size
            )

    def forward(self, seen, action, memory=None, begins=None):
        features = read(self.policy.trunk.encoder, own(self.weights, "encoder"), seen)
        hidden = self.remember(features, memory, begins)
        out = hidden @ self.weights["heads"] + self.weights["heads_bias"][0]
        size = self.policy.head.size
        actor = Categorical(logits=out[:, :size])
        auxiliary = Categorical(logits=out[:, size + 1 :])
        return actor.log_prob(action), out[:, size], actor.entropy(), auxiliary.log_prob(action)

    def remember(self, features, memory, begins):
        if self.kind is None:
            return torch.relu(features @ self.weights["gates"] + self.weights["gates_bias"][0])
        parameters = self.cell_parameters()
        steps, lanes = begins.shape
        hidden = []
        for t, seen in enumerate(features.view(steps, lanes, -1)):
            kept = memory * (1 - begins[t, :, None])
            state = kept if self.kind == "gru" else kept.chunk(2, 1)
            after = torch.func.functional_call(self.cell, parameters, (seen, state))
            memory = after if self.kind == "gru" else torch.cat(after, 1)
            hidden.append(after if self.kind == "gru" else after[0])
        return torch.cat(hidden)

    def cell_parameters(self):
        size = self.policy.trunk.core.hidden
        order = TORCH_GATES[self.kind]

        def turned(name):
            parts = self.weights[name].split(size, -1)
            return torch.cat([parts[gate] for gate in order], -1)

        inner = torch.zeros(len(order) * size)
        if self.kind == "gru":
            inner = torch.cat([inner[: 2 * size], self.weights["core.candidate_bias"][0]])
        return {
            "weight_ih": turned("gates").T,
            "weight_hh": turned("core.recurrent").T,
            "bias_ih": turned("gates_bias")[0],
            "bias_hh": inner,
        }

    def gradient(self):
        return self.row.grad
