"""Damaged files of every shape for the readers and for `inspect`."""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import zstandard

from support.shapes import SHAPES
from trust.attempt import attempt, measure
from trust.mutations import damage_bytes
from trust.outcome import Outcome
from unipref.core.records import Reject
from unipref.sources import parts, read
from unipref.unify.inspection import inspect

HEAD_BYTES = 20_000
"""Bytes of each real text file that serve as a model for damaged ones."""
TEXT_ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt")


def read_damaged_files(folder: Path, seed: int, n_files: int, real_data: Path | None) -> Outcome:
    """Reads damaged files of every shape, and inspects each tenth; no exception, no hang, no unbounded memory.

    Args:
        folder: created; holds one file at a time.
        seed: of all choices.
        n_files: number of damaged files.
        real_data: a folder of real files to damage as well; None: the made-up ones alone.
    """
    with measure("damaged files", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        models = [*_made_up_files(), *(_real_files(real_data) if real_data else ())]
        for number in range(n_files):
            ending, content = models[number % len(models)]
            path = folder / f"f{ending}"
            path.write_bytes(damage_bytes(content, rng))
            with attempt(outcome, "files", f"file {number} ({ending})"):
                for part in parts([str(path)], folder, "path", None):
                    outcome.tries["rows"] += sum(1 for _ in read(part))
            if number % 10 == 0:
                with attempt(outcome, "inspections", f"inspect of file {number} ({ending})"):
                    inspect([path])
            path.unlink()
        outcome.notes.append(f"models: {len(models)} files: {', '.join(sorted({ending for ending, _ in models}))}")
    return outcome


def read_good_lines_around_a_damaged_one(folder: Path, seed: int, n_files: int) -> Outcome:
    """Damages one row of a file of lines or a table: every other row is still read, with its values."""
    with measure("good rows around a damaged line", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        rows = [
            {"q": f"What is {n} times {n}?", "a": f"It is {n * n}, {{sure}}.", "b": f'The "{n}", or so.', "s": n % 5}
            for n in range(40)
        ]
        contents = {
            ".jsonl": "".join(f"{json.dumps(row)}\n" for row in rows).encode(),
            ".csv": pd.DataFrame(rows).to_csv(index=False).encode(),
        }
        for number in range(n_files):
            ending = list(contents)[number % 2]
            lines = contents[ending].splitlines(keepends=True)
            first = 1 if ending == ".csv" else 0
            place = rng.randrange(first, len(lines))
            damaged = damage_bytes(lines[place][:-1], rng).replace(b"\n", b" ").replace(b"\r", b" ")
            lines[place] = damaged + b"\n"
            path = folder / f"f{ending}"
            path.write_bytes(b"".join(lines))
            expected = [_values(row) for at, row in enumerate(rows) if at + first != place]
            with attempt(outcome, f"{ending} files", f"file {number} ({ending}), line {place + 1}: {damaged[:120]!r}"):
                kept: list[tuple[str, ...]] = []
                for part in parts([str(path)], folder, "path", None):
                    kept += [_values(row) for _, row in read(part) if not isinstance(row, Reject)]
                if lost := [row for row in expected if row not in kept]:
                    outcome.failures.append(
                        f"file {number} ({ending}), line {place + 1} {damaged[:120]!r}: {len(lost)} rows lost, "
                        f"the first {lost[0]}"
                    )
    return outcome


def _values(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in row.values())


def _made_up_files() -> Iterator[tuple[str, bytes]]:
    """Yields (ending, content) of a small file of every shape."""
    for name in ("hh", "ratings", "tree", "many_axes", "texts"):
        rows = SHAPES[name][0]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        table = pd.DataFrame([{key: _cell(value) for key, value in row.items()} for row in rows])
        yield ".jsonl", lines
        yield ".json", json.dumps(rows).encode()
        yield ".csv", table.to_csv(index=False).encode()
        yield ".tsv", table.to_csv(index=False, sep="\t").encode()
        yield ".jsonl.gz", gzip.compress(lines, mtime=0)
        yield ".csv.zst", zstandard.compress(table.to_csv(index=False).encode())
        yield ".txt", b"\n".join(str(row).encode() for row in rows)
        parquet, workbook, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
        pd.DataFrame(rows).to_parquet(parquet)
        yield ".parquet", parquet.getvalue()
        table.to_excel(workbook, index=False)
        yield ".xlsx", workbook.getvalue()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
            members.writestr("a.jsonl", lines)
            members.writestr("b/c.csv", table.to_csv(index=False))
        yield ".zip", archive.getvalue()


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float) or value is None else json.dumps(value)


def _real_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yields (ending, first bytes) of each real text file."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXT_ENDINGS and path.is_file():
            with open(path, "rb") as file:
                yield path.suffix, file.read(HEAD_BYTES)
