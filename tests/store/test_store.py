"""Objects, mirrors and the lock of a run, on a folder that stands for a bucket."""

import json
import pickle
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.record.local_run import fetch_run
from segue.store import database, lease, objects
from segue.store.database import remember_password, url_with_password
from segue.store.lease import DRIVER, Lease, LeaseHolder, acquire, has_driver
from segue.store.mirror import Mirror, checkpoints_last
from segue.store.objects import Store, StoreError
from segue.store.secrets import password_removed, without_secrets
from tests.store.servers import BUCKET, an_s3


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "bucket").mkdir()
    return replace(Store.of(f"file://{tmp_path}/bucket/run"), waits=(0.0, 0.0))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_SETTLING_SECONDS", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def failing(monkeypatch: pytest.MonkeyPatch, names: Callable[[str], bool], times: int) -> list[str]:
    """Let so many writes of some objects fail; which were tried."""
    original = objects._write
    tried = []

    def write(files: object, root: str, name: str, content: bytes) -> None:
        tried.append(name)
        if names(name) and sum(map(names, tried)) <= times:
            raise OSError(
                "When putting: AWS Error NETWORK_CONNECTION during PutObject operation: curlCode:"
                " 7, gone"
            )
        original(files, root, name, content)

    monkeypatch.setattr(objects, "_write", write)
    return tried


def test_an_object_is_what_was_written_last(store: Store) -> None:
    assert store.read("a/b") is None and store.names() == {}
    store.write("a/b", b"one")
    store.write("a/b", b"two")
    store.at("a").write("c", b"")
    assert store.read("a/b") == b"two"
    assert {name: entry.size for name, entry in store.names().items()} == {"a/b": 3, "a/c": 0}
    store.remove("a/b")
    store.remove("a/b")
    assert set(store.names()) == {"a/c"}


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "e.pt"]), st.binary(max_size=8)),
        max_size=4,
    )
)
@settings(max_examples=15, deadline=None)
def test_a_store_follows_a_folder_and_another_folder_follows_the_store(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, bytes]]
) -> None:
    base = tmp_path_factory.mktemp("mirrored")
    store = Store.of(f"file://{base}/bucket")
    here = base / "here"
    there = base / "there"
    here.mkdir()
    mirror = Mirror(store, here, rank=checkpoints_last)
    for state in states:
        for path in [path for path in here.rglob("*") if path.is_file()]:
            path.unlink()
        for name, content in state.items():
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_bytes(content)
        mirror.push()
        assert {name: store.read(name) for name in store.names()} == state
    Mirror(store, there).pull()
    last = states[-1] if states else {}
    assert {name: (there / name).read_bytes() for name in last} == last


def test_a_store_brings_its_server_to_a_worker_whose_environment_does_not_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with an_s3() as found:
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        store = Store.of(f"s3://{BUCKET}/run")
        store.write("row", b"one")
        sent = pickle.dumps(store)
        assert found["AWS_SECRET_ACCESS_KEY"].encode() not in sent
        for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name)
        objects.forget_connections()
        assert pickle.loads(sent).read("row") == b"one"


