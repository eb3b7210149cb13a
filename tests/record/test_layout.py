import re
from pathlib import Path

from segue.record import layout
from segue.record.checkpoints import checkpoint_name, digest_of, is_checkpoint, newest, steps_of
from segue.record.layout import RunLayout

SOURCE = Path(__file__).parents[2] / "src" / "segue"


def test_every_file_of_a_run_is_named_in_one_place() -> None:
    names = re.findall(
        r'"([\w.*-]+\.(?:jsonl?|txt|db|pt|html|hparams|diff))"', Path(layout.__file__).read_text()
    )
    assert {"sweep.json", "study.db", "results.jsonl", "trial.json", "log.txt"} <= set(names)
    others = [path for path in SOURCE.rglob("*.py") if path.name not in ("layout.py", "page.py")]
    spelled = {
        path.name: name
        for path in others
        for name in names
        if re.search(rf"[\"'/]{re.escape(name)}[\"'{{]", path.read_text())
    }
    assert spelled == {}


def test_paths_lie_in_the_run() -> None:
    run = RunLayout(Path("runs/x"))
    assert run.trial(7).path == Path("runs/x/trials/0007")
    assert run.decisions(7) == Path("runs/x/decisions/0007.json")
    assert run.trial(7).checkpoints() == Path("runs/x/trials/0007/checkpoints")
    assert run.trial(7).checkpoints(2) == Path("runs/x/trials/0007/checkpoints-2")


def test_the_name_of_a_checkpoint_has_its_steps_and_its_digest() -> None:
    path = Path("checkpoints") / checkpoint_name(20_480, "0123456789abcdef")
    assert steps_of(path) == 20_480 and digest_of(path) == "0123456789abcdef"
    assert is_checkpoint(path.as_posix())
    assert not is_checkpoint(f"before-0/{path.name}")


def test_the_newest_checkpoint_is_of_the_newest_generation() -> None:
    names = ("checkpoints/checkpoint-9-a.pt", "checkpoints-2/checkpoint-3-a.pt")
    later = ("checkpoints-10/checkpoint-1-a.pt", "checkpoints-2/checkpoint-4-a.pt")
    assert newest(map(Path, names + later)) == Path(later[0])
    assert newest([]) is None
