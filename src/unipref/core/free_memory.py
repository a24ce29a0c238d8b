"""How much memory this machine or container has left."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps a container's memory limits."""


def measure() -> int:
    """Returns the free bytes of this machine, or of its container if that has less."""
    import psutil

    return min(int(psutil.virtual_memory().available), _measure_free_in_container())


def _measure_free_in_container() -> int:
    """Free bytes under the container's limit; a huge number without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return 1 << 62
    return 1 << 62 if limit == "max" else max(0, int(limit) - int(used))
