"""The audit of the pinned packages finds what is too old."""

import subprocess
from typing import Any

import pytest

from tests import audit


def test_every_listed_package_is_pinned_and_new_enough() -> None:
    versions = audit.pinned()
    assert audit.MENDED.keys() - versions.keys() == set()
    assert audit.too_old(versions) == []


def test_one_that_is_too_old_is_named() -> None:
    (line,) = audit.too_old(audit.pinned() | {"torch": "2.5.1"})
    assert line == "torch 2.5.1 is older than 2.6.0, which mended CVE-2025-32434"


@pytest.mark.parametrize(
    ("said", "holes"),
    [
        ('{"dependencies": [{"name": "ray", "skip_reason": "not found"}]}', None),
        ("no json", None),
        (
            (
                '{"dependencies": [{"name": "ray", "version": "2.0", "vulns": [{"id": "C-1",'
                ' "fix_versions": ["2.1"]}]}]}'
            ),
            ["ray 2.0: C-1, mended in 2.1"],
        ),
        ('{"dependencies": [{"name": "ray", "version": "2.60", "vulns": []}]}', []),
    ],
)
def test_the_output_of_pip_audit_is_read(
    monkeypatch: pytest.MonkeyPatch, said: str, holes: list[str] | None
) -> None:
    def run(*arguments: Any, **keywords: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, said, "")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.known_holes() == holes
