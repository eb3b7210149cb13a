"""`segue submit` and `segue jobs`: sweeps that run on a cluster, driver included."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.base.text import printable
from segue.cli.run import parse_options
from segue.cli.shared.arguments import as_place
from segue.store.secrets import without_secrets
from segue.tune.options.options import Options, overridden

if TYPE_CHECKING:
    from segue.tune.cluster.jobs import Jobs

Dashboard = Annotated[
    str, typer.Option(help="URL of the cluster's dashboard, or of a tunnel to it.")
]
DASHBOARD = "http://127.0.0.1:8265"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def submit(
    context: typer.Context,
    sweep: Annotated[
        str,
        typer.Argument(
            help="Name of a sweep, or path of a sweep file in this folder.", callback=as_place
        ),
    ],
    address: Dashboard = DASHBOARD,
    run_dir: Annotated[
        str | None,
        typer.Option(
            help="Run directory on the cluster, on storage that all its machines share."
            " Default: ~/runs/NAME."
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Exit after submitting, without following the job.")
    ] = False,
) -> int:
    """Run a sweep as a job on a cluster, where it continues when this machine is switched off.

    Uploads this folder without runs, virtual environments and files that .gitignore names.
    All options of `segue run` are passed on.
    """
    from segue.tune.checks.sweep import check_sweep
    from segue.tune.cluster.jobs import Jobs
    from segue.tune.code.sweep_file import find_sweep, load_sweep

    path = find_sweep(sweep)
    folder = Path.cwd()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{path} is outside {folder}, the folder that would be uploaded: change to the folder"
            " that contains it."
        )
    options = parse_options([sweep, *context.args])
    _check_no_password(options)
    check_sweep(overridden(load_sweep(path), options))
    jobs = Jobs(address)
    name = jobs.submit(path, folder, run_dir, context.args)
    print(f"Submitted as {name}. Follow it with: segue jobs {name} --follow", flush=True)
    return 0 if detach else _follow(jobs, name)


def command(
    name: Annotated[str | None, typer.Argument(help="Name of a job. Default: all jobs.")] = None,
    address: Dashboard = DASHBOARD,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print the job's output until it ends.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the job; submitting it again resumes the run.")
    ] = False,
) -> int:
    """List the jobs of a cluster, follow one, or stop it."""
    from segue.tune.cluster.jobs import Jobs

    if name is None and (follow or stop):
        raise ValueError("--follow and --stop need the name of a job: `segue jobs` lists them.")
    jobs = Jobs(address)
    if name is None:
        for each, status in jobs.all():
            print(printable(f"{each}  {status}"))
        return 0
    if stop:
        jobs.stop(name)
    if follow:
        return _follow(jobs, name)
    print(f"{name}  {jobs.status(name)}")
    return 0


def _check_no_password(options: Options) -> None:
    """Raise ValueError for a password in an option: Ray stores and shows the command of a job."""
    if options.storage and without_secrets(options.storage) != options.storage:
        raise ValueError(
            f"--storage {without_secrets(options.storage)} was given with a password, which the"
            " cluster's dashboard would show: set PGPASSWORD or SEGUE_STORAGE on the cluster."
        )


def _follow(jobs: "Jobs", name: str) -> int:
    """Print the output of a job until it ends, and return the exit code."""
    has_succeeded = jobs.follow(
        name, lambda text: print(printable(text, lines=True), end="", flush=True)
    )
    return 0 if has_succeeded else 1
