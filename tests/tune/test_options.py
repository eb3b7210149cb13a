"""The options of `segue run`: declared once, and what follows from the declaration."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from segue.cli.shared.options import options_of
from segue.tune.options.option import Option
from segue.tune.options.options import DECLARED, Options, flag_of, overridden
from tests.tune.support.doubles import make_sweep

ROOT = Path(__file__).parent.parent.parent
OF_THE_COMMAND = ["--describe", "--run-dir DIR", "--late-seeds"]
GIVEN = {
    "trials": 7,
    "seeds": 3,
    "max_steps": 10_000,
    "max_hours": 1.5,
    "target": 0.5,
    "concurrency": 2,
    "gpus": 0.25,
    "rows": 4,
}


def written(name: str, option: Option) -> str:
    return f"{flag_of(name)} {option.metavar}".strip()


def test_the_table_of_settings_is_the_declaration() -> None:
    text = (ROOT / "docs" / "settings.md").read_text().split("## `Options`")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{name}` | `{written(name, option)}` | {option.default} | {option.help} |"
        for name, option in DECLARED.items()
    ]


def test_the_readme_lists_every_option_once_as_it_is_typed() -> None:
    listed = re.findall(r"^\| `(--[^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    declared = [written(name, option) for name, option in DECLARED.items()]
    assert sorted(listed) == sorted([*OF_THE_COMMAND, *declared])


def test_options_replace_the_values_of_a_sweep() -> None:
    assert set(GIVEN) == {name for name, option in DECLARED.items() if option.replaces}
    sweep = overridden(make_sweep(resources={"cpu": 2}), Options(**GIVEN))
    assert (sweep.trials, sweep.seeds, sweep.concurrency, sweep.rows, sweep.target) == (
        7,
        3,
        2,
        4,
        0.5,
    )
    assert (sweep.max_env_steps, sweep.time_budget_s) == (10_000, 5400.0)
    assert sweep.resources == {"cpu": 2, "gpu": 0.25}
    assert overridden(sweep, Options(**GIVEN)) == sweep


def test_options_choose_what_is_searched() -> None:
    point = {"first_steps": 800, "lr": 1e-3, "gae_lambda": 0.95}
    options = Options(set=["lr=3e-4"], only="gae_lambda")  # type: ignore[arg-type]
    sweep = overridden(make_sweep(points=[point]), options)
    assert dict(sweep.pinned) == {"lr": 3e-4, "first_steps": 800}
    assert overridden(sweep, options) == sweep, "a driver applies them a second time"
    assert options == Options(set={"lr": "3e-4"}, only=("gae_lambda",))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"set": ["lr"]}, "--set must be NAME=VALUE, such as lr=3e-4, got 'lr'"),
        ({"set": ["lr=1", "lr=2"]}, "--set gives 'lr' twice"),
        ({"only": "lr,"}, "Each of --only must not be empty"),
    ],
)
def test_a_choice_of_names_that_cannot_be_read_is_refused(
    given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Options(**given)  # type: ignore[arg-type]


def test_without_options_a_sweep_stays_as_it_is() -> None:
    sweep = make_sweep(trials=5, max_env_steps=10_000, concurrency=2)
    assert overridden(sweep, Options()) == sweep
    assert options_of(dict.fromkeys(DECLARED)) == Options()


@pytest.mark.parametrize(("typed", "share"), [("0.25", 0.25), ("auto", "auto"), (1, 1.0)])
def test_a_share_of_a_gpu_is_a_number_or_auto(typed: object, share: object) -> None:
    assert Options(gpus=typed).gpus == share  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", ["half", "nan", True])
def test_what_is_not_a_share_of_a_gpu_is_refused(typed: object) -> None:
    with pytest.raises(ValueError, match="--gpus must be a number or auto, got"):
        Options(gpus=typed)  # type: ignore[arg-type]


def test_declaring_the_options_imports_nothing_heavy() -> None:
    code = (
        "import sys, segue.tune.options.options;"
        "print(*{'ray', 'optuna', 'torch', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
