"""Several processes that train one model together; accelerate or torchrun starts them and sets environment variables.

In a single process, these functions do nothing.
"""

import os
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from unipref.core.errors import UserError

T = TypeVar("T")


def count() -> int:
    """Counts the processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes files and reports progress."""
    return int(os.environ.get("RANK", "0")) == 0


def join(cpu: bool) -> None:
    """Connects the processes, so that the libraries find them connected.

    Args:
        cpu: whether the processes must not use accelerators.
    """
    if count() > 1:
        from accelerate import PartialState

        PartialState(cpu=cpu)


def wait() -> None:
    """Waits until all processes arrive here."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def run_in_first(make: Callable[[], T]) -> T:
    """Calls a function in the first process, and returns its result in all of them.

    Args:
        make: called in the first process only; its result must be picklable.

    Raises:
        UserError: as raised by `make`, in every process.
    """
    if count() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    message: list[Any] = [None]
    if is_first():
        try:
            message = [pickle.dumps((make(), None))]
        except UserError as error:
            message = [pickle.dumps((None, (error.what, error.where, error.mend)))]
    broadcast_object_list(message)
    result, error_parts = pickle.loads(message[0])
    if error_parts is not None:
        raise UserError(error_parts[0], where=error_parts[1], mend=error_parts[2])
    return result  # type: ignore[no-any-return]
