"""The command turns off reports to the hub; a user who set them, or a program that imports unipref, decides itself."""

import os
import subprocess
import sys

import pytest

from unipref.core.telemetry import VARIABLE


@pytest.mark.parametrize(
    ("program", "chosen", "is_off"),
    [("/bin/unipref", None, True), ("/bin/unipref", "0", False), ("own.py", None, False), ("own.py", "1", True)],
)
def test_who_decides_about_reports_to_the_hub(program: str, chosen: str | None, is_off: bool) -> None:
    code = (
        f"import sys; sys.argv = [{program!r}]; import unipref; "
        "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    others = {name: value for name, value in os.environ.items() if name not in (VARIABLE, "DO_NOT_TRACK")}
    environment = others | ({} if chosen is None else {VARIABLE: chosen})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(is_off)
