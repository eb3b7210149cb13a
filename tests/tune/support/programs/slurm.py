"""`python -m tests.tune.support.programs.slurm FOLDER`: cluster/slurm.sh on two simulated nodes.

Each node has network, process and mount namespaces of its own, a host name, and `/tmp/ray`, so that
neither sees the processes of the other. `ray symmetric-run` and everything below it are real.
`srun` and `scontrol` are stand-ins that start tasks on the nodes, forward signals to all processes
there (as Slurm does) and note a requeue. It needs the rights of root, and takes three minutes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segue.report.data.facts import facts
from segue.report.data.summary import read_summary

ROOT = Path(__file__).parents[4]
SWEEP = '''
"""Does the job resume?"""
from ray import tune
from torch.optim import Adam

from segue import PPO, Builder, Evaluation, PipelineStage, Sweep, TrainingPipeline


def pipeline(lr: float) -> TrainingPipeline:
    return TrainingPipeline(
        named_losses={"ppo": PPO()},
        pipeline_stages=[PipelineStage(loss_name=["ppo"], max_stage_steps=60_000)],
        optimizer_builder=Builder(Adam, {"lr": lr}),
        num_mini_batch=4,
        update_repeats=4,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=10_000,
        metric_accumulate_interval=10_000,
    )


sweep = Sweep(
    pipeline=pipeline,
    space={"lr": tune.grid_search([1e-4, 3e-4, 1e-3, 3e-3])},
    world="CartPole-v1",
    evaluation=Evaluation(every=10_000, episodes=4),
)
'''
SRUN = """
import os, signal, subprocess, sys, time

nodes = os.environ["NODES"].split()
options = [each for each in sys.argv[1:] if each.startswith("--")]
command = sys.argv[1 + len(options):]
wait = next((float(each[7:]) for each in options if each.startswith("--wait=")), None)
print("srun", *options, "on", len(nodes), "nodes", flush=True)
tasks = []
for index, node in enumerate(nodes):
    entering = ["nsenter", "--target", node, "--net", "--pid", "--mount", "--uts"]
    entering.append("--wdns=" + os.getcwd())
    environment = os.environ | {"SLURM_NODEID": str(index), "SLURM_CPUS_ON_NODE": "1"}
    tasks.append(subprocess.Popen([*entering, *command], env=environment))


def forward(number, frame):
    spaces = {os.readlink(f"/proc/{node}/ns/pid") for node in nodes}
    for each in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{each}/ns/pid") in spaces and each not in nodes:
                os.kill(int(each), number)
        except OSError:
            continue


signal.signal(signal.SIGUSR1, forward)
first = None
while any(task.poll() is None for task in tasks):
    time.sleep(0.2)
    if first is None and any(task.poll() is not None for task in tasks):
        first = time.monotonic()
    if first and wait is not None and time.monotonic() - first > wait:
        print("srun: the first task ended", wait, "s ago: the others are killed", flush=True)
        for task in tasks:
            task.kill()
        break
code = max(abs(task.wait()) for task in tasks)
forward(signal.SIGKILL, None)  # no process outlives its step
sys.exit(code)
"""
SCONTROL = """#!/bin/bash
if [[ $1 == show ]]; then printf 'node1\\nnode2\\n'; else echo "$2" >> "$REQUEUED"; fi
"""
GETENT = """#!/bin/bash
echo '10.77.0.1 STREAM node1'
"""


@contextmanager
def two_nodes(folder: Path) -> Iterator[list[int]]:
    """Two nodes with a network between them; the process numbers of their first processes."""
    spaces = [f"segue{os.getpid()}-{index}" for index in (1, 2)]
    holders = []
    try:
        for space in spaces:
            _run("ip", "netns", "add", space)
        _run("ip", "link", "add", "va", "netns", spaces[0], "type", "veth", "peer", "name", "vb")
        _run("ip", "link", "set", "vb", "netns", spaces[1])
        for index, (space, device) in enumerate(zip(spaces, ("va", "vb"), strict=True), start=1):
            inside = ("ip", "-n", space)
            _run(*inside, "address", "add", f"10.77.0.{index}/24", "dev", device)
            _run(*inside, "link", "set", device, "up")
            _run(*inside, "link", "set", "lo", "up")
            own = folder / f"node{index}"
            own.mkdir()
            start = f"hostname node{index}; mount --bind {own} /tmp/ray; while :; do sleep 1; done"
            Path("/tmp/ray").mkdir(exist_ok=True)
            unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
            command = ["ip", "netns", "exec", space, *unshare, "--uts", "bash", "-c", start]
            holders.append(subprocess.Popen(command))
        time.sleep(1)
        yield [_child(holder.pid) for holder in holders]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
        for space in spaces:
            _run("ip", "netns", "delete", space)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _child(pid: int) -> int:
    """The process in the new namespaces that a process has started."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _environment(folder: Path, nodes: list[int]) -> dict[str, str]:
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    commands = {"srun": f"#!{sys.executable}\n{SRUN}", "scontrol": SCONTROL, "getent": GETENT}
    for name, text in commands.items():
        (binaries / name).write_text(text.lstrip())
        (binaries / name).chmod(0o755)
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return known | {
        "PATH": f"{binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "NODES": " ".join(map(str, nodes)),
        "REQUEUED": str(folder / "requeued"),
        "SLURM_JOB_ID": "4242",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
    }


def _job(folder: Path, environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        script = [str(ROOT / "cluster" / "slurm.sh"), "sweeps/small.py"]
        return subprocess.Popen(
            script, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def _reports(run: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in run.glob("trials/*/results.jsonl"))


def main(folder: Path) -> None:
    """Run the job, end it as Slurm does before the time limit, and run it again."""
    folder.mkdir(parents=True)
    (folder / "sweeps").mkdir()
    (folder / "sweeps" / "small.py").write_text(SWEEP)
    run = folder / "runs" / "small"
    log = folder / "segue-4242.log"
    with two_nodes(folder) as nodes:
        environment = _environment(folder, nodes)
        began = time.monotonic()
        first = _job(folder, environment, log)
        while _reports(run) < 6:
            assert first.poll() is None, log.read_text()
            time.sleep(0.2)
        token = folder / ".ray" / "segue-4242" / "token"
        print("token:", oct(token.stat().st_mode & 0o777), len(token.read_text()), "characters")
        first.send_signal(signal.SIGUSR1)
        signalled = time.monotonic()
        print("first job: exit code", first.wait(), f"after {signalled - began:.0f} s and USR1,")
        print(f"  {time.monotonic() - signalled:.0f} s later; requeued:", _requeued(folder))
        states = [trial.state for trial in facts(read_summary(run))]
        print("trials then:", *states)
        second = _job(folder, environment, log)
        print("second job: exit code", second.wait())
        print("trials then:", *(trial.state for trial in facts(read_summary(run))))
        print("the job's folder is removed:", not token.parent.exists())
    print(log.read_text())


def _requeued(folder: Path) -> str:
    path = folder / "requeued"
    return path.read_text().strip() if path.exists() else "no"


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
