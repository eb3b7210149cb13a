"""Who can access the Ray that a sweep starts on this machine: this user's processes, and no one
else.
"""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 600
SCRIPT = """
import json, os, socket, sys, time
import ray  # before the session, as in a sweep file
import psutil
from pathlib import Path
from segue.tune.cluster.session import ray_session

def listening():
    me = psutil.Process()
    return sorted({
        connection.laddr.ip
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    })

said = []
for _ in range(2):  # the second one in a process is as the first
    with ray_session():
        address = ray.get_runtime_context().gcs_address
        pid = ray.get(ray.remote(lambda: os.getpid()).remote())
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        stranger = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
        said.append({
            "listening": listening(), "mode": oct(token.stat().st_mode),
            "folder": oct(token.parent.stat().st_mode),
            "in the environment": token.read_text() in " ".join(os.environ.values()),
            "workers": pid != os.getpid(),
            "refused": os.spawnve(
                os.P_WAIT, sys.executable, [sys.executable, "-c", "STRANGER", address], stranger
            ),
        })
    said[-1]["left"] = token.exists() or "RAY_AUTH_MODE" in os.environ
print(json.dumps(said))
"""
STRANGER = """
import sys
from segue.tune.cluster.addresses import check_address
try:
    check_address(sys.argv[1])
except ValueError as error:
    print(error, file=sys.stderr)
    sys.exit(3 if "refuses the token (none is sent" in str(error) else 4)
"""


@pytest.mark.slow
def test_it_listens_on_loopback_and_requires_a_token_that_only_the_user_can_read(
    tmp_path: Path,
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")
    }
    script = SCRIPT.replace('"STRANGER"', repr(STRANGER))
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for said in json.loads(ran.stdout.splitlines()[-1]):
        assert said["workers"]
        assert set(said["listening"]) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
        assert int(said["mode"], 8) == stat.S_IFREG | 0o600
        assert int(said["folder"], 8) == stat.S_IFDIR | 0o700
        assert not said["in the environment"]
        assert said["refused"] == 3
        assert not said["left"]
    assert not (tmp_path / ".ray").exists()
