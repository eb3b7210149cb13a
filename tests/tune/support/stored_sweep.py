"""`python -m tests.tune.support.stored_sweep URL STORAGE ADDRESS`: a short weaning sweep that is
kept in stores.
"""

import sys

from segue.tune.drive import run_sweep
from segue.tune.options import Options
from tests.tune.support.three_nodes import noting_its_node, short_weaning

if __name__ == "__main__":
    url, storage, address = sys.argv[1:]
    options = Options(address=address or None, storage=storage or None)
    result = run_sweep(short_weaning(), "wean_to_ppo", url, options, runner=noting_its_node)
    print(result.problem or "done", flush=True)
