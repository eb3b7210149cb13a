"""The plan layer is light: nothing heavy is imported with it."""

import pkgutil
import subprocess
import sys

import segue.plan

MODULES = [
    "segue.experiment_utils",
    *(module.name for module in pkgutil.walk_packages(segue.plan.__path__, "segue.plan.")),
]
HEAVY = {"ray", "torch", "gymnasium", "optuna", "numpy"}


def test_the_plan_has_modules():
    assert {
        "segue.plan.pipelines.pipeline",
        "segue.plan.sweeps.sweep",
        "segue.plan.criteria.criterion",
    } <= set(MODULES)


def test_importing_the_plan_imports_nothing_heavy():
    code = (
        f"import sys; [__import__(name) for name in {MODULES!r}]; print(*sorted({HEAVY!r} &"
        " sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
