"""Seconds of `clean` with near-duplicates and a benchmark to compare with, by the number of processes.

    python benchmarks/clean_speed.py [--rows 100000] [--rounds 3] [--work FOLDER] [--ways 1 2 ray] [--before SRC]

Writes preferences with two answers of 40 to 290 words. One in ten repeats an earlier one with a word of each text
changed, and one in fifty has a prompt of the benchmark, which has 5,000 texts. Then the stage runs in a process of its
own: with one, with two, or on a Ray cluster of two cores on this machine. `--before` also runs the code in another
folder (`src` of an older checkout), with one process. The ways take turns; all write the same bytes, which is checked.

`driver CPU` is that of the process that runs the stage, `CPU` that of all processes that it waited for.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from selection_speed import POOL_WORDS, ROWS_AT_ONCE
from unify import measure

BENCHMARK_TEXTS = 5000
BEFORE = "before"


def write_preferences(path: Path, benchmark: Path, n_rows: int) -> None:
    """Writes the preferences and the benchmark; the texts are parts of one long random text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unipref.core.records import preference_schema

    rng = random.Random(7)
    words = ["".join(rng.choices("aeiourstlnmdcpbgh", k=rng.choice((2, 3, 4, 5, 5, 6, 7, 8)))) for _ in range(9000)]
    pool = rng.choices(words, k=POOL_WORDS)

    def draw(few: int, many: int) -> list[str]:
        start = rng.randrange(POOL_WORDS - many)
        return pool[start : start + rng.randint(few, many)]

    questions = [draw(20, 60) for _ in range(BENCHMARK_TEXTS)]
    benchmark.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"question": " ".join(question)}) for question in questions]
    (benchmark / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    earlier: list[list[list[str]]] = []

    def make_texts() -> list[list[str]]:
        if earlier and rng.random() < 0.1:
            texts = [list(text) for text in rng.choice(earlier)]
            for text in texts:
                text[rng.randrange(len(text))] = rng.choice(words)
            return texts
        prompt = rng.choice(questions) if rng.random() < 0.02 else draw(20, 60)
        texts = [prompt, draw(40, 290), draw(40, 290)]
        if len(earlier) < ROWS_AT_ONCE:
            earlier.append(texts)
        return texts

    def make_row(number: int) -> dict[str, Any]:
        key = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        sides = zip(("prompt", "chosen", "rejected"), ("user", "assistant", "assistant"), make_texts(), strict=True)
        return {
            "id": key,
            **{side: [{"role": role, "content": " ".join(text)}] for side, role, text in sides},
            "source": "rated",
            "kind": "ratings",
            "objective": "instruction",
            "licence": "CC0-1.0",
            "axes": [],
            "n_judgements": 1,
            "n_responses": 2,
            "group": key,
            "origin": [f"rated.jsonl:{number}"],
            "extra": "{}",
        }

    partial = path.with_suffix(".partial")
    with pq.ParquetWriter(partial, preference_schema(), compression="zstd") as writer:
        for start in range(0, n_rows, 1024):
            rows = [make_row(number) for number in range(start, min(start + 1024, n_rows))]
            writer.write_table(pa.Table.from_pylist(rows, schema=preference_schema()))
    partial.replace(path)


def run_clean(way: str, preferences: Path, benchmark: Path) -> None:
    """Runs the stage, and prints the CPU seconds of this process and a hash of what it wrote."""
    from unipref.clean import CleanSettings, SplitSettings, clean

    settings, data = CleanSettings(duplicates="near"), {benchmark.name: benchmark}
    with tempfile.TemporaryDirectory(dir=preferences.parent) as folder:
        out = Path(folder)
        start = time.perf_counter()
        if way == BEFORE:
            clean(preferences, SplitSettings(), settings, out, data)
        else:
            from unipref.core.workers import make_engine

            workers = 2 if way == "ray" else int(way)
            with make_engine("ray" if way == "ray" else "local", workers) as engine:
                clean(preferences, SplitSettings(), settings, out, data, engine=engine)
        seconds = time.perf_counter() - start
        content = hashlib.sha256()
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            content.update(path.name.encode() + path.read_bytes())
    print(json.dumps({"driver": time.process_time(), "stage": seconds, "written": content.hexdigest()[:16]}))


def main() -> None:
    """Runs the benchmark, or the stage alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", nargs="+", default=["1", "2"])
    parser.add_argument("--before", help="folder `src` of an older checkout", default="")
    parser.add_argument("--work", type=Path, help="folder for the data, which stay there; default: a temporary one")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        preferences, benchmark = work / f"duplicates-{options.rows}.parquet", work / f"questions-{options.rows}"
        if options.run:
            run_clean(options.run, preferences, benchmark)
            return
        if not preferences.is_file():
            write_preferences(preferences, benchmark, options.rows)
        compare_ways(options, work)


def compare_ways(options: argparse.Namespace, work: Path) -> None:
    """Runs all ways in turn, and prints the medians and what they are of the first way's."""
    log, ways = work / "logs" / "log.txt", [*([BEFORE] if options.before else []), *options.ways]
    log.parent.mkdir(exist_ok=True)
    own = os.environ.get("PYTHONPATH", "")
    figures: dict[str, list[tuple[float, float, float, float]]] = {way: [] for way in ways}
    written = set()
    for _ in range(options.rounds):
        for way in ways:
            os.environ["PYTHONPATH"] = options.before if way == BEFORE else own
            command = [sys.executable, __file__, "--run", way, "--rows", str(options.rows), "--work", str(work)]
            run = measure(command, log)
            told = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
            written.add(told["written"])
            figures[way].append((run.wall, told["stage"], told["driver"], run.cpu))
    print("| way | wall s | stage s | driver CPU s | CPU s | wall, of the first | driver CPU, of the first |")
    print("|---|---|---|---|---|---|---|")
    for way, of_way in figures.items():
        medians = [statistics.median(column) for column in zip(*of_way, strict=True)]
        ratios = [
            statistics.median(one[place] / first[place] for one, first in zip(of_way, figures[ways[0]], strict=True))
            for place in (0, 2)
        ]
        print(f"| {way} | {' | '.join(f'{number:.1f}' for number in medians)} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    print(f"written: {', '.join(sorted(written))}")
    if len(written) > 1:
        raise SystemExit("the ways wrote different bytes")


if __name__ == "__main__":
    main()
