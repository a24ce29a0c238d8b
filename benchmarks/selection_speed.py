"""Seconds and memory of `select` with embeddings that are cached.

    python benchmarks/selection_speed.py [--rows 1000000] [--vectors random topics] [--rounds 1] [--work FOLDER]
        [--settings '{"fraction": 0.4}']

Writes preferences with two answers of 40 to 290 words, of three sources, and caches a vector of 384 numbers for each
prompt, as a sentence model would. Then the stage runs `cluster_quality` in a process of its own, from its start to its
end. k-means is faiss where that is installed. The vectors are those of no model:

- random: all directions are equally likely, so there are no clusters to find, and k-means needs most iterations.
- topics: 200 directions, of unequal frequency, with noise of the same length.

CPU is that of all processes, peak memory the largest proportional set size, sampled four times a second.
"""

import argparse
import functools
import hashlib
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unify import Run, measure

DIMENSIONS, TOPICS = 384, 200
ROWS_AT_ONCE = 10_000
GROUP_ROWS = 1024
"""Rows of a row group, as clean writes them."""
SOURCES = ("rated", "ranked", "compared")
POOL_WORDS = 1_000_000
KINDS = ("random", "topics")


class RandomEncoder:
    """Gives random vectors instead of those of a sentence model.

    Args:
        kind: `random` or `topics`.
    """

    def __init__(self, kind: str) -> None:
        self._rng = np.random.default_rng(0)
        self._topics = self._rng.standard_normal((TOPICS, DIMENSIONS)) if kind == "topics" else None
        self._shares = 1 / np.arange(1, TOPICS + 1)

    def encode(self, texts: list[str], **_: Any) -> "npt.NDArray[np.float32]":
        """Returns (n, DIMENSIONS) unit rows."""
        vectors = self._rng.standard_normal((len(texts), DIMENSIONS), dtype=np.float32)
        if self._topics is not None:
            topics = self._rng.choice(TOPICS, len(texts), p=self._shares / self._shares.sum())
            vectors += self._topics[topics]
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def write_preferences(path: Path, n_rows: int) -> None:
    """Writes the preferences; their answers are parts of one long random text, their prompts are all different."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unipref.core.records import preference_schema

    rng = random.Random(7)
    words = ["".join(rng.choices("aeiourstlnmdcpbgh", k=rng.choice((2, 3, 4, 5, 5, 6, 7, 8)))) for _ in range(9000)]
    pool = rng.choices(words, k=POOL_WORDS)

    def draw(few: int, many: int) -> str:
        start = rng.randrange(POOL_WORDS - many)
        return " ".join(pool[start : start + rng.randint(few, many)])

    def make_row(number: int) -> dict[str, Any]:
        key = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        sides = {"prompt": ("user", f"{draw(8, 50)} {number}")}
        sides |= {side: ("assistant", draw(40, 290)) for side in ("chosen", "rejected")}
        return {
            "id": key,
            **{side: [{"role": role, "content": text}] for side, (role, text) in sides.items()},
            "source": rng.choices(SOURCES, (6, 3, 1))[0],
            "kind": "ratings",
            "objective": "instruction",
            "licence": "CC0-1.0",
            "axis": "helpfulness",
            "axes": [],
            "margin_percentile": rng.random(),
            "n_judgements": 1,
            "n_responses": 2,
            "group": key,
            "origin": [f"rated.jsonl:{number}"],
            "extra": "{}",
        }

    partial = path.with_suffix(".partial")
    with pq.ParquetWriter(partial, preference_schema(), compression="zstd") as writer:
        for start in range(0, n_rows, ROWS_AT_ONCE):
            rows = [make_row(number) for number in range(start, min(start + ROWS_AT_ONCE, n_rows))]
            writer.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), row_group_size=GROUP_ROWS)
    partial.replace(path)


def fill_cache(preferences: Path, kind: str, model: Path, cache: Path) -> None:
    """Caches a vector for each prompt, as if the model in a folder had computed it."""
    from unipref.core import parquet
    from unipref.models import sentence_model
    from unipref.select.candidates import join_contents

    def texts() -> Iterator[list[str]]:
        for batch in parquet.read_batches(preferences, ["prompt"]):
            yield join_contents(batch.column("prompt")).to_pylist()

    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}", encoding="utf-8")
    vars(sentence_model)["_load"] = functools.cache(lambda *_: RandomEncoder(kind))
    sentence_model.compute_sentence_vectors(str(model), texts, cache)


def run_select(work: Path, kind: str, rows: int, settings: dict[str, Any]) -> None:
    """Runs the stage, and prints how long its parts took, and a hash of what it wrote."""
    from unipref.core import registry
    from unipref.core.contracts import Strategy
    from unipref.select import choose

    strategy = registry.make("strategy", "cluster_quality", {"embedder": str(work / kind), **settings}, "select")
    assert isinstance(strategy, Strategy)
    preferences, cache = _find_files(work, kind, rows)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        report = choose(strategy, preferences, Path(folder), 0, cache)
        files = [path.read_bytes() for path in sorted(Path(folder).glob("*.parquet"))]
    written = hashlib.sha256(b"".join(files)).hexdigest()[:16]
    account = hashlib.sha256(json.dumps(report["account"] | {"seconds": 0}).encode()).hexdigest()[:16]
    seconds = [report["seconds"], report["account"]["seconds"]]
    print(f"kept {report['kept']}; selection {seconds[0]:.1f} s, its summary {seconds[1]:.1f} s")
    print(f"files {written}, summary {account}")


def _find_files(work: Path, kind: str, rows: int) -> tuple[Path, Path]:
    return work / f"preferences-{rows}.parquet", work / f"cache-{kind}-{rows}"


def main() -> None:
    """Runs the benchmark, or the stage alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--vectors", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", type=Path, help="folder for the data, which stay there; default: a temporary one")
    parser.add_argument("--settings", type=json.loads, default={}, help="of cluster_quality, as JSON")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_select(options.work, options.run, options.rows, options.settings)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        print("| vectors | wall s | CPU s | peak MB |\n|---|---|---|---|")
        for kind in options.vectors:
            preferences, cache = _find_files(work, kind, options.rows)
            if not preferences.is_file():
                write_preferences(preferences, options.rows)
            if not cache.is_dir():
                fill_cache(preferences, kind, work / kind, cache)
            arguments = ["--rows", str(options.rows), "--settings", json.dumps(options.settings)]
            command = [sys.executable, __file__, "--run", kind, "--work", str(work), *arguments]
            log = work / "logs" / "log.txt"
            log.parent.mkdir(exist_ok=True)
            runs = [measure(command, log) for _ in range(options.rounds)]
            wall, cpu, peak = (statistics.median(getattr(run, name) for run in runs) for name in Run._fields)
            print(f"| {kind} | {wall:.1f} | {cpu:.1f} | {peak / 1e6:.0f} |")
            print(log.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
