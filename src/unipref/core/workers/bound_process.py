"""Runs a command that ends with the process that started it: `python -m` this module, PARENT, COMMAND..."""

import os
import sys

from unipref.core.workers.parent_process import PARENT_ENDED, kill_with_parent


def main() -> None:
    """Becomes the command, which the kernel kills with the parent."""
    kill_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit(PARENT_ENDED)
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
