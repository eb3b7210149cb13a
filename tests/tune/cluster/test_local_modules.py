"""Modules next to a sweep file reach workers that could not import them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segue.tune.cluster.local_modules import local_modules
from tests.forks import forked_python
from tests.sweep_files import REAL
from tests.tune.support.clusters import SECONDS, a_cluster, guarded

LOSSES = """
from segue.train import PPO
from .numbers import CLIP

class MyLoss(PPO):
    pass

def loss():
    return MyLoss(clip_param=CLIP)
"""
PLACE = """
import json, os
from pathlib import Path
import beside, my_package

def note():
    found = {"pid": os.getpid(), "beside": beside.__file__, "package": my_package.__file__}
    Path(%r, f"{os.getpid()}.json").write_text(json.dumps(found))
"""


def test_what_is_installed_or_ours_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_neighbour.py").touch()
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    __import__("a_neighbour"), __import__("a_package")
    try:
        found = local_modules()
    finally:
        del sys.modules["a_neighbour"], sys.modules["a_package"]
    assert {str(tmp_path / "a_neighbour.py"), str(tmp_path / "a_package")} <= set(found)
    assert not [
        path for path in found if "site-packages" in path or Path(path).name in ("segue", "json")
    ]
    assert len(local_modules()) == len(found) - 2


@pytest.mark.slow
def test_neighbours_of_the_sweep_file_are_sent_to_the_workers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    notes = tmp_path / "notes"
    (home / "my_package").mkdir(parents=True)
    notes.mkdir()
    (home / "my_package" / "__init__.py").write_text(LOSSES)
    (home / "my_package" / "numbers.py").write_text("CLIP = 0.1\n")
    (home / "beside.py").write_text("STEPS = 1024\n")
    (home / "noting.py").write_text(PLACE % str(notes))
    sweep = REAL.replace('{"ppo": PPO()}', '{"ppo": loss()}').replace(
        "max_stage_steps=1024", "max_stage_steps=STEPS"
    )
    sweep = sweep.replace(
        "    return TrainingPipeline(", "    note()\n    return TrainingPipeline("
    )
    imports = "from beside import STEPS\nfrom my_package import loss\nfrom noting import note\n"
    (home / "mine.py").write_text(
        sweep.replace("from ray import tune", imports + "from ray import tune")
    )
    environment = guarded(tmp_path)
    with a_cluster(environment) as address:
        command = ["run", str(home / "mine.py"), "--trials", "2", "--address", address]
        ran = subprocess.run(
            [*forked_python(), "-m", "segue", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = [json.loads(path.read_text()) for path in notes.glob("*.json")]
    workers = [each for each in found if not each["beside"].startswith(str(home))]
    assert len(found) > len(workers) >= 1, (
        "the driver, which is beside them, and workers, which are not"
    )
    for each in workers:
        assert "py_modules_files" in each["beside"] and "py_modules_files" in each["package"]
