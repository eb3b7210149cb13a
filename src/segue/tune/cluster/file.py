"""Check cluster files, for `ray up` and for KubeRay, before any machine is paid for."""

import io
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from segue.base.suggestions import suggestion
from segue.tune.cluster.keys import (
    EC2,
    EC2_PARTS,
    PROVIDERS,
    RAY_CLUSTER,
    launcher_keys,
    node_type_keys,
)

_TO_FILL_IN = "YOUR-"
_OPEN_DASHBOARD = (
    "--dashboard-host=0.0.0.0",
    "--dashboard-host 0.0.0.0",
    "--dashboard-host=::",
    "--dashboard-host ::",
)
_WITH_A_TOKEN = "RAY_AUTH_MODE=token"
_MAKE_A_TOKEN = (
    "create it with `ray get-auth-token --generate > /dev/null && chmod 600 ~/.ray/auth_token`"
)

Tree = dict[str, Any]


def check_cluster_file(path: Path) -> Tree:
    """Return the file's content as Ray would use it.

    Raises ValueError, in one sentence, for misspelt keys (also inside `provider` and `node_config`,
    where Ray accepts any), for what Ray's own validator rejects, for placeholders that are not
    filled in, and for settings that leave the cluster open: no token, or a public dashboard.
    """
    content = _read(path)
    try:
        return (
            _checked_custom_resource(content)
            if "kind" in content
            else _checked_launcher_file(content, path)
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path) -> Tree:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(
            f"There is no cluster file {path} ({error.strerror}): give the path of one."
        ) from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply: it is not a cluster file.") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} has no settings: start from one of the cluster files that come with Segue."
        )
    return content


def _checked_launcher_file(content: Tree, path: Path) -> Tree:
    _refuse_unknown(content, launcher_keys(), "")
    provider = content.get("provider")
    if not isinstance(provider, dict) or "type" not in provider:
        raise ValueError(
            "provider.type is missing: use `type: aws`, `type: local`, or another of Ray's types."
        )
    if provider["type"] in PROVIDERS:
        _refuse_unknown(provider, PROVIDERS[provider["type"]], "provider")
    for name, node_type in (content.get("available_node_types") or {}).items():
        _check_node_type(
            node_type, f"available_node_types.{name}", is_ec2=provider["type"] == "aws"
        )
    prepared = _as_ray_prepares_it(content)
    _refuse_to_fill_in(content)
    _check_start_commands(prepared)
    _check_file_mounts(prepared, path)
    return prepared


def _check_node_type(node_type: object, where: str, *, is_ec2: bool) -> None:
    if not isinstance(node_type, dict):
        raise ValueError(f"{where} must be a table of settings, got {node_type!r}.")
    _refuse_unknown(node_type, node_type_keys(), where)
    machine = node_type.get("node_config") or {}
    if not is_ec2 or not isinstance(machine, dict):
        return
    _refuse_unknown(machine, EC2, f"{where}.node_config")
    for part, known in EC2_PARTS.items():
        if isinstance(machine.get(part), dict):
            _refuse_unknown(machine[part], known, f"{where}.node_config.{part}")


def _as_ray_prepares_it(content: Tree) -> Tree:
    """Return the content with Ray's defaults, after Ray's own checks."""
    import jsonschema  # slow to import, as are the next ones
    from click import ClickException
    from ray.autoscaler._private.util import prepare_config, validate_config

    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output):
            prepared: Tree = prepare_config(content)
            validate_config(prepared)
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path)
        raise ValueError(f"{place + ': ' if place else ''}{error.message}.") from error
    except ClickException as error:  # Ray has printed what is wrong
        raise ValueError(_one_line(output.getvalue() or str(error))) from error
    except (AttributeError, KeyError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"Ray cannot use it ({type(error).__name__}: {_one_line(str(error))})."
        ) from error
    return prepared


def _check_start_commands(prepared: Tree) -> None:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for command in prepared[key]:
            if "ray start" in command and _WITH_A_TOKEN not in command:
                raise ValueError(
                    f"{key} starts Ray without a token: put {_WITH_A_TOKEN} before `ray start`."
                )
            if any(option in command for option in _OPEN_DASHBOARD):
                raise ValueError(
                    f"{key} opens Ray's dashboard to the network: use --dashboard-host=127.0.0.1."
                )


def _check_file_mounts(prepared: Tree, path: Path) -> None:
    for there, here in prepared["file_mounts"].items():
        local = Path(here).expanduser()
        is_token = Path(there).name == "auth_token"
        if not local.exists():
            raise ValueError(
                f"file_mounts names {here}, which does not exist:"
                f" {_MAKE_A_TOKEN if is_token else 'create it'}."
            )
        if is_token and stat.S_IMODE(local.stat().st_mode) & 0o077:
            raise ValueError(f"{here} can be read by others: `chmod 600 {here}`.")
    key = prepared["auth"].get("ssh_private_key")
    if key and not Path(os.path.expandvars(key)).expanduser().exists():
        raise ValueError(
            f"auth.ssh_private_key names {key}, which does not exist: give the key's file."
        )


def _checked_custom_resource(content: Tree) -> Tree:
    """Return a RayCluster as its operator and Ray's autoscaler read it."""
    if content["kind"] != "RayCluster":
        raise ValueError(f"kind is {content['kind']!r}: write RayCluster.")
    for where, known in RAY_CLUSTER.items():
        for place, part in _parts(content, where):
            _refuse_unknown(part, known, place)
    if content.get("spec", {}).get("authOptions", {}).get("mode") != "token":
        raise ValueError("spec.authOptions starts Ray without a token: use `mode: token`.")
    prepared = _as_the_autoscaler_reads_it(content)
    _refuse_to_fill_in(content)
    return prepared


def _as_the_autoscaler_reads_it(content: Tree) -> Tree:
    from ray.autoscaler._private.kuberay.autoscaling_config import (
        _derive_autoscaling_config_from_ray_cr,
    )

    try:
        prepared: Tree = _derive_autoscaling_config_from_ray_cr(content)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"Ray cannot use it ({type(error).__name__}: {_one_line(str(error))})."
        ) from error
    return prepared


def _parts(content: object, where: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Return the tables at a path such as "spec.workerGroupSpecs[]", each with its own path."""
    found: list[tuple[str, object]] = [("", content)]
    for step in filter(None, where.split(".")):
        name = step.removesuffix("[]")
        is_list = step.endswith("[]")
        inner = [
            (f"{place}.{name}".strip("."), part[name])
            for place, part in found
            if isinstance(part, dict) and name in part
        ]
        found = (
            [(f"{p}[{i}]", each) for p, part in inner for i, each in enumerate(part)]
            if is_list
            else inner
        )
    return [(place, part) for place, part in found if isinstance(part, dict)]


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in set(known):
            place = f"in {where}" if where else "here"
            raise ValueError(f"There is no setting {key!r} {place}: {suggestion(str(key), known)}")


def _refuse_to_fill_in(content: object, where: str = "") -> None:
    if isinstance(content, dict):
        for key, value in content.items():
            _refuse_to_fill_in(value, f"{where}.{key}".lstrip("."))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            _refuse_to_fill_in(value, f"{where}[{index}]")
    elif isinstance(content, str) and _TO_FILL_IN in content:
        raise ValueError(f"{where} is still {content!r}: fill it in.")


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
