"""A long campaign: `python -m tests.mutations --count 3000 --seed 1`."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from segue.tune.cluster.session import suppress_ray_warnings
from tests.alembic_once import run_alembic_once
from tests.mutations.campaign import findings
from tests.mutations.readers import READERS
from tests.mutations.run import make_run


def main() -> int:
    """Print what goes wrong; the exit code is 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3_000, help="number of mutations")
    parser.add_argument("--start", type=int, default=0, help="index of the first mutation")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations")
    parser.add_argument("--readers", type=int, default=len(READERS), help="readers per mutation")
    options = parser.parse_args()
    run_alembic_once()
    with TemporaryDirectory() as folder, suppress_ray_warnings():
        make_run(Path(folder, "original"))
        indices = range(options.start, options.start + options.count)
        found = 0
        for index in indices:
            for finding in findings(
                Path(folder, "original"), Path(folder), options.seed, [index], options.readers
            ):
                found += 1
                print(finding, flush=True)
            if index % 100 == 99:
                print(f"{index + 1} mutations, {found} findings", flush=True)
    checks = options.count * options.readers
    print(f"{found} of {checks:,} checks of {options.count:,} damaged runs went wrong.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
