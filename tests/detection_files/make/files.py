"""Writes rows in the file formats that people use, and the right reading beside them."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Rows = list[dict[str, Any]]
MOST_BYTES = 60_000


class Made(NamedTuple):
    """One file of the table.

    Attributes:
        file: name of the file.
        content: what it holds.
        truth: what is right about it, as `docs/detection.md` describes.
    """

    file: str
    content: bytes
    truth: dict[str, Any]


Maker = Callable[[], Made]


def collector(files: dict[str, Maker]) -> Callable[[Maker], Maker]:
    """Returns a decorator that adds a maker to these files, under the name of its function."""

    def collect(make: Maker) -> Maker:
        files[make.__name__] = make
        return make

    return collect


def jsonl(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_json(value: Any, indent: int | None = 1) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()


def table(rows: Rows, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def workbook(rows: Rows, sheet: str = "Sheet1") -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    page.append(list(rows[0]))
    for row in rows:
        page.append(list(row.values()))
    stream = io.BytesIO()
    book.save(stream)
    return _without_times(stream.getvalue())


def _without_times(archive: bytes) -> bytes:
    """Sets the times inside a workbook to one day, so that the same rows give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2025-03-01T12:00:00Z", old.read(name))
            new.writestr(zipfile.ZipInfo(name, (2025, 3, 1, 12, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def parquet(rows: Rows) -> bytes:
    import pyarrow
    from pyarrow import parquet as writer

    stream = io.BytesIO()
    writer.write_table(pyarrow.Table.from_pylist(rows), stream)
    return stream.getvalue()


def columns(rows: Rows) -> bytes:
    """As `DataFrame.to_json()` writes a table: column -> index -> value."""
    return as_json({name: {str(n): row[name] for n, row in enumerate(rows)} for name in rows[0]}, None)


def split(rows: Rows) -> bytes:
    """As `DataFrame.to_json(orient="split")` writes a table."""
    return as_json(
        {"columns": list(rows[0]), "index": list(range(len(rows))), "data": [list(row.values()) for row in rows]}, None
    )


def write(folder: Path, makers: dict[str, Maker]) -> None:
    """Writes one folder per file."""
    for name, make in makers.items():
        made = make()
        if len(made.content) > MOST_BYTES:
            raise ValueError(f"{name}: {len(made.content)} bytes, at most {MOST_BYTES} are allowed")
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / made.file).write_bytes(made.content)
        text = yaml.safe_dump({"file": made.file} | made.truth, allow_unicode=True, sort_keys=False, width=120)
        (place / "truth.yaml").write_text(text, encoding="utf-8")
