"""A folder with sweeps whose trials are doubles, in which commands are given."""

from pathlib import Path
from typing import Any

import pytest

from segue.cli import main
from segue.tune.code.sweep_file import load_sweep
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.search.domains import SearchSpace
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import FakeTune

SWEEP = '''"""How long should the first stage be?"""

from tests.tune.support.doubles import make_sweep
#
sweep = make_sweep(...)
'''


OTHER_PIPELINES = """
import torch

from segue.plan.values.builder import Builder
from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.stage import PipelineStage
from tests.tune.support.doubles import pipeline

def no_stages(first_steps, lr, gae_lambda):
    return with_stages([], pipeline(first_steps, lr, gae_lambda))

def unknown_loss(first_steps, lr, gae_lambda):
    stages = [PipelineStage(["pop"], max_stage_steps=10)]
    return with_stages(stages, pipeline(first_steps, lr, gae_lambda))

def with_adagrad(first_steps, lr, gae_lambda):
    good = pipeline(first_steps, lr, gae_lambda)
    return with_stages(good.pipeline_stages, good, Builder(torch.optim.Adagrad, {"lr": lr}))

def with_lbfgs(first_steps, lr, gae_lambda):
    good = pipeline(first_steps, lr, gae_lambda)
    return with_stages(good.pipeline_stages, good, Builder(torch.optim.LBFGS, {"lr": lr}))

def with_stages(stages, good, optimizer=None):
    settings = 1, 1, 0.5, 10, 0.99, True, 0.95, None, None, 100
    builder = optimizer or good.optimizer_builder
    return TrainingPipeline(good.named_losses, stages, builder, *settings)
"""


def write(home: Path, name: str, given: str = "") -> None:
    """Write a sweep into its folder; `given` are arguments of `make_sweep`."""
    (home / "sweeps" / f"{name}.py").write_text(
        SWEEP.replace("#", OTHER_PIPELINES if given else "").replace("...", given)
    )


def complete(home: Path, name: str, folder: str = "") -> None:
    """Make the run of a sweep, all of whose trials have ended."""
    file = home / "sweeps" / f"{name}.py"
    sweep = load_sweep(file) if file.exists() else make_sweep()
    run = RunDirectory(home / "runs" / (folder or name))
    with open_run(run, sweep, name):
        record = StudyRecord(run.study, name, "max", SearchSpace.of(sweep.space))
        record.plan(sweep.grid() or [])
        FakeTune(record, sweep, 16, {}).run()
        record.close()


def exit_code(*arguments: str) -> Any:
    """The code with which `python -m sweeps.run` exits."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def files(home: Path) -> dict[str, bytes]:
    """The content of every file."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
