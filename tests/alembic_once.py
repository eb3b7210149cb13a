"""Importing this module makes Alembic execute the scripts of Optuna's tables once in a process.

Otherwise, each opening of a study executes them, 15 files, three times: 0.15 s.
"""

from functools import cache

from alembic.util import pyfiles

pyfiles.load_module_py = cache(pyfiles.load_module_py)
