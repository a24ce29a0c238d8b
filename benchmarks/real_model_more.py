"""Measures models of the real study on all prompts of IFEval and all sentences of winogenerated.

    python benchmarks/real_model_more.py prompts DATA/ifeval OUT                 # those that need NLTK's table
    python benchmarks/real_model_more.py measure OUT --ifeval FOLDER --winogenerated DATA/winogenerated PLACE=MODEL ...
    python benchmarks/real_model_more.py join RUN MEASURED

PLACE is `base` or VARIANT/SEED/STEP. `join` adds the benchmarks `ifeval_all` and `winogenerated_all` to RUN, a folder
that `real_model_scores.py open` wrote.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import json_files
from unipref.core.answer_checks.ifeval import SENTENCES, Checks
from unipref.core.records import BASE
from unipref.core.run_folder import MANIFEST, SCORES, Evaluated, RunFolder, ScoreRow
from unipref.core.scores import Example
from unipref.evaluate import RESULTS, evaluate
from unipref.evaluate.benchmarks.ifeval import FILE, IFEval
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.compare import EVALUATED, load_tables


def main() -> None:
    """Writes the prompts, measures models, or joins tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    parts = {}
    for command, words in {"prompts": ("data", "out"), "measure": ("out",), "join": ("run", "measured")}.items():
        parts[command] = commands.add_parser(command)
        for word in words:
            parts[command].add_argument(word, type=Path)
    parts["measure"].add_argument("--ifeval", type=Path, help="folder that `prompts` wrote")
    parts["measure"].add_argument("--winogenerated", type=Path, help="folder of the benchmark")
    parts["measure"].add_argument("models", nargs="+", metavar="PLACE=MODEL")
    given = parser.parse_args()
    if given.command == "prompts":
        write_prompts(given.data / FILE, given.out)
    elif given.command == "join":
        join(given.run, given.measured)
    else:
        measure(given.out, given.ifeval, given.winogenerated, dict(one.split("=", 1) for one in given.models))


def write_prompts(data: Path, out: Path) -> None:
    """Writes the prompts of IFEval whose checkers need NLTK's table."""
    out.mkdir(parents=True, exist_ok=True)
    lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not SENTENCES.isdisjoint(json.loads(line)["instruction_id_list"])]
    (out / FILE).write_text("".join(kept), encoding="utf-8")
    print(f"{out / FILE}: {len(kept)} of {len(lines)} prompts")


def measure(out: Path, prompts: Path | None, sentences: Path | None, models: dict[str, str]) -> None:
    """Measures models with the settings of examples/real_model_ties.yaml, without its limits; resumes."""
    benchmarks: list[IFEval | Winogenerated] = []
    if prompts is not None:
        if not Checks().has_table():
            raise SystemExit("NLTK's table punkt_tab is missing; docs/metrics.md says how to get it")
        benchmarks.append(IFEval(data=str(prompts.absolute()), new_tokens=320, precision="float32"))
    if sentences is not None:
        benchmarks.append(Winogenerated(data=str(sentences.absolute()), framings=1, precision="float32"))
    for place, model in models.items():
        evaluate(model, benchmarks, data_root=Path(), splits={}, out=out / place, on_note=print, on_start=print)


def join(run: Path, measured: Path) -> None:
    """Adds the tables over all prompts and all sentences, and their scores, to a run.

    Raises:
        SystemExit: the prompts measured are not those that the run left unchecked.
    """
    folder = RunFolder(run)
    manifest, scores = folder.manifest, folder.scores()
    for results in sorted(measured.rglob(RESULTS)):
        place = results.parent.relative_to(measured).as_posix()
        variant, seed, step = (BASE, None, BASE) if place == BASE else _split(place)
        for benchmark, table in load_tables(results.parent).items():
            rows = list(table.read_examples())
            if benchmark == IFEval.name():
                rows = _fill(run / EVALUATED / place / benchmark, rows)
            label, config = f"{benchmark}_all", json.loads(results.read_bytes())
            out = run / EVALUATED / place / label
            out.mkdir(parents=True, exist_ok=True)
            kept = {"configs": {label: config["configs"][benchmark]}}
            json_files.write_json(out / RESULTS, kept | {"versions_of_packages": config["versions_of_packages"]})
            (out / f"{label}.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
            record = Evaluated(variant, seed, step, label, f"{EVALUATED}/{place}/{label}")
            manifest.evaluated = [one for one in manifest.evaluated if one != record] + [record]
            scores = [one for one in scores if (one.variant, one.seed, one.step, one.benchmark) != _key(record)]
            scores += _score(table.benchmark.statistics(rows), record)
    json_files.write_json(run / MANIFEST, msgspec.to_builtins(manifest))
    json_files.write_json(run / SCORES, [row.as_dict() for row in scores])


def _split(place: str) -> tuple[str, int, str]:
    variant, seed, step = place.split("/")
    return variant, int(seed), step


def _key(record: Evaluated) -> tuple[str, int | None, str, str]:
    return record.variant, record.seed, record.step, record.benchmark


def _fill(earlier: Path, rows: list[Example]) -> list[Example]:
    """Returns the rows of an earlier table of IFEval, with those that it left unchecked from another one."""
    found = {row["key"]: row for row in rows}
    kept = load_tables(earlier)[IFEval.name()].read_examples()
    unchecked = {row["key"] for row in kept if "strict" not in row}
    if unchecked != found.keys():
        raise SystemExit(f"{earlier}: it left {len(unchecked)} prompts unchecked, and {len(found)} others are given")
    return [found.get(row["key"], row) for row in kept]


def _score(statistics: Iterator[Any], record: Evaluated) -> Iterator[ScoreRow]:
    """Computes the scores of a table."""
    about: dict[str, Any] = {
        "variant": record.variant,
        "seed": record.seed,
        "step": record.step,
        "benchmark": record.benchmark,
    }
    for statistic in statistics:
        yield ScoreRow(**msgspec.structs.asdict(statistic.score()), **about, precision="float32")


if __name__ == "__main__":
    main()
