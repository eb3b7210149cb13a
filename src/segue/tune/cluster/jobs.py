"""Run sweeps as Ray jobs, so that they do not depend on this machine.

The driver runs on the head node of the cluster.
"""

import asyncio
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from segue.tune.cluster.addresses import token_refused
from segue.tune.cluster.session import suppress_ray_warnings

EXCLUDED = (
    *(
        "/runs/",
        "/site/",
        "/build/",
        "/dist/",
        ".git/",
        ".venv/",
        "venv/",
        "*.egg-info/",
        "__pycache__/",
        ".*_cache/",
    ),
    *(".hypothesis/", ".env", "*.pem", "auth_token"),
)
"""What is not uploaded with the working directory, in addition to what `.gitignore` lists."""
_SUCCEEDED = "SUCCEEDED"


class Jobs:
    """The jobs of the cluster whose dashboard is at `address`.

    Raises ValueError if the dashboard is unavailable.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        with self._request():
            from ray.job_submission import JobSubmissionClient

            self._client: Any = JobSubmissionClient(address)

    def submit(
        self, sweep: Path, folder: Path, run_directory: str | None, arguments: Sequence[str] = ()
    ) -> str:
        """Upload `folder`, run the sweep file that lies in it, and return the name of the job.

        `run_directory` is on the cluster, where all of its nodes can access it; the default is
        runs/NAME in the home of the cluster's user.
        """
        name = f"{sweep.stem}-{datetime.now():%Y%m%d-%H%M%S}"
        where = (
            shlex.quote(run_directory)
            if run_directory
            else f'"$HOME"/runs/{shlex.quote(sweep.stem)}'
        )
        inside = shlex.quote(str(sweep.resolve().relative_to(folder.resolve())))
        entrypoint = (
            f"python -m segue run {inside} --address auto --run-dir {where} {shlex.join(arguments)}"
        )
        with self._request():
            self._client.submit_job(
                entrypoint=entrypoint.strip(),
                submission_id=name,
                runtime_env={"working_dir": str(folder.resolve()), "excludes": list(EXCLUDED)},
            )
        return name

    def follow(self, name: str, write: Callable[[str], None]) -> bool:
        """Pass on what the job prints until it ends; return whether it succeeded."""

        async def tail() -> None:
            async for text in self._client.tail_job_logs(name):
                write(text)

        with self._request(name):
            asyncio.run(tail())
            return self.status(name) == _SUCCEEDED

    def status(self, name: str) -> str:
        """Return the status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""
        with self._request(name):
            return str(self._client.get_job_status(name).value)

    def stop(self, name: str) -> None:
        """Stop the job as Ctrl-C would; submitting the sweep again resumes it."""
        with self._request(name):
            self._client.stop_job(name)

    def all(self) -> list[tuple[str, str]]:
        """Return the names and statuses of all jobs."""
        with self._request():
            listed = self._client.list_jobs()
        return [(job.submission_id, str(job.status.value)) for job in listed if job.submission_id]

    @contextmanager
    def _request(self, name: str | None = None) -> Iterator[None]:
        """Convert Ray's exceptions into a ValueError of one sentence."""
        from ray.exceptions import AuthenticationError

        try:
            with suppress_ray_warnings():
                yield
        except AuthenticationError as error:
            raise token_refused(self._address) from error
        except ConnectionError as error:
            raise ValueError(
                f"No Ray dashboard responds at {self._address}: open a tunnel with `ray dashboard"
                " cluster.yaml`, or give its --address."
            ) from error
        except (ImportError, RuntimeError) as error:
            message = " ".join(str(error).split())
            if "does not exist" in message and name:
                raise ValueError(
                    f"There is no job {name!r} at {self._address}: `segue jobs` lists them."
                ) from error
            if "ray[default]" in message or isinstance(error, ImportError):
                raise ValueError("Jobs need more of Ray: pip install 'segue[cluster]'.") from error
            raise ValueError(
                f"Ray at {self._address} refuses the request ({message[:200].rstrip('.')})."
            ) from error
