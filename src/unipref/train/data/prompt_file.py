"""Prompts from a file, used instead of the preferences' prompts."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.answer_checks.prompt_file import to_messages
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.core.text_keys import digest, join_turns, root_prompt_key


class _Line(msgspec.Struct, frozen=True):
    prompt: str | list[dict[str, str]]
    objective: str = "instruction"


@contextlib.contextmanager
def use_prompt_file(path: str | None, job: TrainJob) -> Iterator[TrainJob]:
    """Yields the job with its preferences replaced by prompts without answers; the job itself if no file is named.

    Args:
        path: JSON lines with `prompt`, a text or messages, and optionally `objective`; relative to `job.data_root`.
        job: the job whose preferences are replaced.

    Raises:
        UserError: the file is missing or empty, or a line has no prompt.
    """
    if path is None:
        yield job
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = job.data_root / path
    rows = [
        _parse_line(line, f"{file}:{number}") for number, line in enumerate(_read_lines(file), start=1) if line.strip()
    ]
    if not rows:
        raise UserError("the file of prompts is empty.", where=str(file))
    with tempfile.TemporaryDirectory(prefix=f".{job.out.name}-prompts-", dir=job.out.parent) as folder:
        prompts_file = Path(folder) / "prompts.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), prompts_file)
        yield job.model_copy(update={"preferences": prompts_file})


def _read_lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"cannot read the prompts: {error.strerror}.", where=str(file)) from error


def _parse_line(line: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError as error:
        raise UserError(
            f"the line has no valid prompt: {error}.", where=where, mend="Each line needs 'prompt'."
        ) from error
    prompt = to_messages(parsed.prompt, where)
    return {
        "id": digest("prompt", join_turns(prompt)),
        "prompt": prompt,
        "chosen": None,
        "rejected": None,
        "source": "prompts",
        "kind": "prompts",
        "objective": parsed.objective,
        "licence": "unknown",
        "axes": [],
        "n_judgements": 0,
        "n_responses": 0,
        "group": root_prompt_key(prompt),
        "origin": [where.rpartition("/")[2]],
        "extra": "{}",
    }
