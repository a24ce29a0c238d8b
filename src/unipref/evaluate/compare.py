"""Compares two or more evaluated models unit by unit, from the tables that their evaluations wrote.

Overlapping intervals say little: both models answered the same examples, and most of a score's uncertainty is in
which examples were drawn. So the interval of the difference is that of the differences unit by unit, over clusters.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import registry
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.records import BASE
from unipref.core.run_folder import RunFolder
from unipref.core.scores import Example
from unipref.core.stats.differences import difference
from unipref.core.stats.statistic import Statistic
from unipref.evaluate import RESULTS

EVALUATED = "evaluated"
MOST_SHOWN = 6
"""Most folders that a message names."""
OTHER_PRECISION = "not compared: measured in another precision"
"""The verdict on two evaluations in different precisions: their difference is partly one of rounding."""


@dataclass(frozen=True)
class Table:
    """A benchmark's table of examples on disk, with the settings and the data hash it was measured with.

    Attributes:
        precision: type of the model's weights, such as 'float32'; None: a judge, or an earlier version did not record
            it.
    """

    path: Path
    benchmark: type[Benchmark]
    settings: dict[str, Any]
    data_hash: str
    precision: str | None = None

    def read_examples(self) -> list[Example]:
        """Reads its rows."""
        decoder = msgspec.json.Decoder(dict[str, Any])
        with self.path.open("rb") as file:
            return [decoder.decode(line) for line in file]

    def statistics(self, examples: Sequence[Example] | None = None) -> dict[tuple[str, str, str, str], Statistic]:
        """Recomputes its statistics from the table, or from some of its rows. Keys: (mode, split, slice, metric)."""
        rows = self.read_examples() if examples is None else examples
        return {statistic.key: statistic for statistic in self.benchmark.statistics(rows)}


def compare(folders: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Compares each further evaluation with the first.

    Args:
        folders: two or more folders that `unipref evaluate -o` wrote, or models' folders under `evaluated/` of a run;
            or one run, whose models are compared with its base model.

    Returns:
        One row per benchmark, statistic and further model: `benchmark`, `mode`, `split`, `slice`, `metric`,
        `direction`, `model` (the further folder), `compared_with` (the first one), the fields of
        `differences.Difference` and its `verdict`. Also notes on what could not be compared: a benchmark that only one
        has, other data, or another precision.

    Raises:
        UserError: a folder does not hold an evaluation, or the evaluations share no statistic.
    """
    folders = folders if len(folders) != 1 else _find_evaluations_of_run(folders[0])
    first, *others = (load_tables(folder) for folder in folders)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for folder, other in zip(folders[1:], others, strict=True):
        for label in sorted(first.keys() | other.keys()):
            if label not in first or label not in other:
                missing = folders[0] if label in other else folder
                notes.append(f"{label}: not compared: {missing} does not have this benchmark.")
            elif first[label].data_hash != other[label].data_hash:
                notes.append(f"{label}: not compared: {folder} was measured on different data from {folders[0]}.")
            elif _differ_in_precision(first[label], other[label]):
                notes.append(
                    f"{label}: not compared: {folders[0]} was measured in {first[label].precision} and {folder} in "
                    f"{other[label].precision}. Evaluate one of them again with the other's 'precision'."
                )
            else:
                if None in (first[label].precision, other[label].precision):
                    notes.append(
                        f"{label}: an evaluation (of a judge, or of an earlier version) does not state a precision."
                    )
                if differing := _describe_setting_differences(first[label], other[label]):
                    notes.append(f"{label}: settings differ ({differing}).")
                about = {"compared_with": str(folders[0])}
                rows += [row | about for row in _compare_tables(label, str(folder), first[label], other[label])]
    if not rows:
        raise UserError("the evaluations have no statistic in common.", mend=" ".join(notes))
    return rows, notes


def compare_pair(first: Path, second: Path) -> list[dict[str, Any]]:
    """The rows of `compare` for two evaluations; empty if they share no statistic.

    The verdict is OTHER_PRECISION if they were measured in two precisions.
    """
    ours, theirs = load_tables(first), load_tables(second)
    return [
        row | ({"verdict": OTHER_PRECISION} if _differ_in_precision(ours[label], theirs[label]) else {})
        for label in sorted(ours.keys() & theirs.keys())
        for row in _compare_tables(label, str(second), ours[label], theirs[label])
    ]


def _differ_in_precision(first: Table, second: Table) -> bool:
    return None not in (first.precision, second.precision) and first.precision != second.precision


