"""Writes the rows of a run for a target: the data, its rejects, where each row comes from, and the target's files.

Rows are streamed: one batch is in memory at a time, and of prompts a hash each. The files take their places when all
rows are written, so that a failed export leaves the folder as it was.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from unipref.core import json_files, parquet, registry
from unipref.core.contracts import Exporter, ExportKind, WrittenRows
from unipref.core.errors import UserError, near_name, report_missing_resources
from unipref.core.messages import schema_has_parts
from unipref.core.records import Reject, Row
from unipref.core.version import __version__
from unipref.export.items import ItemMaker
from unipref.export.run_rows import RunRows, Split, find_run_rows

if TYPE_CHECKING:
    import pyarrow as pa

ACCOUNT, REJECTS, PROVENANCE = "export.json", "rejects.jsonl", "provenance.jsonl"
MODEL = "MODEL"
"""What a user replaces by a model's name where the study names none."""
MODEL_MEANING = "the name or path of the model to train, as the study names none"
TRACED = (
    *("id", "source", "kind", "objective", "licence", "axis", "chosen_score", "rejected_score", "axes"),
    *("margin", "margin_percentile", "confidence", "n_judgements", "n_annotators", "n_responses", "group", "origin"),
)
"""The columns of a preference that the file of provenance keeps for each row."""
BATCH_ROWS = 512
LOST = ("ties, which unify left out", "answers of a prompt between its best and its worst, whose texts no run keeps")
"""What no export holds, because the preferences of a run do not."""


