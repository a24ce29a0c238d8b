"""How much memory this machine or container has left, and how a process gives back what it no longer needs."""

import contextlib
import ctypes
import gc
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps a container's memory limits."""


def measure() -> int:
    """Returns the free bytes of this machine, or of its container if that has less."""
    import psutil

    return min(int(psutil.virtual_memory().available), _measure_free_in_container())


def give_back() -> None:
    """Gives memory that this process has freed back to the system, where the C library can.

    glibc keeps what it has freed: after three steps of DPO of a model of 135M parameters a process held 4.5 GB, and
    0.8 GB after this.
    """
    gc.collect()
    # Other C libraries do not have the function.
    with contextlib.suppress(AttributeError, TypeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _measure_free_in_container() -> int:
    """Free bytes under the container's limit; a huge number without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return 1 << 62
    return 1 << 62 if limit == "max" else max(0, int(limit) - int(used))