def _compare_tables(label: str, model: str, first: Table, second: Table) -> Iterator[dict[str, Any]]:
    first_statistics, second_statistics = first.statistics(), second.statistics()
    for key, statistic in first_statistics.items():
        if key not in second_statistics:
            continue
        result = difference(statistic, second_statistics[key])
        about = {
            "benchmark": label,
            **dict(zip(("mode", "split", "slice", "metric"), key, strict=True)),
            "direction": statistic.direction,
            "model": model,
        }
        yield about | asdict(result) | {"verdict": result.verdict}


def _describe_setting_differences(first: Table, second: Table) -> str:
    ignored = {"data", "batch_size", "data_hash", "precision"}
    keys = sorted((first.settings.keys() | second.settings.keys()) - ignored)
    pairs = [(key, first.settings.get(key), second.settings.get(key)) for key in keys]
    return "; ".join(f"{key}: {value} and {other}" for key, value, other in pairs if value != other)


def load_tables(folder: Path) -> dict[str, Table]:
    """Loads the tables of an evaluation: label -> table.

    Args:
        folder: one that `unipref evaluate -o` wrote, or a model's folder in a run, with one subfolder per benchmark.

    Raises:
        UserError: the folder does not hold an evaluation.
    """
    if (folder / RESULTS).is_file():
        return dict(_load_folder_tables(folder))
    parents = sorted(path.parent for path in folder.glob(f"*/{RESULTS}")) if folder.is_dir() else []
    if not parents:
        of_run = _list_evaluations(folder)
        shown = ", ".join(map(str, of_run[:MOST_SHOWN])) + (", ..." if len(of_run) > MOST_SHOWN else "")
        raise UserError(
            "it does not hold an evaluation: neither the folder nor its subfolders have a results.json.",
            where=str(folder),
            mend=f"It is a run; give one of its models: {shown}"
            if of_run
            else "Give a folder that `unipref evaluate MODEL -o FOLDER` wrote, or RUN/evaluated/VARIANT/SEED/STEP.",
        )
    return {part.name: table for part in parents for _, table in _load_folder_tables(part)}


def _list_evaluations(run: Path) -> list[Path]:
    """Lists the evaluated models of a run: the base model first, then each variant, seed and step."""
    base, others = run / EVALUATED / BASE, sorted(run.glob(f"{EVALUATED}/*/*/*/*/{RESULTS}"))
    found = [base] if any(base.glob(f"*/{RESULTS}")) else []
    return [*found, *dict.fromkeys(path.parent.parent for path in others if ".partial-" not in str(path))]


def _find_evaluations_of_run(folder: Path) -> list[Path]:
    """Returns the evaluations of a run.

    Raises:
        UserError: it is a run that measured no model or not its base model, or no run.
    """
    is_evaluation = (folder / RESULTS).is_file() or any(folder.glob(f"*/{RESULTS}"))
    found = [] if is_evaluation else _list_evaluations(folder)
    if is_evaluation or len(found) == 1:
        raise UserError(
            "a comparison needs two or more evaluations.",
            where=str(folder),
            mend="Give the folders of at least two evaluations, or a run that measured two or more models.",
        )
    if found and found[0] != folder / EVALUATED / BASE:
        raise UserError(
            "the study's base model is not measured in this run, so its models cannot be compared with it.",
            where=str(folder / EVALUATED / BASE),
            mend=f"Measure it: unipref run STUDY -o {folder}. Or give two models: {found[0]}, {found[1]}",
        )
    if found:
        return found
    if RunFolder(folder).has_manifest:
        what = "this run has measured no model, so there is nothing to compare."
        raise UserError(what, where=str(folder), mend="Measure its models: unipref run STUDY, with 'evaluate' in it.")
    what = "it is neither a run nor an evaluation." if folder.is_dir() else "the folder does not exist."
    raise UserError(what, where=str(folder), mend="Give two folders that `unipref evaluate -o` wrote, or one run.")


def _load_folder_tables(folder: Path) -> Iterator[tuple[str, Table]]:
    path = folder / RESULTS
    try:
        configs = json.loads(path.read_text(encoding="utf-8"))["configs"]
        about = {label: config["metadata"] for label, config in configs.items()}
        entries = {
            label: (m["benchmark"], m["settings"], m["data_hash"], m.get("precision")) for label, m in about.items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"it is corrupt or from another version of unipref: {error!r}.",
            where=str(path),
            mend="Evaluate the model again with `unipref evaluate`.",
        ) from error
    for label, (name, settings, data_hash, precision) in entries.items():
        benchmark = registry.find("benchmark", name)
        assert issubclass(benchmark, Benchmark)
        yield label, Table(folder / f"{label}.jsonl", benchmark, settings, data_hash, precision)
