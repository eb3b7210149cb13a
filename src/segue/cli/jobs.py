"""`segue submit` and `segue jobs`: sweeps whose driver runs on a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segue.tune.cluster.jobs import Jobs

Address = Annotated[
    str, typer.Option(help="The cluster's dashboard, here or at the end of a tunnel.")
]
DASHBOARD = "http://127.0.0.1:8265"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def submit(
    context: typer.Context,
    sweep: Annotated[
        str, typer.Argument(help="A sweep's name, or the path of a sweep file in this folder.")
    ],
    address: Address = DASHBOARD,
    run_dir: Annotated[
        str | None,
        typer.Option(help="On the cluster, where all its machines see it; ~/runs/NAME by default."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="End at once, without following the job.")
    ] = False,
) -> int:
    """Run a sweep on a cluster as a job: it goes on when this machine is switched off.

    Uploads this folder, without runs, environments and what .gitignore names. Other options are
    those of `segue run`.
    """
    from segue.tune.checks import check_sweep
    from segue.tune.cluster.jobs import Jobs
    from segue.tune.run.sweep_file import find_sweep, load_sweep

    path, folder = find_sweep(sweep), Path.cwd()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{path} is not in {folder}, which is what is uploaded: change to the folder that"
            " holds it."
        )
    check_sweep(load_sweep(path))
    jobs = Jobs(address)
    name = jobs.submit(path, folder, run_dir, context.args)
    print(f"Submitted as {name}. Follow it with: segue jobs {name} --follow", flush=True)
    return 0 if detach else _follow(jobs, name)


def command(
    name: Annotated[str | None, typer.Argument(help="One job; all by default.")] = None,
    address: Address = DASHBOARD,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print what the job prints, until it ends.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the job, to be continued by submitting it again.")
    ] = False,
) -> int:
    """List the jobs of a cluster, follow one, or stop it."""
    from segue.tune.cluster.jobs import Jobs

    if name is None and (follow or stop):
        raise ValueError("Say which job: `segue jobs` lists them.")
    jobs = Jobs(address)
    if name is None:
        for each, status in jobs.all():
            print(f"{each}  {status}")
        return 0
    if stop:
        jobs.stop(name)
    if follow:
        return _follow(jobs, name)
    print(f"{name}  {jobs.status(name)}")
    return 0


def _follow(jobs: "Jobs", name: str) -> int:
    return 0 if jobs.follow(name, lambda text: print(text, end="", flush=True)) else 1