@pytest.mark.parametrize(
    ("environment", "query", "server"),
    [
        ({}, "", {}),
        (
            {"AWS_ENDPOINT_URL": "http://here:9000", "AWS_REGION": "eu-west-1"},
            "",
            {"endpoint_override": "here:9000", "scheme": "http", "region": "eu-west-1"},
        ),
        (
            {"AWS_ENDPOINT_URL": "http://here", "AWS_ENDPOINT_URL_S3": "https://there"},
            "?region=a",
            {"endpoint_override": "there", "scheme": "https", "region": "a"},
        ),
        (
            {"AWS_ENDPOINT_URL": "http://here"},
            "?endpoint_override=there",
            {"endpoint_override": "there"},
        ),
    ],
)
def test_the_server_is_the_urls_or_else_the_environments(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    query: str,
    server: dict[str, str],
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert dict(Store.of(f"s3://runs/wean{query}").server) == server


def test_nothing_is_sent_twice(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing(monkeypatch, lambda name: False, 0)
    (folder / "results.jsonl").write_text("1\n")
    mirror = Mirror(store, folder)
    mirror.push()
    mirror.push()
    assert tried == ["results.jsonl"]


def test_a_kill_between_row_and_checkpoint_leaves_the_row_and_the_checkpoint_before(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Mirror(store, folder, rank=checkpoints_last)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "checkpoint-1-a.pt").write_text("first")
    (folder / "results.jsonl").write_text("1\n")
    mirror.push()
    (folder / "checkpoints" / "checkpoint-1-a.pt").unlink()
    (folder / "checkpoints" / "checkpoint-2-b.pt").write_text("second")
    (folder / "results.jsonl").write_text("1\n2\n")
    failing(monkeypatch, lambda name: name.endswith(".pt"), 99)
    with pytest.raises(StoreError, match="cannot be written"):
        mirror.push()
    assert store.read("results.jsonl") == b"1\n2\n"
    assert [name for name in store.names() if name.endswith(".pt")] == [
        "checkpoints/checkpoint-1-a.pt"
    ]


def test_a_folder_that_was_emptied_costs_the_store_nothing(store: Store, folder: Path) -> None:
    mirror = Mirror(store, folder, lasting=lambda name: name == "results.jsonl")
    (folder / "results.jsonl").write_text("1\n")
    (folder / "checkpoint-1-a.pt").write_text("first")
    mirror.push()
    before = store.names()
    (folder / "results.jsonl").unlink()
    (folder / "checkpoint-1-a.pt").unlink()
    (folder / "checkpoint-2-b.pt").write_text("second")
    with pytest.raises(FileNotFoundError, match="was removed while it was in use"):
        mirror.push()
    assert store.names() == before
    mirror.pull(keep_ahead=True)
    assert (folder / "results.jsonl").read_text() == "1\n"
    mirror.push()


def test_a_write_that_fails_twice_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = failing(monkeypatch, lambda name: True, 2)
    store.write("a", b"1")
    assert store.read("a") == b"1" and tried == ["a"] * 3


def test_a_permanent_write_error_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda name: True, 99)
    with pytest.raises(StoreError) as caught:
        store.write("a", b"1")
    assert (
        str(caught.value)
        == f"The store {store.shown()} cannot be written (NETWORK_CONNECTION: curlCode: 7, gone)."
    )


def test_a_refusal_is_not_retried(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def write(files: object, root: str, name: str, content: bytes) -> None:
        tried.append(name)
        raise OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied")

    monkeypatch.setattr(objects, "_write", write)
    with pytest.raises(StoreError, match="ACCESS_DENIED"):
        store.write("a", b"1")
    assert tried == ["a"]


@pytest.mark.slow
def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_SILENT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "some")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="cannot be written"):
            replace(Store.of("s3://bucket/run?region=us-east-1"), waits=()).write("a", b"1")
        assert time.monotonic() - begun < 20


def test_files_that_were_not_uploaded_remain_and_newer_ones_are_downloaded(
    store: Store, folder: Path
) -> None:
    store.write("rows", b"1\n")
    store.write("other", b"new")
    (folder / "rows").write_text("1\n2\n")
    (folder / "other").write_text("old")
    (folder / "more.pt").write_text("unsent")
    mirror = Mirror(store, folder)
    mirror.pull(keep_ahead=True)
    assert (folder / "rows").read_text() == "1\n2\n" and (folder / "other").read_text() == "new"
    mirror.push()
    assert store.read("rows") == b"1\n2\n" and store.read("more.pt") == b"unsent"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/run", "not a place for a run"),
        ("s3://bucket", "no folder in the bucket"),
        ("s3:///run", "not a place for a run"),
        ("s3://KEY:word@bucket/run", "keys in it"),
        ("s3://bucket/run?secret_key=word", "keys in it"),
    ],
)
def test_a_url_that_cannot_be_a_store_is_refused_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        Store.of(url)
    assert "word" not in str(caught.value)


