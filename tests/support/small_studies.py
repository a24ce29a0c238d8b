"""Small inputs of unify for every format, and a hash of all that it writes for them.

PYTHONPATH=src:tests python -m support.small_studies    # writes the hashes anew, where a change is meant
"""

import csv
import importlib.util
import io
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import xxhash

from support.golden import Case, resolve_source, run_unify
from unipref.core import registry
from unipref.unify import ResolvedSource

HASHES = Path(__file__).parents[1] / "unify" / "artefact_hashes.json"
AXES = {
    "help": {"field": "help", "low": 0, "high": 10, "better": "high"},
    "harm": {"field": "scores.harm", "low": 0, "high": 10, "better": "low"},
    "tone": {"field": "tone", "better": "high", "missing": 1},
}
RATED = {"prompt": "q", "response": "a", "scores": AXES}
TEXTS = ("Yes.", " No. ", "Two\nlines", "<think>why</think>So.", "ﬁne", "Straße", 'a "quoted" word', "", "tab\there")
NUMBERS = (None, "", "7", "7,5", "good", True, 11, -1, 1e300, [3, 4], {"a": 1}, "nan", 10**30)
LINES = ("{", "[1]", "", '{"q": "twice", "q": "Question 1?", "a": "k", "help": 1, "scores": {}}', "7")


@dataclass
class SmallStudy:
    """Files of several sources, as (name, format, settings, file name, content, axis), and settings of unify."""

    sources: list[tuple[str, str, dict[str, Any], str, str, str | None]]
    settings: dict[str, Any] = field(default_factory=dict)

    def resolve(self, folder: Path) -> list[ResolvedSource]:
        """Writes the files and returns the sources."""
        folder.mkdir(parents=True, exist_ok=True)
        resolved = []
        for name, form, settings, file, content, axis in self.sources:
            (folder / file).write_text(content, encoding="utf-8")
            resolved.append(resolve_source(form, settings, folder / file, name, axis))
        return resolved


def to_lines(rows: list[Any]) -> str:
    """Returns rows as JSON Lines; a text is a line of its own."""
    return "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)


def make_rated_rows(rng: random.Random, n_prompts: int, oddity: float) -> list[Any]:
    """Rated answers in random order, some of them odd in one of the ways that readers have to see."""
    rows: list[Any] = []
    for number in range(n_prompts):
        for answer in range(rng.choice((1, 2, 3, 4, 4, 5))):
            row: dict[str, Any] = {
                "q": f"Question {number}?",
                "a": f"Answer {answer} to {number}.",
                "help": rng.randint(0, 20) / 2,
                "scores": {"harm": rng.randint(0, 10)},
                "tone": rng.choice((1, 2.5, 3)),
                "id": len(rows),
            }
            rows.append(row)
            if rng.random() < oddity:
                rows[-1] = _make_odd(rng, row, rows)
    rng.shuffle(rows)
    return rows


def _pick(rng: random.Random) -> str:
    return rng.choice(TEXTS)


def _make_odd(rng: random.Random, row: dict[str, Any], rows: list[Any]) -> Any:
    """Returns a row that differs from the usual ones in one way; some ways add rows."""
    texts = [
        lambda: {"q": f"  {row['q'].upper()}\n"},
        lambda: {"a": rng.choice(TEXTS)},
        lambda: {"q": rng.choice(TEXTS)},
    ]
    numbers = [
        lambda: {"help": rng.choice(NUMBERS)},
        lambda: {"scores": rng.choice((None, {}, {"harm": None}, {"harm": "3"}, [1], {"harm": 12}))},
        lambda: {"help": row["help"] + rng.choice((1e-10, 5e-10, 1e-8))},
        lambda: {"tone": None},
    ]
    shapes = [
        lambda: {"q": [{"role": "user", "content": "Turns?"}]},
        lambda: {"a": {"role": "assistant", "content": "A message."}},
        lambda: {"q": None, "a": 5},
        lambda: {"q": "Human: Hi\n\nAssistant:", "a": "Hello."},
        lambda: {"q": "\n\nHuman: Hi\n\nAssistant:", "a": "Hello."},
    ]
    way = rng.randrange(8)
    if way == 0:
        rows.append(dict(row))  # a copy of the row
        return row
    if way == 1:
        rows.append({**row, "id": -1, "help": rng.randint(0, 10)})  # the answer is rated again
        return row
    if way == 2:
        return rng.choice(
            ("{", "[1]", "", '{"q": "twice", "q": "Question 1?", "a": "k", "help": 1, "scores": {}}', "7")
        )
    if way == 3:
        return {name: value for name, value in row.items() if name != rng.choice(("q", "a", "help", "tone"))}
    changes = {4: texts, 5: numbers, 6: shapes, 7: texts + numbers}[way]
    return {**row, **rng.choice(changes)()}


