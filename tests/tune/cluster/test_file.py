"""The cluster files that come with Segue are right once they are filled in; what is wrong in one is
printed.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from segue.cli import segue
from segue.tune.cluster.file import check_cluster_file

ROOT = Path(__file__).parents[3]
FILES = ("cluster.yaml", "cluster/local.yaml", "cluster/kuberay.yaml")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a key and a token, and the repository as the current directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    for name in (".ray/auth_token", ".ssh/mine.pem", ".ssh/id_ed25519"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def filled_in(home: Path, file: str, *changes: tuple[str, str]) -> Path:
    text = (ROOT / file).read_text().replace("YOUR-KEY", "mine")
    text = re.sub(r"YOUR-([A-Z]+)", lambda found: found[1].lower(), text)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (home / "cluster.yaml").write_text(text)
    return home / "cluster.yaml"


@pytest.mark.parametrize("file", FILES)
def test_filled_in_it_is_right(home: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = filled_in(home, file)
    assert exit_code(path) == 0
    assert capsys.readouterr().out == f"{path} is valid.\n"


@pytest.mark.parametrize("file", FILES)
def test_the_shipped_file_names_what_is_to_be_filled_in(home: Path, file: str) -> None:
    with pytest.raises(ValueError, match=r"is still '.*YOUR-.*': fill it in"):
        check_cluster_file(ROOT / file)


def test_the_requests_of_the_file_for_aws(home: Path) -> None:
    prepared = check_cluster_file(filled_in(home, "cluster.yaml"))
    workers = prepared["available_node_types"]["gpu_worker"]
    assert workers["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert (workers["min_workers"], workers["max_workers"], prepared["idle_timeout_minutes"]) == (
        0,
        8,
        10,
    )
    assert "InstanceMarketOptions" not in prepared["available_node_types"]["head"]["node_config"]
    assert any(
        "-c ~/segue/constraints.txt" in command for command in prepared["worker_setup_commands"]
    )
    assert not {"runs", ".git", ".venv", "site"} - set(prepared["rsync_exclude"])


def test_pods_on_kubernetes_have_a_gpu_each_and_come_and_go(home: Path) -> None:
    prepared = check_cluster_file(filled_in(home, "cluster/kuberay.yaml"))
    workers = prepared["available_node_types"]["gpu-worker"]
    assert (workers["resources"]["GPU"], workers["min_workers"], workers["max_workers"]) == (
        1,
        0,
        8,
    )
    assert prepared["available_node_types"]["headgroup"]["resources"]["CPU"] == 0
    assert prepared["idle_timeout_minutes"] == 10


WRONG = [
    (
        "cluster.yaml",
        "max_workers: 8\nidle",
        "max_worker: 8\nidle",
        "no setting 'max_worker' here: did you mean 'max_workers'?",
    ),
    (
        "cluster.yaml",
        "  region:",
        "  reigon:",
        "no setting 'reigon' in provider: did you mean 'region'?",
    ),
    ("cluster.yaml", "ssh_user", "ssh_usr", "'ssh_usr' was unexpected"),
    (
        "cluster.yaml",
        "    min_workers",
        "    min_worker",
        "in available_node_types.head: did you mean 'min_workers'?",
    ),
    (
        "cluster.yaml",
        "InstanceType",
        "InstanceTyp",
        "head.node_config: did you mean 'InstanceType'?",
    ),
    (
        "cluster.yaml",
        "MarketType",
        "MarketTyp",
        "node_config.InstanceMarketOptions: did you mean 'MarketType'?",
    ),
    (
        "cluster.yaml",
        "max_workers: 8",
        "max_workers: many",
        "max_workers: 'many' is not of type 'integer'.",
    ),
    (
        "cluster.yaml",
        "head_node_type: head",
        "head_node_type: haed",
        "`head_node_type` must be one of",
    ),
    (
        "cluster.yaml",
        "RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 PATH=$HOME/venv/bin:$PATH ray",
        "ray",
        "without a token",
    ),
    (
        "cluster.yaml",
        "--dashboard-host=127.0.0.1",
        "--dashboard-host=0.0.0.0",
        "opens Ray's dashboard to the network",
    ),
    (
        "cluster.yaml",
        "head_start_ray_commands:",
        "metadata: {x: []}\nmetadata2:",
        "did you mean 'metadata'?",
    ),
    ("cluster.yaml", "mine.pem", "other.pem", "names ~/.ssh/other.pem, which does not exist"),
    ("cluster.yaml", "type: aws", "type: awz", "Ray cannot use it"),
    (
        "cluster/local.yaml",
        "head_ip",
        "head",
        "no setting 'head' in provider: did you mean 'head_ip'?",
    ),
    ("cluster/local.yaml", "  head_ip: head # FILL IN\n", "", "Please supply a `head_ip`"),
    (
        "cluster/kuberay.yaml",
        "kind: RayCluster",
        "kind: RayClutser",
        "kind is 'RayClutser': write RayCluster",
    ),
    (
        "cluster/kuberay.yaml",
        "mode: token",
        "mode: disabled",
        "spec.authOptions starts Ray without a token",
    ),
    (
        "cluster/kuberay.yaml",
        "idleTimeoutSeconds",
        "idleTimeout",
        "spec.autoscalerOptions: did you mean 'idleTimeoutSeconds'?",
    ),
    (
        "cluster/kuberay.yaml",
        "maxReplicas",
        "maxReplica",
        "in spec.workerGroupSpecs[0]: did you mean 'maxReplicas'?",
    ),
    (
        "cluster/kuberay.yaml",
        "      minReplicas: 0\n",
        "",
        "Ray cannot use it (KeyError: 'minReplicas')",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), WRONG)
def test_what_is_wrong_is_one_sentence(
    home: Path, file: str, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled_in(home, file, (old, new))
    assert exit_code(path) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"{path}: ") and said in printed
    assert printed.count("\n") == 1


def test_rays_own_command_for_the_head_is_refused_for_its_open_dashboard(home: Path) -> None:
    path = filled_in(home, "cluster.yaml")
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    del content["head_start_ray_commands"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="head_start_ray_commands starts Ray without a token"):
        check_cluster_file(path)


def test_a_token_that_others_can_read_or_that_is_missing_is_refused(home: Path) -> None:
    path = filled_in(home, "cluster.yaml")
    token = home / ".ray" / "auth_token"
    token.chmod(0o644)
    with pytest.raises(ValueError, match="auth_token can be read by others: `chmod 600"):
        check_cluster_file(path)
    token.unlink()
    with pytest.raises(
        ValueError, match="which does not exist: create it with `ray get-auth-token --generate"
    ):
        check_cluster_file(path)


@pytest.mark.parametrize(("text", "said"), [("a: [", "is not YAML"), ("- a", "has no settings")])
def test_what_is_not_a_cluster_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        check_cluster_file(tmp_path / "c.yaml")
    with pytest.raises(ValueError, match="There is no cluster file"):
        check_cluster_file(tmp_path / "d.yaml")


def exit_code(path: Path) -> Any:
    with pytest.raises(SystemExit) as left:
        segue(["cluster", "check", str(path)])
    return left.value.code
