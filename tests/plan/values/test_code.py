"""The code of a function in its description: which edits of a sweep file change it."""

import functools
import os
import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

import segue
from segue.plan.values.code import is_users
from segue.plan.values.describe import describe, fingerprint
from segue.plan.values.source import remember_source
from tests.plan.example_pipelines import Optimizer, pipeline

SRC = str(Path(segue.__file__).parents[1])
FILE = """
import logging
LOG = logging.getLogger("sweep")
STEPS = 1000
NAMES = {"ppo": [1, 2]}

def helper(x):
    return x + 1

class Loss:
    clip = 0.1

    def value(self):
        return self.clip * 2

def make(steps, rate=0.5):
    LOG.debug("hello")
    sizes = [steps * 2 for step in range(3)]
    scale = lambda x: x * 3
    return Loss(), helper(steps) + STEPS, scale(rate), NAMES["ppo"], steps in {1, 2, "three"}
"""


def loaded(text, name="a_sweep", attribute="make", has_source=True):
    """The `attribute` of a module with that text, as if it came from a file of the user."""
    module = types.ModuleType(name)
    file = f"/home/someone/{name if has_source else 'typed'}.py"
    if has_source:
        remember_source(file, textwrap.dedent(text))
    exec(compile(textwrap.dedent(text), file, "exec"), module.__dict__)
    return getattr(module, attribute)


def edited(old, new, has_source):
    assert old in FILE
    return fingerprint(loaded(FILE.replace(old, new), has_source=has_source))


@pytest.fixture(params=[True, False], ids=["of the source", "of the instructions"])
def has_source(request):
    return request.param


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    sizes", "    # a comment\n\n    sizes"),
        ("steps * 2 for step in range(3)", "steps  *  2\n      for step in range( 3 )"),
        ("def make(steps, rate=0.5):", 'def make(steps, rate=0.5):\n    """A docstring."""'),
        ("    def value(self):", '    def value(self):\n        """Another."""'),
        ("def make", "UNUSED = 7\n\n\ndef make"),
        ('"ppo": [1, 2]', "'ppo' : [1, 2]"),
        ("1000", "1_000"),
    ],
)
def test_layout_comments_and_docstrings_do_not_count(old, new, has_source):
    before = fingerprint(loaded(FILE, has_source=has_source))
    assert edited(old, new, has_source) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range(3)", "range(4)"),
        ("rate=0.5", "rate=0.6"),
        ("x * 3", "x * 4"),
        ("x + 1", "x + 2"),
        ("x + 1", "x - 1"),
        ("STEPS = 1000", "STEPS = 1001"),
        ("[1, 2]", "[1, 3]"),
        ("clip = 0.1", "clip = 0.2"),
        ("self.clip * 2", "self.clip * 3"),
        ('"three"', '"four"'),
        ("Loss(), helper", "None, helper"),
    ],
)
def test_every_edit_that_matters_counts(old, new, has_source):
    before = fingerprint(loaded(FILE, has_source=has_source))
    assert edited(old, new, has_source) != before


def test_the_modules_name_does_not_count(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "__main__", types.ModuleType("__main__")
    )  # here it may be pytest's
    assert fingerprint(loaded(FILE, "__main__")) == fingerprint(loaded(FILE, "sweeps.ppo"))


def test_the_state_of_a_logger_does_not_count():
    before = fingerprint(loaded(FILE))
    function = loaded(FILE)
    function.__globals__["LOG"].setLevel("ERROR")
    assert fingerprint(function) == before


def scaled(by):
    return lambda x: x * by


def test_closures_count():
    assert fingerprint(scaled(2)) == fingerprint(scaled(2))
    assert fingerprint(scaled(2)) != fingerprint(scaled(3))


def test_lambdas_on_one_line_are_told_apart():
    text = "LAMBDAS = [lambda x: x + 1, lambda x: x + 2, lambda x: x + 1]"
    first, second, third = map(fingerprint, loaded(text, attribute="LAMBDAS"))
    assert first == third != second


@pytest.mark.parametrize(
    ("old", "new"), [("{'goal': 1.0}", "{'goal': 2.0}"), ("field(2)", "field(3)")]
)
def test_whatever_stands_in_a_class_counts(old, new):
    text = """
        def field(x):
            return {x}
        class Env:
            rewards = {'goal': 1.0}
            other = field(2)
            def step(self):
                return self.rewards
    """
    before = fingerprint(loaded(text, attribute="Env"))
    assert fingerprint(loaded(text.replace(old, new), attribute="Env")) != before


