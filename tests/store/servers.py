"""Real servers on loopback: moto's S3, which can require credentials, and a PostgreSQL."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

PASSWORD = "pass}word"  # a brace must survive Optuna's templates
BUCKET = "runs"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "some-key",
    "AWS_SECRET_ACCESS_KEY": "some-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_SECONDS = 300
_MOTO = """
import sys
from moto.server import ThreadedMotoServer
def started(port):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    print("http://%s:%d" % server.get_host_and_port(), flush=True)
    return server
server = started(0)
_, port = server.get_host_and_port()
for line in sys.stdin:  # what it keeps is the process's
    if line == "stop\\n":
        server.stop()
        print("stopped", flush=True)
    else:
        server = started(port)
"""


@contextmanager
def an_s3(**environment: str) -> Iterator[dict[str, str]]:
    """A server with an empty bucket; yields the environment in which it is found."""
    with an_s3_that_stops(**environment) as (found, _):
        yield found


@contextmanager
def an_s3_that_stops(**environment: str) -> Iterator[tuple[dict[str, str], Callable[[str], str]]]:
    """Yield a store's environment and a function that stops and starts its server.

    The function takes "stop", after which nothing answers, or "start".
    """
    with subprocess.Popen(
        [sys.executable, "-c", _MOTO],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        given = server.stdin
        answers = server.stdout

        def say(word: str) -> str:
            given.write(f"{word}\n")
            given.flush()
            return answers.readline().strip()

        found = {
            "AWS_ENDPOINT_URL": answers.readline().strip(),
            "AWS_DEFAULT_REGION": "us-east-1",
            **CREDENTIALS,
        }
        try:
            client("s3", found).create_bucket(Bucket=BUCKET)
            yield found, say
        finally:
            server.communicate(timeout=_SECONDS)


def client(service: str, found: dict[str, str]) -> Any:
    """Amazon's own client of a service."""
    return boto3.client(
        service,
        endpoint_url=found["AWS_ENDPOINT_URL"],
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def a_reader(found: dict[str, str]) -> dict[str, str]:
    """Credentials of a new user who may only read; takes three requests."""
    iam = client("iam", found)
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    may = {
        "Effect": "Allow",
        "Action": ["s3:Get*", "s3:List*", "s3:HeadBucket", "s3:HeadObject"],
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_user_policy(UserName="reader", PolicyName="reading", PolicyDocument=policy)
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


@contextmanager
def a_postgres() -> Iterator[str]:
    """Yield the URL of a database with a password; skip where PostgreSQL is not installed."""
    with a_postgres_that_stops() as (url, _):
        yield url


@contextmanager
def a_postgres_that_stops() -> Iterator[tuple[str, Callable[[str], None]]]:
    """Yield a database's URL and a function that stops and starts its server.

    The function takes "stop", which cuts all connections, or "start".
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        who = _somebody(Path(folder))
        secret = Path(folder, "password")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = Path(folder, "data")
        port = _free_port()
        init = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "owner",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-N",
        ]
        subprocess.run(init, **who, check=True, capture_output=True, cwd=folder)
        serve = [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            folder,
            "-h",
            "127.0.0.1",
            "-c",
            "fsync=off",
        ]
        with ExitStack() as running:

            def say(word: str) -> None:
                running.close()
                if word == "start":
                    running.enter_context(_serving([str(part) for part in serve], who, folder))

            say("start")
            yield f"postgresql+psycopg://owner:{PASSWORD}@127.0.0.1:{port}/postgres", say


@contextmanager
def _serving(command: list[str], who: dict[str, str], folder: str) -> Iterator[None]:
    with subprocess.Popen(command, **who, stderr=subprocess.PIPE, text=True, cwd=folder) as server:  # type: ignore[call-overload]
        assert server.stderr is not None
        for line in server.stderr:
            if "ready to accept connections" in line:
                break
        reading = threading.Thread(
            target=server.stderr.read, daemon=True
        )  # so that it never waits for us
        reading.start()
        try:
            yield
        finally:
            server.send_signal(signal.SIGINT)  # its clients are not waited for
            server.wait(_SECONDS)
            reading.join(_SECONDS)


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        pytest.skip("there is no PostgreSQL server on this machine: apt-get install postgresql")
    return versions[-1].parent


def _somebody(folder: Path) -> dict[str, str]:
    """Whom to run it as: it refuses to be run by root."""
    if os.getuid() != 0:
        return {}
    try:
        postgres = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    os.chown(folder, postgres.pw_uid, postgres.pw_gid)
    return {"user": "postgres", "group": "postgres"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
