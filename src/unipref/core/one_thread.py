"""One thread for the arithmetic of libraries: with several, the last bits of sums differ from run to run."""

import functools
import sys
from contextlib import AbstractContextManager
from typing import Any


def limit_to_one_thread() -> AbstractContextManager[Any]:
    """Returns a context in which the libraries for linear algebra that are loaded use one thread."""
    limit: AbstractContextManager[Any] = _find_libraries(len(sys.modules)).limit(limits=1)
    return limit


@functools.lru_cache(maxsize=1)
def _find_libraries(modules: int) -> Any:
    """Finds the loaded libraries, which takes milliseconds; again only if there are more modules than before."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
