"""How many random inputs a test tries: a part in `make test`, all in `make trust`."""

import os


def count(part: int, full: int) -> int:
    """Returns `full` if the environment variable `UNIPREF_TRIALS` is `full`, else `part`."""
    return full if os.environ.get("UNIPREF_TRIALS") == "full" else part