def test_a_default_with_a_state_is_equal_in_each_process():
    text = """
        import numpy as np
        import torch
        NET = torch.nn.Linear(2, 2)
        def make(rng=np.random.default_rng(0)):
            return NET
    """
    before = fingerprint(loaded(text))
    assert fingerprint(loaded(text)) == before
    assert fingerprint(loaded(text.replace("rng(0)", "rng(1)"))) != before


EVERYTHING = (
    FILE
    + '''
import enum
from dataclasses import dataclass, field
from typing import NamedTuple

class Kind(enum.Enum):
    """A docstring."""
    A = 1
    B = "b"

class Flag(enum.IntEnum):
    ON = 1

class Point(NamedTuple):
    x: int
    y: float = 0.5

@dataclass(frozen=True)
class Config:
    """A docstring."""
    sizes: list[int] = field(default_factory=list)
    def total(self, *, by=-1, **more):
        return [f"{size:>{by}}{by!r} and {by}" f"{size}" for size in self.sizes if size is not None]

class Own(Config):
    def total(self):
        try:
            with open("x") as file:
                return super().total(), Own, {**{}, "a": 1}
        except* OSError:
            raise
        match self.sizes:
            case [first, *_]:
                return first

def everything(x, /, y=Kind.A, *, z=(1, 2.5, "z")):
    async def inner():
        yield await y
    return Point(1), Config([1]), Own, Flag.ON, Kind.B, make(3), inner, x @ y, lambda *a: a
'''
)
PRINT = """
import sys, types
from segue.plan.values.describe import fingerprint
from segue.plan.values.source import remember_source
text = sys.stdin.read()
sys.modules["mine"] = module = types.ModuleType("mine")
remember_source("/home/someone/mine.py", text)
exec(compile(text, "/home/someone/mine.py", "exec"), module.__dict__)
print(fingerprint(module.everything))
"""


def shown(python, environment):
    """The fingerprint of `everything` in another process."""
    return subprocess.run(
        [python, "-c", PRINT],
        input=EVERYTHING,
        env=environment | {"PYTHONPATH": SRC},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_each_version_of_python_has_the_same_fingerprint(version):
    other = shutil.which(f"python{version}") or ""
    environment = os.environ | {"PYENV_VERSION": version}
    if not other or subprocess.run([other, "-V"], env=environment, check=False).returncode:
        pytest.skip(f"needs Python {version}")
    assert shown(other, environment) == shown(sys.executable, dict(os.environ)) != ""


def test_what_a_decorator_wraps_counts():
    def passing(function):
        @functools.wraps(function)
        def inner(*args):
            return function(*args)

        return inner

    assert fingerprint(passing(lambda: 1)) != fingerprint(passing(lambda: 2))


def test_functions_that_call_each_other_end():
    text = "def ping(n):\n    return n and pong(n - 1)\ndef pong(n):\n    return ping(n)\n"
    assert describe(loaded(text, attribute="ping"))["function"] == "ping"
    assert fingerprint(loaded(text, attribute="ping")) != fingerprint(
        loaded(text.replace("1", "2"), attribute="ping")
    )


def test_a_name_that_is_not_bound_yet_is_not_an_error():
    def early():
        return later

    described = describe(early)
    later = 1
    assert described != describe(early)
    assert early() == later


CLASSES = """
class Base:
    @property
    def size(self):
        return 1

    @staticmethod
    def make():
        return 2

    @classmethod
    def named(cls):
        return "three"

class Made(Base):
    pass
"""


@pytest.mark.parametrize(
    ("old", "new"), [("return 1", "return 9"), ("return 2", "return 9"), ('"three"', '"nine"')]
)
def test_properties_static_and_inherited_methods_count(old, new):
    before, after = (
        loaded(text, attribute="Made") for text in (CLASSES, CLASSES.replace(old, new))
    )
    assert fingerprint(before) != fingerprint(after)
    assert fingerprint(before) == fingerprint(loaded(CLASSES, attribute="Made"))


def test_libraries_are_named_only():
    import optuna
    import torch

    for library in (
        textwrap.dedent,
        functools.partial,
        torch.nn.functional.relu,
        torch.optim.Adam,
        optuna.create_study,
        fingerprint,
    ):
        assert not is_users(library)
        assert "code" not in describe(library)


def test_what_is_not_installed_is_the_users():
    assert all(is_users(owner) for owner in (pipeline, Optimizer, scaled, loaded(FILE)))
    assert is_users(loaded(CLASSES, "nowhere", "Base"))
    assert "nowhere" not in sys.modules


def test_a_function_sent_to_a_worker_stays_the_same():
    from ray import cloudpickle

    function = loaded(FILE)  # of a module that cannot be imported, so it is pickled by value
    assert fingerprint(cloudpickle.loads(cloudpickle.dumps(function))) == fingerprint(function)
