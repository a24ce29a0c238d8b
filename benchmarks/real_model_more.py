"""Measures models of the real study on all prompts of IFEval and all sentences of winogenerated.

    python benchmarks/real_model_more.py prompts DATA/ifeval OUT                 # those that need NLTK's table
    python benchmarks/real_model_more.py measure OUT --ifeval FOLDER --winogenerated DATA/winogenerated PLACE=MODEL ...
    python benchmarks/real_model_more.py join RUN MEASURED

PLACE is `base` or VARIANT/SEED/STEP. `join` adds the benchmarks `ifeval_all` and `winogenerated_all` to RUN, a folder
that `real_model_scores.py open` wrote.
"""

import argparse
import json
from pathlib import Path

import msgspec

from unipref.core import json_files
from unipref.core.answer_checks.ifeval import SENTENCES, Checks
from unipref.core.records import BASE
from unipref.core.run_folder import MANIFEST, SCORES, Evaluated, RunFolder, ScoreRow
from unipref.core.scores import Example
from unipref.evaluate import RESULTS, evaluate, score_rows
from unipref.evaluate.benchmarks.ifeval import FILE, IFEval
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.compare import EVALUATED, Table, load_tables

LIKELIHOODS = ("log_p_male", "log_p_female", "log_p_neutral")
ROUNDING = 0.01
"""Most by which figures of one model in float32 differ between batches, in nats."""


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
    elif given.ifeval is None and given.winogenerated is None:
        parser.error("measure needs --ifeval or --winogenerated")
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
        SystemExit: a model did not answer the prompts that the run left unchecked, or is not the model of the run.
    """
    folder = RunFolder(run)
    manifest, scores = folder.manifest, folder.scores()
    for results in sorted(measured.rglob(RESULTS)):
        place = results.parent.relative_to(measured).as_posix()
        variant, seed, step = (BASE, None, BASE) if place == BASE else _split(place)
        config = json.loads(results.read_bytes())
        for benchmark, table in load_tables(results.parent).items():
            label, about = f"{benchmark}_all", config["configs"][benchmark]
            earlier = load_tables(run / EVALUATED / place / benchmark)[benchmark]
            if benchmark == IFEval.name():
                rows = _complete(earlier, table, place)
                about["metadata"]["data_hash"] += f"+{earlier.data_hash}"
            else:
                rows = _check_sentences(earlier, table, place)
            out = run / EVALUATED / place / label
            out.mkdir(exist_ok=True)
            kept = {"configs": {label: about}, "versions_of_packages": config["versions_of_packages"]}
            json_files.write_json(out / RESULTS, kept)
            (out / f"{label}.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
            record = Evaluated(variant, seed, step, label, out.relative_to(run).as_posix())
            manifest.evaluated = [one for one in manifest.evaluated if one != record] + [record]
            found = score_rows(label, [one.score() for one in table.statistics(rows).values()], table.precision)
            scores = [one for one in scores if (one.variant, one.seed, one.step, one.benchmark) != _name(record)]
            scores += [ScoreRow(variant=variant, seed=seed, step=step, **row) for row in found]
    json_files.write_json(run / MANIFEST, msgspec.to_builtins(manifest))
    json_files.write_json(run / SCORES, [row.as_dict() for row in scores])


def _split(place: str) -> tuple[str, int, str]:
    variant, seed, step = place.split("/")
    return variant, int(seed), step


def _name(record: Evaluated) -> tuple[str, int | None, str, str]:
    return record.variant, record.seed, record.step, record.benchmark


def _complete(earlier: Table, more: Table, place: str) -> list[Example]:
    """Returns the rows of a table of IFEval, with those that it left unchecked from another one."""
    found, kept = {row["key"]: row for row in more.read_examples()}, earlier.read_examples()
    unchecked = {row["key"] for row in kept if "strict" not in row}
    if differing := unchecked ^ found.keys():
        keys = ", ".join(map(str, sorted(differing)))
        raise SystemExit(f"{place}: prompts that one of the tables alone has, or left unchecked: {keys}")
    return [found.get(row["key"], row) for row in kept]


def _check_sentences(earlier: Table, more: Table, place: str) -> list[Example]:
    """Returns the rows of a table of winogenerated, if those of an earlier one have the same figures."""
    rows = more.read_examples()
    found = {row["id"]: row for row in rows}
    for row in earlier.read_examples():
        same = found.get(row["id"])
        if same is None or any(abs(row[name] - same[name]) > ROUNDING for name in LIKELIHOODS):
            raise SystemExit(f"{place}: sentence {row['id']} has other figures, so this is not the model of the run")
    return rows


if __name__ == "__main__":
    main()
