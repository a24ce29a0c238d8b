"""Two or more evaluated models compared unit by unit, from the tables that their evaluations left on disk.

Intervals that overlap say little: the same examples were asked of both models, and most of what makes a score uncertain
is which examples were drawn. The paired bootstrap resamples the units once for both (Efron and Tibshirani 1993).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import registry
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.scores import Example
from unipref.core.stats.bootstrap import Statistic, difference
from unipref.core.stats.chance import SIDES, at_chance, is_skill
from unipref.evaluate import RESULTS

AT_CHANCE = "at chance: means nothing"
"""The verdict on a bias figure where one of the two models guesses."""


@dataclass(frozen=True)
class Table:
    """A benchmark's table of examples on disk, and what it was measured with."""

    path: Path
    benchmark: type[Benchmark]
    settings: dict[str, Any]
    data_hash: str

    def statistics(self) -> dict[tuple[str, str, str, str], Statistic]:
        """Its statistics, computed again from the table, by what they are statistics of."""
        decoder = msgspec.json.Decoder(dict[str, Any])
        with self.path.open("rb") as file:
            examples: list[Example] = [decoder.decode(line) for line in file]
        return {statistic.key: statistic for statistic in self.benchmark.statistics(examples)}


def compare(folders: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Compares each further evaluation with the first.

    Args:
        folders: two or more folders that `unipref evaluate -o` wrote, or models' folders under `evaluated/` of a run.

    Returns:
        One row per benchmark, statistic and further model: `benchmark`, `mode`, `split`, `slice`, `metric`,
        `direction`, `model` (the further folder), the fields of `statistic.Difference` and its `verdict`, which is
        AT_CHANCE for what a model that guesses cannot show; and notes on what could not be compared.

    Raises:
        UserError: a folder holds no evaluation, or the evaluations have nothing in common.
    """
    if len(folders) < 2:
        raise UserError("a comparison takes two evaluations or more.", mend="Give the folders of two evaluations.")
    first, *others = (tables(folder) for folder in folders)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for folder, other in zip(folders[1:], others, strict=True):
        for label in sorted(first.keys() | other.keys()):
            if label not in first or label not in other:
                missing = folders[0] if label in other else folder
                notes.append(f"{label}: not compared, {missing} has no such benchmark.")
            elif first[label].data_hash != other[label].data_hash:
                notes.append(f"{label}: not compared, {folder} was measured on other data than {folders[0]}.")
            else:
                differing = _settings_that_differ(first[label], other[label])
                notes += [f"{label}: settings differ ({said})." for said in differing]
                rows += _rows(label, str(folder), first[label], other[label])
    if not rows:
        raise UserError("the evaluations have nothing in common.", mend=" ".join(notes))
    return rows, notes


def compared(first: Path, second: Path) -> list[dict[str, Any]]:
    """The rows of `compare` for two evaluations; none where they have no figure in common."""
    ours, theirs = tables(first), tables(second)
    shared = sorted(ours.keys() & theirs.keys())
    return [row for label in shared for row in _rows(label, str(second), ours[label], theirs[label])]


def _rows(label: str, model: str, first: Table, second: Table) -> Iterator[dict[str, Any]]:
    mine, theirs = first.statistics(), second.statistics()
    guessing = _guessing(mine) | _guessing(theirs)
    for key, statistic in mine.items():
        if key not in theirs:
            continue
        found = difference(statistic, theirs[key])
        void = statistic.mode in guessing and not is_skill(statistic)
        about = {
            "benchmark": label,
            **dict(zip(("mode", "split", "slice", "metric"), key, strict=True)),
            "direction": statistic.direction,
            "model": model,
        }
        yield about | asdict(found) | {"verdict": AT_CHANCE if void else found.verdict}


def _guessing(statistics: Mapping[tuple[str, str, str, str], Statistic]) -> set[str]:
    """The modes in which a model does no better than guessing."""
    scores = [s.score() for s in statistics.values() if s.slice in SIDES and s.chance is not None]
    return {mode for mode in {s.mode for s in scores} if at_chance(s for s in scores if s.mode == mode)}


def _settings_that_differ(first: Table, second: Table) -> list[str]:
    ignored = {"data", "batch_size", "data_hash"}
    keys = sorted((first.settings.keys() | second.settings.keys()) - ignored)
    pairs = [(key, first.settings.get(key), second.settings.get(key)) for key in keys]
    said = [f"{key}: {mine} and {theirs}" for key, mine, theirs in pairs if mine != theirs]
    return ["; ".join(said)] if said else []


def tables(folder: Path) -> dict[str, Table]:
    """The tables of an evaluation: of a folder that holds several, or of a model's folder in a run, one in each below.

    Raises:
        UserError: there is none.
    """
    if (folder / RESULTS).is_file():
        return dict(_tables_of(folder))
    below = sorted(path.parent for path in folder.glob(f"*/{RESULTS}")) if folder.is_dir() else []
    if not below:
        raise UserError(
            "it holds no evaluation: no results.json is in it or in a folder of it.",
            where=str(folder),
            mend="Give a folder that `unipref evaluate MODEL -o FOLDER` wrote, or RUN/evaluated/VARIANT/SEED/STEP.",
        )
    return {part.name: table for part in below for _, table in _tables_of(part)}


def _tables_of(folder: Path) -> Iterator[tuple[str, Table]]:
    path = folder / RESULTS
    try:
        configs = json.loads(path.read_text(encoding="utf-8"))["configs"]
        about = {label: config["metadata"] for label, config in configs.items()}
        known = {label: (m["benchmark"], m["settings"], m["data_hash"]) for label, m in about.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"it was not written by this version of unipref: {error!r}.",
            where=str(path),
            mend="Evaluate the model again.",
        ) from error
    for label, (name, settings, data_hash) in known.items():
        benchmark = registry.find("benchmark", name)
        assert issubclass(benchmark, Benchmark)
        yield label, Table(folder / f"{label}.jsonl", benchmark, settings, data_hash)