def iterate_studies() -> Iterator[tuple[str, SmallStudy]]:
    """Yields the name of each study, and the study."""
    for name in registry.list_names("format"):
        form: Any = registry.find("format", name)
        example = form.example
        content = to_lines([*example["rows"], *example["rows"][:1], {"nothing": 1}])
        for pairs in ("best_worst", "all"):
            source = (name, name, example["settings"], f"{name}.jsonl", content, None)
            yield f"{name}/{pairs}", SmallStudy([source], {"pairs": pairs, "aggregate": "latent"})
    yield from _iterate_golden()
    rng = random.Random(5)
    for number, (oddity, pairs, aggregate) in enumerate(
        (
            (0.0, "best_worst", "latent"),
            (0.1, "best_worst", "latent"),
            (0.5, "best_worst", "latent"),
            (0.5, "best_worst", None),
            (0.5, "adjacent", "mean"),
            (0.5, "all", "latent"),
            (0.5, "best_random", "latent"),
        )
    ):
        rows = make_rated_rows(rng, 150, oddity)
        sources = [("rated", "ratings", RATED, "rated.jsonl", to_lines(rows), None)]
        if number % 2:
            more = make_rated_rows(rng, 80, oddity)
            sources.append(("more", "ratings", {**RATED, "annotator": "id"}, "more.jsonl", to_lines(more), "tone"))
            sources.append(("kept", "ratings", {**RATED, "keep": ["id"]}, "kept.jsonl", to_lines(more[:40]), "harm"))
        yield f"rated/{number}", SmallStudy(sources, {"pairs": pairs, "aggregate": aggregate, "min_margin": 0.1})
    table = io.StringIO()
    writer = csv.DictWriter(table, ["q", "a", "help", "tone"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row for row in make_rated_rows(rng, 60, 0.2) if isinstance(row, dict))
    only = {"prompt": "q", "response": "a", "scores": {"help": AXES["help"]}}
    yield "rated/csv", SmallStudy([("table", "ratings", only, "table.csv", table.getvalue(), None)])


def _iterate_golden() -> Iterator[tuple[str, SmallStudy]]:
    """Yields the cases of the golden tests, all of a format together."""
    folder = Path(__file__).parents[1] / "unify" / "formats"
    for module in sorted(path.stem for path in folder.glob("test_golden_*.py")):
        name = module.removeprefix("test_golden_")
        spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        cases = [case for values in vars(loaded).values() if isinstance(values, list) for case in values]
        sources = []
        for number, case in enumerate(one for one in cases if isinstance(one, Case)):
            content, end = (case.rows, "csv") if isinstance(case.rows, str) else (to_lines(case.rows), "jsonl")
            sources.append((f"c{number}", name, case.settings or {}, f"c{number}.{end}", content, case.axis))
        if sources:
            yield f"golden/{name}", SmallStudy(sources, {"aggregate": "latent"})


FITTED = frozenset(
    ("margin", "confidence", "confident", "scales", "annotators", "convergence", "detail", "examples", "notes")
)
"""What the fit of `latent` gives, or mentions: its steps end early, and so the third digit depends on the processor."""


def hash_content(folder: Path, left_out: frozenset[str] = frozenset()) -> str:
    """Hashes what unify wrote: schemas, row groups and all values of its tables, and its JSON files.

    Another version of pyarrow writes other bytes of the same content, and another processor other last digits.

    Args:
        folder: with the files.
        left_out: columns and fields whose values do not count.
    """
    total = xxhash.xxh3_64()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode())
        if path.suffix != ".parquet":
            total.update(repr(_round_numbers(json.loads(path.read_text(encoding="utf-8")), left_out)).encode())
            continue
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(place).num_rows for place in range(file.metadata.num_row_groups)]
            total.update(
                repr((str(file.schema_arrow), sizes, _round_numbers(file.read().to_pylist(), left_out))).encode()
            )
    return str(total.hexdigest())


def _round_numbers(value: Any, left_out: frozenset[str]) -> Any:
    """Returns a value with all its numbers rounded to six decimals, without some fields."""
    if isinstance(value, dict):
        return {key: _round_numbers(inner, left_out) for key, inner in value.items() if key not in left_out}
    if isinstance(value, list):
        return [_round_numbers(inner, left_out) for inner in value]
    return round(value, 6) + 0.0 if isinstance(value, float) else value


def hash_bytes(folder: Path) -> str:
    """Hashes the bytes of all files that unify wrote."""
    total = xxhash.xxh3_64()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return str(total.hexdigest())


def run_study(study: SmallStudy, folder: Path, workers: int = 1) -> tuple[Path, str]:
    """Runs unify on a study; returns the folder of its files, and the records of its sources as JSON."""
    settings = {"aggregate": "majority", **study.settings}
    records = run_unify(study.resolve(folder / "in"), folder / "out", workers, **settings)
    return folder / "out", json.dumps(records, sort_keys=True, ensure_ascii=False)


def hash_study(study: SmallStudy, folder: Path, workers: int = 1) -> str:
    """Hashes the content of the files and the records of a study."""
    out, records = run_study(study, folder, workers)
    left_out = FITTED if study.settings.get("aggregate") == "latent" else frozenset()
    rounded = json.dumps(_round_numbers(json.loads(records), left_out), ensure_ascii=False)
    return f"{hash_content(out, left_out)}-{xxhash.xxh3_64_hexdigest(rounded.encode())}"


def main() -> None:
    """Writes the hashes of all studies."""
    with tempfile.TemporaryDirectory() as folder:
        hashes = {
            name: hash_study(study, Path(folder) / str(number))
            for number, (name, study) in enumerate(iterate_studies())
        }
    HASHES.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
