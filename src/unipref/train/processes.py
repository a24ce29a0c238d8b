"""Several processes that train one model together: started by accelerate or torchrun, which say so in the environment.

Alone, all of this does nothing.
"""

import os
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from unipref.core.errors import UserError

T = TypeVar("T")


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return int(os.environ.get("RANK", "0")) == 0


def join(cpu: bool) -> None:
    """Makes the processes know each other; the libraries find them joined.

    Args:
        cpu: they are not to use accelerators.
    """
    if count() > 1:
        from accelerate import PartialState

        PartialState(cpu=cpu)


def wait() -> None:
    """Goes on when all processes are here."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def shared(make: Callable[[], T]) -> T:
    """What the first process makes, for all of them; an error of its own is raised in all.

    Args:
        make: called in the first process only; its result can be pickled.

    Raises:
        UserError: as raised by `make`, in every process.
    """
    if count() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    box: list[Any] = [None]
    if is_first():
        try:
            box = [pickle.dumps((make(), None))]
        except UserError as error:
            box = [pickle.dumps((None, (error.what, error.where, error.mend)))]
    broadcast_object_list(box)
    made, fault = pickle.loads(box[0])
    if fault is not None:
        raise UserError(fault[0], where=fault[1], mend=fault[2])
    return made  # type: ignore[no-any-return]
