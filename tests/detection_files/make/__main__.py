"""Writes the files of the detection table.

    python -m detection_files.make dev|test      (in the folder `tests`)

Each half has its own seeds and its own makers, so that the test half can stay unread while the other is used.
"""

import importlib
import sys
from pathlib import Path

from .files import write

HALVES = {"dev": "dev", "test": "held_out"}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in HALVES:
        sys.exit(str(__doc__))
    module = importlib.import_module(f"detection_files.make.{HALVES[sys.argv[1]]}")
    write(Path(__file__).parents[1] / sys.argv[1], module.FILES)
