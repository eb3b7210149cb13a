"""Optimizers that run one member at a time are torch's to the last bit, classes of one's own among
them.
"""

import subprocess
import sys

import pytest
import torch

from segue.plan.values.builder import Builder
from segue.train.checkpoint import load_checkpoint, save_checkpoint
from segue.train.optimizers import OptimizerState, rule_of
from tests.train.support.example_members import SEEDS
from tests.train.support.pipelines import advanced, pipeline, trainer
from tests.train.support.same import assert_same_state

P = 64
UPDATES = 50
PHASE = 10
optim = torch.optim


class PutsAnother(optim.Optimizer):
    """Signs of the gradient; another tensor takes the place of the parameter's."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = p.data - group["lr"] * p.grad.sign()


class Counts(optim.Optimizer):
    """Averages; remembers in its parameter groups, and as a whole number."""

    def __init__(self, params, lr=1e-2, bounds=(-1.0, 1.0)):
        super().__init__(params, {"lr": lr, "updates": 0, "bounds": bounds})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group["updates"] += 1
            for p in group["params"]:
                self.state[p]["seen"] = self.state[p].get("seen", torch.tensor(0)) + 1
                low, high = group["bounds"]
                size = group["lr"] / (group["updates"] + self.state[p]["seen"].item() % 7)
                p.sub_(p.grad.clamp(low, high), alpha=size)


class Remembers(Counts):
    """Remembers outside of its state, and says so in its state_dict."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, lr)
        self.calls = 0

    def step(self, closure=None):
        self.calls += 1
        self.param_groups[0]["updates"] += self.calls
        super().step()

    def state_dict(self):
        return {**super().state_dict(), "calls": self.calls}

    def load_state_dict(self, state_dict):
        self.calls = state_dict["calls"]
        super().load_state_dict(state_dict)


class Forgets(Remembers):
    """The same, and says nothing of it."""

    state_dict = Counts.state_dict
    load_state_dict = Counts.load_state_dict


class Draws(Counts):
    """Adds noise of torch's own generator."""

    def step(self, closure=None):
        super().step()
        self.param_groups[0]["params"][0].data.add_(torch.randn(()), alpha=1e-3)


class Keeps(Counts):
    """Keeps what no checkpoint may hold."""

    def step(self, closure=None):
        super().step()
        self.state[self.param_groups[0]["params"][0]]["class"] = Counts


