"""The code of the README and of the guides runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN = "own-trainers"  # which has a test of its own, since one block needs Stable-Baselines3
GUIDES = sorted(page for page in (ROOT / "docs" / "guides").glob("*.md") if page.stem != OWN)


def run(page: Path) -> int:
    """Run the Python blocks of a page one after the other; returns how many there are."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
    return len(blocks)


@pytest.mark.slow
def test_the_readme_s_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ROOT / "README.md") == 4
    assert float(capsys.readouterr().out.split(maxsplit=1)[0]) > 20


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_guides_code_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # pages write files
    assert run(page) >= 1
    assert float(capsys.readouterr().out.split(maxsplit=1)[0]) >= 0
