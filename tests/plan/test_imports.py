"""The plan layer is light: nothing heavy is imported with it."""

import pkgutil
import subprocess
import sys

import segue.plan

MODULES = [
    "segue.experiment_utils",
    *(f"segue.plan.{module.name}" for module in pkgutil.iter_modules(segue.plan.__path__)),
]
HEAVY = {"ray", "torch", "gymnasium", "optuna", "numpy"}


def test_the_plan_has_modules():
    assert {"segue.plan.pipeline", "segue.plan.sweep", "segue.plan.criteria"} <= set(MODULES)


def test_importing_the_plan_imports_nothing_heavy():
    code = f"import sys; [__import__(name) for name in {MODULES!r}]; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
