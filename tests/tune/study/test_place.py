"""Where the study of a run is stored, and how often its database is opened."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from segue.base.files import append_row
from segue.store.database import database_storage
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.search.domains import SearchSpace
from segue.tune.study import place
from segue.tune.study.place import study_place
from segue.tune.study.record import StudyRecord
from tests.tune.support.doubles import make_sweep

SWEEP = make_sweep()


@contextmanager
def opened(run: RunDirectory, url: str | None) -> Iterator[StudyRecord]:
    with (
        study_place(run, "double", url, fresh=False) as found,
        open_run(run, SWEEP, "double", study=found.recorded),
        closing(found.opened(SWEEP, SearchSpace.of(SWEEP.space), lambda: None)) as record,
    ):
        yield record


def write_a_result(run: RunDirectory) -> None:
    results = run.trial(0).results
    results.parent.mkdir(parents=True)
    append_row(results, {"env_steps": 100})


def test_a_database_is_opened_once_also_when_the_run_has_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: list[str] = []

    def counted(url: str) -> object:
        urls.append(url)
        return database_storage(url)

    monkeypatch.setattr(place, "database_storage", counted)
    run = RunDirectory(tmp_path / "run")
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with opened(run, url) as record:
        record.plan(SWEEP.planned())
    assert urls == [url]
    write_a_result(run)
    with opened(run, None) as record:
        assert len(record) == len(SWEEP.planned())
    assert urls == [url, url]


def test_a_database_without_the_study_of_a_run_with_results_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with opened(run, f"sqlite:///{tmp_path / 'studies.db'}"):
        write_a_result(run)
    with (
        pytest.raises(ValueError, match=r"has no study 'double-\w+'.*give the right one with"),
        opened(run, f"sqlite:///{tmp_path / 'other.db'}"),
    ):
        pass


def test_a_run_with_its_study_in_the_directory_takes_no_database(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with opened(run, None):
        pass
    with (
        pytest.raises(ValueError, match=r"has its study in study\.db: leave --storage out"),
        opened(run, f"sqlite:///{tmp_path / 'studies.db'}"),
    ):
        pass