@given(st.text("abc%4:}{+-", min_size=1, max_size=9))
def test_no_password_stays_in_a_url(password: str) -> None:
    url = f"postgresql+psycopg://me:{password}@host:1/db"
    assert (
        without_secrets(f"--storage={url} x") == "--storage=postgresql+psycopg://me:***@host:1/db x"
    )
    assert password_removed(url) == "postgresql+psycopg://me@host:1/db"


def into(lines: list[str]) -> Callable[[str], None]:
    return lines.append


def test_a_run_is_held_by_one_driver_until_it_releases_it(store: Store) -> None:
    held, before = acquire(store, into([]))
    assert before is None and has_driver(store)
    with held.renewing(), pytest.raises(ValueError, match="in use by process"):
        acquire(store, into([]))
    assert not has_driver(store)
    _, before = acquire(store, into([]))
    assert before == held.holder.session
    assert set(store.names()) == {DRIVER}


def test_a_run_of_a_process_that_is_gone_is_free_at_once(store: Store) -> None:
    gone = replace(LeaseHolder.this_process(), process_start="1")
    store.write(DRIVER, json.dumps(asdict(gone)).encode())
    _, before = acquire(store, into([]))
    assert before == gone.session


def test_a_run_of_another_machine_is_taken_over_when_it_was_silent_for_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = replace(LeaseHolder.this_process(), machine="far", host="far")
    store.write(DRIVER, json.dumps(asdict(far)).encode())
    with pytest.raises(ValueError, match=r"in use by process \d+ on far"):
        acquire(store, into([]))
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.0)
    lines: list[str] = []
    held, _ = acquire(store, into(lines))
    assert "taken over" in lines[0]
    late = Lease(store, far)
    late.renew()
    assert late.lease_lost and "has taken over" in late.lease_lost and held.lease_lost is None


def test_the_lease_is_renewed_and_released(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.01)
    held, _ = acquire(store, into([]))
    renewals: list[None] = []
    held.on_renewal = lambda: renewals.append(None)
    with held.renewing():
        deadline = time.monotonic() + 10
        while len(renewals) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    holder = LeaseHolder.of(store)
    assert holder is not None and holder.released


def test_a_run_is_fetched_without_its_checkpoints(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"not a run: it has no sweep\.json"):
        fetch_run(store.url)
    for name in (
        "sweep.json",
        "trials/0000/results.jsonl",
        "trials/0000/checkpoints/checkpoint-1-a.pt",
    ):
        store.write(name, b'{"runs": [{"started": "today"}]}')
    run = fetch_run(store.url)
    assert {path.name for path in run.path.rglob("*") if path.is_file()} == {
        "sweep.json",
        "results.jsonl",
    }
    (run.path / "report.html").write_text("report")
    run.upload("report.html", "missing")
    assert store.read("report.html") == b"report"
    store.write("sweep.json", b'{"runs": [{"started": "tomorrow"}]}')
    store.remove("trials/0000/results.jsonl")
    assert not list(fetch_run(store.url).path.rglob("results.jsonl")), "of another run"


def test_a_password_that_was_given_is_found_where_the_url_is_written_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "_remembered", {})
    monkeypatch.setenv("SEGUE_STORAGE", "postgresql+psycopg://me:environment@host/db")
    written = "postgresql+psycopg://me@host/db"
    assert url_with_password(written) == "postgresql+psycopg://me:environment@host/db"
    remember_password(written)
    assert url_with_password(written) == "postgresql+psycopg://me:environment@host/db"
    remember_password("postgresql+psycopg://me:given@host/db")
    assert url_with_password(written) == "postgresql+psycopg://me:given@host/db"
    assert (
        url_with_password("postgresql+psycopg://me@elsewhere/db")
        == "postgresql+psycopg://me@elsewhere/db"
    )
