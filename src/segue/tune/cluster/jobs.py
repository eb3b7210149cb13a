"""Sweeps as Ray's jobs: the driver runs on the cluster's head, and goes on when this machine is
switched off.
"""

import asyncio
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from segue.tune.cluster.addresses import token_refused
from segue.tune.cluster.session import quiet

STAYS_HERE = (
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
"""What is not uploaded with the working directory, beside what `.gitignore` names."""
_ENDED_WELL = "SUCCEEDED"


class Jobs:
    """The jobs of the cluster whose dashboard is at `address`; raises ValueError when it cannot be
    asked.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        with self._asking():
            from ray.job_submission import JobSubmissionClient

            self._client: Any = JobSubmissionClient(address)

    def submit(
        self, sweep: Path, folder: Path, run_directory: str | None, arguments: Sequence[str] = ()
    ) -> str:
        """Upload `folder` and run the sweep file that lies in it; the job's name.

        `run_directory` is on the cluster, where all of its machines see it; by default runs/NAME in
        its user's home.
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
        with self._asking():
            self._client.submit_job(
                entrypoint=entrypoint.strip(),
                submission_id=name,
                runtime_env={"working_dir": str(folder.resolve()), "excludes": list(STAYS_HERE)},
            )
        return name

    def follow(self, name: str, say: Callable[[str], None]) -> bool:
        """Pass on what the job prints until it ends; whether it ended well."""

        async def tail() -> None:
            async for text in self._client.tail_job_logs(name):
                say(text)

        with self._asking(name):
            asyncio.run(tail())
            return self.status(name) == _ENDED_WELL

    def status(self, name: str) -> str:
        """PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""
        with self._asking(name):
            return str(self._client.get_job_status(name).value)

    def stop(self, name: str) -> None:
        """Stop the job as Ctrl-C would; submitting the sweep again resumes it."""
        with self._asking(name):
            self._client.stop_job(name)

    def all(self) -> list[tuple[str, str]]:
        """The names of all jobs, and how they stand."""
        with self._asking():
            listed = self._client.list_jobs()
        return [(job.submission_id, str(job.status.value)) for job in listed if job.submission_id]

    @contextmanager
    def _asking(self, name: str | None = None) -> Iterator[None]:
        """Turn what Ray raises into one sentence."""
        from ray.exceptions import AuthenticationError

        try:
            with quiet():
                yield
        except AuthenticationError as error:
            raise token_refused(self._address) from error
        except ConnectionError as error:
            raise ValueError(
                f"No dashboard of Ray answers at {self._address}: open a tunnel with `ray dashboard"
                " cluster.yaml`, or give its --address."
            ) from error
        except (ImportError, RuntimeError) as error:
            said = " ".join(str(error).split())
            if "does not exist" in said and name:
                raise ValueError(
                    f"There is no job {name!r} at {self._address}: `segue jobs` lists them."
                ) from error
            if "ray[default]" in said or isinstance(error, ImportError):
                raise ValueError("Jobs need more of Ray: pip install 'segue[cluster]'.") from error
            raise ValueError(
                f"Ray at {self._address} cannot do that ({said[:200].rstrip('.')})."
            ) from error
