"""`RunFolder` reads the JSON files of a run: manifest, scores, verdicts, examples."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from unipref.core.errors import UserError
from unipref.core.run_folder.example_records import ExampleRecord
from unipref.core.run_folder.judging_records import Judging
from unipref.core.run_folder.manifest import Manifest
from unipref.core.run_folder.results import VERDICTS_VERSION, MixtureRow, PairedRow, ScoreRow, Verdicts
from unipref.core.run_folder.value_records import VALUE_VERSION, ValueRecord

MANIFEST, SCORES, PAIRED, VERDICTS = "manifest.json", "scores.json", "against_base.json", "verdicts.json"
STUDY, MIXTURES, JUDGING = "study.yaml", "soup/front.json", "unified/judging.json"
VALUE, LEAKED = "value/value.json", "leaked_items.json"
EXAMPLES_FOLDER, EXAMPLES = "examples", "examples.json"
FORMER_KEYS = frozenset({"arms"})
"""Keys of a manifest that earlier versions wrote and this one cannot read."""

T = TypeVar("T")
Row = TypeVar("Row", bound=ScoreRow)


class RunFolder:
    """The JSON files of a run, as typed records.

    Args:
        path: the folder; each file is read on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def has_manifest(self) -> bool:
        """Whether the folder has a `manifest.json`."""
        return (self.path / MANIFEST).is_file()

    @property
    def has_scores(self) -> bool:
        """Whether the folder has a `scores.json`."""
        return (self.path / SCORES).is_file()

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the run.

        Raises:
            UserError: it is missing, corrupt or from another version.
        """
        if not self.has_manifest:
            raise UserError(
                f"the folder has no {MANIFEST}, so it is not a run folder.",
                where=str(self.path),
                mend="Give the folder that `unipref run STUDY -o FOLDER` wrote.",
            )
        return self._read_manifest()

    @cached_property
    def manifest_if_any(self) -> Manifest:
        """The manifest, or an empty one if the folder has none.

        Raises:
            UserError: it is corrupt or from another version.
        """
        return self._read_manifest() if self.has_manifest else Manifest()

    def scores(self) -> list[ScoreRow]:
        """Reads `scores.json`, without rows whose value is not a number; empty if the file is missing.

        Raises:
            UserError: it is corrupt or from another version.
        """
        if not self.has_scores:
            return []
        return read_score_rows(self.path / SCORES, ScoreRow)

    def paired(self) -> list[PairedRow]:
        """Reads how each trained model compares with the base model; empty if the file is missing.

        Raises:
            UserError: it is corrupt or from another version.
        """
        path = self.path / PAIRED
        return _convert(path, _read(path), list[PairedRow]) if path.is_file() else []

    def mixtures(self) -> list[MixtureRow]:
        """Reads the traced front of mixtures; empty if the file is missing.

        Raises:
            UserError: they are corrupt or from another version.
        """
        path = self.path / MIXTURES
        mend = f"Trace it again: unipref soup {self.path} --trace 5"
        return read_score_rows(path, MixtureRow, mend) if path.is_file() else []

    def value(self) -> ValueRecord | None:
        """Reads what the sources contributed; None if the file is missing.

        Raises:
            UserError: it is corrupt or from another version.
        """
        path = self.path / VALUE
        if not path.is_file():
            return None
        mend = f"Write it again: unipref value {self.path}"
        content = _read(path, mend)
        if isinstance(content, dict) and content.get("version") != VALUE_VERSION:
            raise _corrupt(path, f"its version is {content.get('version')}, expected {VALUE_VERSION}", mend)
        return _convert(path, content, ValueRecord, mend)

    def leaked_items(self) -> dict[str, dict[str, list[str]]]:
        """Reads benchmark -> how they were found ('words' or 'meaning') -> texts that occur in the preferences too.

        Raises:
            UserError: the file is corrupt.
        """
        clean = self.manifest_if_any.clean
        path = self.path / (clean.folder if clean else "clean") / LEAKED
        return _convert(path, _read(path), dict[str, dict[str, list[str]]]) if path.is_file() else {}

    def judging(self) -> Judging | None:
        """Reads what is estimated of the judges; None if the file is missing, as in runs of earlier versions.

        Raises:
            UserError: it is corrupt or from another version.
        """
        path = self.path / JUDGING
        if not path.is_file():
            return None
        mend = f"Write it again: remove {path.parent} and run unipref unify STUDY -o {self.path}"
        return _convert(path, _read(path, mend), Judging, mend)

    def verdicts(self) -> Verdicts | None:
        """Reads the verdicts; None if the file is missing.

        Raises:
            UserError: they are corrupt or from another version.
        """
        path = self.path / VERDICTS
        if not path.is_file():
            return None
        content = _read(path)
        if isinstance(content, dict) and content.get("version") != VERDICTS_VERSION:
            raise _corrupt(path, f"its version is {content.get('version', 1)}, expected {VERDICTS_VERSION}")
        return _convert(path, content, Verdicts)

    def examples(self, folder: str | None = None) -> list[ExampleRecord]:
        """Reads the examples; empty if the file is missing.

        Args:
            folder: of the examples, relative to the run, as the manifest records it; None: where a run writes them.

        Raises:
            UserError: they are corrupt or from another version.
        """
        path = self.path / (folder or EXAMPLES_FOLDER) / EXAMPLES
        return _convert(path, _read(path), list[ExampleRecord]) if path.is_file() else []

    def _read_manifest(self) -> Manifest:
        path = self.path / MANIFEST
        content = _read(path)
        if isinstance(content, dict) and (former := FORMER_KEYS & content.keys()):
            raise _corrupt(path, f"it has the key '{min(former)}' of an earlier version")
        return _convert(path, content, Manifest)


def read_score_rows(path: Path, schema: type[Row], mend: str | None = None) -> list[Row]:
    """Reads rows of scores from a JSON file, without those whose value is not a number.

    Args:
        path: the file.
        schema: of a row.
        mend: how to write the file again, for the error; None: by running the study.

    Raises:
        UserError: it is corrupt or from another version.
    """
    rows = _read(path, mend)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _corrupt(path, "a list of objects was expected", mend)
    return _convert(path, [row for row in rows if _is_finite(row.get("value", 0.0))], list[schema], mend)  # type: ignore[valid-type]


def _is_finite(value: Any) -> bool:
    """Returns whether a value is not None or NaN; the schema rejects values that are not numbers."""
    return value is not None and value == value


def _read(path: Path, mend: str | None = None) -> Any:
    # Python's reader accepts NaN and halves of surrogate pairs; msgspec's does not.
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the file cannot be read: {error.strerror}.", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, f"it is not JSON: {error}", mend) from error


def _convert(path: Path, content: Any, schema: type[T], mend: str | None = None) -> T:
    try:
        return msgspec.convert(content, schema)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise _corrupt(path, str(error), mend) from error


def _corrupt(path: Path, why: str, mend: str | None = None) -> UserError:
    return UserError(
        f"{path.name} is corrupt or from another version of unipref: {why.rstrip('.')}.",
        where=str(path),
        mend=mend or f"Run the study again to rewrite it: unipref run STUDY -o {path.parent}",
    )