@dataclass
class Exported:
    """The account of an export.

    Attributes:
        target, checked: its name, and the version against which the form of the rows was checked.
        kind, split, variant, seed: which rows were written.
        folder: where.
        preferences: number of preferences read; rows: number of rows written.
        rejected: reason -> items that the target cannot hold. Of pairs, demonstrations, prompts and everything, rows
            and rejects add up to the preferences.
        stripped: part -> rows that were written without it.
        loses: what the target does not hold of any row.
        replace: file with which the target starts -> word in it -> what the user writes in the word's place.
        files: names of all files, the data first.
        warnings: what a user should know.
    """

    target: str
    checked: str
    kind: str
    split: str
    variant: str | None
    seed: str | None
    folder: str
    preferences: int = 0
    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    stripped: dict[str, int] = field(default_factory=dict)
    loses: list[str] = field(default_factory=list)
    replace: dict[str, dict[str, str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns the account as JSON values."""
        return {**vars(self), "rejected": dict(sorted(self.rejected.items()))}

    def as_text(self) -> str:
        """Returns the account as text for the terminal."""
        whose = "" if self.variant is None else f" of {self.variant}"
        whose += "" if self.seed is None else f", seed {self.seed}"
        lines = [
            f"{self.target}, {self.kind}: {self.rows} rows of {self.preferences} preferences ({self.split}{whose})"
        ]
        lines += [f"  rejected {count}: {reason}" for reason, count in sorted(self.rejected.items())]
        lines += [f"  without {part}: {count}" for part, count in self.stripped.items()]
        lines += [f"  lost: {what}" for what in self.loses]
        lines += [f"  checked: {self.checked}", *(f"  {self.folder}/{name}" for name in self.files)]
        lines += [
            f"  replace {word} in {name} by {what}"
            for name, words in self.replace.items()
            for word, what in words.items()
        ]
        return "\n".join(lines)


def make_exporter(name: str) -> Exporter:
    """Makes the exporter with a name; `nemo-rl` and `nemo_rl` are one.

    Raises:
        UserError: the name is unknown; the error suggests the nearest one.
    """
    exporter = registry.make("exporter", name.replace("-", "_"), None, "--to")
    if not isinstance(exporter, Exporter):
        raise AssertionError(f"{name} is no exporter")
    return exporter


def export_run(
    run: Path,
    to: str,
    out: Path | None = None,
    *,
    split: Split | None = None,
    kind: ExportKind | None = None,
    variant: str | None = None,
    seed: int | None = None,
) -> Exported:
    """Exports a run.

    Args:
        run: the run folder.
        to: the target.
        out: the folder to write; None: `exports/TARGET-KIND` in the run folder.
        split: None: train.
        kind: what the rows are; None: the target's first kind.
        variant: None: the study as written.
        seed: of the selection; None: the first one.

    Raises:
        UserError: something is unknown or missing, no row can be written, or the folder holds other files.
    """
    exporter = make_exporter(to)
    kinds = list(exporter.holds)
    chosen_kind = kind or kinds[0]
    if chosen_kind not in kinds:
        mend = near_name(chosen_kind, list(kinds))
        raise UserError(f"{exporter.name()} takes no {chosen_kind}.", where="--kind", mend=mend)
    rows = find_run_rows(run, split, variant, seed)
    folder = out or run / "exports" / f"{exporter.name()}-{chosen_kind}"
    earlier = _read_earlier(folder)
    account = Exported(
        *(exporter.name(), exporter.checked, chosen_kind, rows.split, rows.variant, rows.seed, str(folder)),
        loses=[*exporter.loses, *LOST],
    )
    with report_missing_resources(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _write(exporter, chosen_kind, rows, folder, account)
        except BaseException:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if nothing is in it
            raise
        for name in set(earlier) - {*account.files, ACCOUNT}:
            (folder / Path(name).name).unlink(missing_ok=True)
    return account


def _read_earlier(folder: Path) -> list[str]:
    """Returns the names of the files that an earlier export wrote.

    Raises:
        UserError: the folder holds files, and no export wrote them.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    try:
        return [str(name) for name in json.loads((folder / ACCOUNT).read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            "the folder holds files that no export wrote.", where=str(folder), mend="Give a new folder with -o."
        ) from error


def _write(exporter: Exporter, kind: ExportKind, rows: RunRows, folder: Path, account: Exported) -> None:
    schema = parquet.read_schema(rows.file)
    maker = ItemMaker(exporter, kind, rows.root, schema_has_parts(schema))
    name = f"{rows.split}.{exporter.suffix}"
    with contextlib.ExitStack() as stack:
        data, rejects, provenance = (
            stack.enter_context(json_files.replace_file(folder / one)) for one in (name, REJECTS, PROVENANCE)
        )
        with _open_rows(exporter, kind, schema, data) as add:
            for row in parquet.read_rows(rows.file, rows_at_once=BATCH_ROWS):
                account.preferences += 1
                for item in maker.make(row):
                    if not isinstance(item, Reject):
                        try:
                            add(exporter.convert(item, kind))
                        except Reject as reject:
                            item = reject
                    if isinstance(item, Reject):
                        account.rejected[item.reason.value] += 1
                        rejects.write(_encode(_describe_reject(row, item)))
                        continue
                    account.rows += 1
                    label = {} if item.label is None else {"label": item.label}
                    provenance.write(_encode({**label, **{key: row[key] for key in TRACED}}))
        _check_rows(exporter, kind, rows, account)
        model = rows.model or MODEL
        written = WrittenRows(kind, name, model, account.rows, frozenset(maker.parts), maker.has_parts)
        files = exporter.make_files(written)
        account.stripped = dict(maker.stripped)
        account.warnings = [*_find_warnings(exporter, account), *exporter.find_warnings(written)]
        account.files = [name, *files, REJECTS, PROVENANCE]
        account.replace = _find_placeholders(exporter, files, has_model=rows.model is not None)
    for one, content in files.items():
        json_files.write_text(folder / one, content)
    record = {key: value for key, value in account.as_dict().items() if key != "folder"}
    json_files.write_json(folder / ACCOUNT, {"unipref": __version__, **record})


def _check_rows(exporter: Exporter, kind: ExportKind, rows: RunRows, account: Exported) -> None:
    """Checks that at least one row was written; otherwise no file takes its place."""
    if account.rows:
        return
    if not account.preferences:
        raise UserError("the file holds no preferences.", where=str(rows.file), mend="Export another split.")
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(account.rejected.items()))
    others = [one for one in exporter.holds if one != kind]
    raise UserError(
        f"none of its {account.preferences} preferences gives a row of the kind {kind} ({why}).",
        where=str(rows.file),
        mend=f"Give another --kind: {', '.join(others)}." if others else "Give another tool: unipref list exporters",
    )


def _find_placeholders(exporter: Exporter, files: Mapping[str, str], has_model: bool) -> dict[str, dict[str, str]]:
    """Finds the words that a user has to replace: file -> word -> by what."""
    meanings = {**exporter.placeholders, **({} if has_model else {MODEL: MODEL_MEANING})}
    found = {
        file: {word: what for word, what in meanings.items() if re.search(rf"\b{word}\b", content)}
        for file, content in files.items()
    }
    return {file: words for file, words in found.items() if words}


def _find_warnings(exporter: Exporter, account: Exported) -> Iterator[str]:
    if account.rows < exporter.least_rows:
        yield f"{exporter.name()} needs at least {exporter.least_rows} rows, and the export has {account.rows}."
    if account.split in ("dev", "test"):
        yield f"These rows are held out ({account.split}): a model trained on them cannot be measured with this run."


def _describe_reject(row: Row, reject: Reject) -> Row:
    return {
        "id": row["id"],
        "source": row["source"],
        "reason": reject.reason.value,
        "detail": str(reject),
        "origin": row["origin"],
    }


def _encode(value: Row) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@contextlib.contextmanager
def _open_rows(
    exporter: Exporter, kind: ExportKind, preferences: "pa.Schema", file: BinaryIO
) -> Iterator[Callable[[Row], None]]:
    """Yields a function that adds a row to the file."""
    if exporter.suffix == "jsonl":
        yield lambda row: _add_line(file, row)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = exporter.find_schema(kind, preferences)
    pending: list[Row] = []
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:

        def add(row: Row) -> None:
            pending.append(row)
            if len(pending) == BATCH_ROWS:
                writer.write_batch(pa.RecordBatch.from_pylist(pending, schema=schema))
                pending.clear()

        yield add
        if pending:
            writer.write_batch(pa.RecordBatch.from_pylist(pending, schema=schema))


def _add_line(file: BinaryIO, row: Row) -> None:
    file.write(_encode(row))
