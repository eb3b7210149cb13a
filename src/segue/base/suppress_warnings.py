"""A context in which packages print no warnings."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def suppress_warnings(*names: str) -> Iterator[None]:
    """Suppress the warnings of these packages, and their loggers' messages below ERROR."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        for name in names:
            warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        yield
