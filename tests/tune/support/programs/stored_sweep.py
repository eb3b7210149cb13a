"""`python -m tests.tune.support.programs.stored_sweep URL ADDRESS GO`: a short weaning sweep in a
store, whose second stages wait for the file GO.
"""

import sys
from pathlib import Path

from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from tests.tune.support.programs.three_nodes import short_weaning

if __name__ == "__main__":
    url, address, go = sys.argv[1:]
    options = Options(address=address)
    result = run_sweep(short_weaning(Path(go)), "wean_to_ppo", url, options)
    print(result.problem or "done", flush=True)