TORCH_S = {
    name: (kind, [{}, {"lr": 0.1}])
    for name, kind in vars(optim).items()
    if isinstance(kind, type)
    and name not in ("Adam", "AdamW", "SGD", "RMSprop", "LBFGS", "SparseAdam", "Muon", "Optimizer")
}
WITH_ARGUMENTS = {
    "Adam, amsgrad": (
        optim.Adam,
        [{"amsgrad": True, "weight_decay": 0.1}, {"amsgrad": True, "betas": (0.5, 0.9)}],
    ),
    "SGD, maximize": (optim.SGD, [{"maximize": True}, {"maximize": True, "momentum": 0.9}]),
    "Adagrad, decays": (
        optim.Adagrad,
        [{"lr_decay": 0.1}, {"initial_accumulator_value": 0.5, "foreach": False}],
    ),
    "NAdam, decays": (
        optim.NAdam,
        [{"momentum_decay": 0.1}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    ),
}
OWN = {kind.__name__: (kind, [{}, {"lr": 0.1}]) for kind in (PutsAnother, Counts, Remembers)}
ALL = TORCH_S | WITH_ARGUMENTS | OWN


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lr_at(own, part):
    """A schedule: another rate in each phase."""
    return own.lr / (1 + part)


@pytest.mark.parametrize(("kind", "arguments"), ALL.values(), ids=ALL)
def test_every_member_s_updates_are_torch_s_to_the_last_bit(kind, arguments, tmp_path):
    """In five phases with rates of their own, after a checkpoint file as without one."""
    builders = [Builder(kind, own) for own in arguments]
    rules = [rule_of(builder) for builder in builders]
    members = range(len(builders))
    parameters = normal(0, len(rules), P)
    gradients = normal(1, UPDATES, len(rules), P)
    state = OptimizerState.zeros(rules[0], parameters)
    result = parameters.clone()
    vectors = [torch.nn.Parameter(row.clone()) for row in parameters]
    optimizers = [
        builder(params=[vector]) for builder, vector in zip(builders, vectors, strict=True)
    ]
    for part, phase in enumerate(gradients.split(PHASE)):
        rows = state.take(members, result)
        now = [rule.at(lr_at(rule, part)) for rule in rules]
        step = now[0].begin(now, rows, PHASE)
        for update, gradient in enumerate(phase):
            step(gradient.clone(), update)
        state.put_back(members, rows, result, PHASE)
        if part % 2:
            save_checkpoint(tmp_path, part, {"state": state.state_dict()})
            state = OptimizerState.zeros(rules[0], parameters)
            state.load_state_dict(load_checkpoint(tmp_path)["state"])
        for k, (vector, optimizer) in enumerate(zip(vectors, optimizers, strict=True)):
            optimizer.param_groups[0]["lr"] = lr_at(rules[k], part)
            for gradient in phase[:, k]:
                vector.grad = gradient.clone()
                optimizer.step()
    for k, vector in enumerate(vectors):
        assert not torch.equal(result[k], parameters[k])
        assert torch.equal(result[k], vector)


@pytest.mark.parametrize("kind", [PutsAnother, Counts, Remembers], ids=lambda kind: kind.__name__)
def test_a_class_of_one_s_own_trains_members_and_resumes(kind, tmp_path):
    def new():
        return trainer(pipeline(optimizer_builder=Builder(kind)), seeds=SEEDS[:3])

    made = new()
    before = made.parameters
    advanced(made, 1)
    save_checkpoint(tmp_path, made.env_steps, made.state_dict())
    advanced(made)
    assert not (made.parameters == before).all(1).any()
    resumed = new()
    resumed.load_state_dict(load_checkpoint(tmp_path))
    assert_same_state(advanced(resumed).state_dict(), made.state_dict())


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Forgets, "it continues differently"),
        (Draws, "it continues differently"),
        (Keeps, "UnpicklingError"),
    ],
    ids=["forgets", "draws", "keeps"],
)
def test_a_class_that_could_not_be_resumed_is_refused(kind, why):
    with pytest.raises(
        ValueError, match=rf"{kind.__name__} cannot be resumed from its own state_dict\(\) \({why}"
    ):
        trainer(pipeline(optimizer_builder=Builder(kind)))


def test_members_share_no_list_of_their_arguments():
    rule = rule_of(Builder(Counts, {"bounds": [-1.0, 1.0]}))
    rows = OptimizerState.zeros(rule, torch.ones(2, 3)).take([0, 1], torch.ones(2, 3))
    rule.begin([rule, rule], rows, 1)
    rows.own[0].param_groups[0]["bounds"][0] = 0.5
    assert rows.own[1].param_groups[0]["bounds"] == rule.arguments["bounds"] == [-1.0, 1.0]


def test_it_remarks_that_it_runs_one_member_at_a_time():
    assert rule_of(Builder(optim.Adagrad)).remark.startswith(
        "one member at a time, by Adagrad itself: slower than"
    )
    assert rule_of(Builder(optim.Adam)).remark == ""


@pytest.mark.slow
def test_packed_optimizers_leave_torch_s_compiler_alone():
    """A second of a trial's start: the first step of an optimizer of torch imports it."""
    trained = (
        "import sys; from tests.train.support.pipelines import *\n"
        "for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop):\n"
        "    advanced(trainer(pipeline(optimizer_builder=Builder(kind))), 1)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", trained], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
