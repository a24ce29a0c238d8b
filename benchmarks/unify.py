"""Speed and memory of unify, compared with throw-away scripts that make the same preferences.

    python benchmarks/unify.py [--rows 280000] [--rounds 3] [--work FOLDER] [--ways json orjson polars unipref-1 ...]
    python benchmarks/unify.py --rows 10000000 --rounds 1 --no-json --ways unipref-2 --work FOLDER

Makes the workload: rated answers on four axes, 3 to 5 to a prompt, in random order, 1.9 KB a row. Each way reads it,
normalises the prompts, groups the answers, takes the best and the worst, and writes the columns of
`preferences.parquet`. Each run is a process of its own, from its start to its end; the ways take turns.

- json: plain Python, a dict of lists, the standard json module. All ratios are to it.
- orjson: the same with orjson, if that is installed.
- polars: lazy, streamed, if that is installed. It has no xxh3-128, so it leaves out `id` and `group`.
- unipref-N: the stage unify with N processes. It also writes all judgements and rejects, and weighs them.
- unipref-ray: the same on a local Ray cluster, if that is installed.

All modules have been compiled before, as those of an installed package: each way runs once on a few rows first. CPU is
that of all processes of a run, peak memory the largest sum of their proportional set sizes, sampled four times a
second. The outputs must agree: the same preferences with the same columns (where answers tie, the same scores).

Plain Python holds all rows in memory. `--no-json` leaves it out: then there are no ratios, and nothing checks the
outputs. A workload of more than a million rows is shuffled on disk.
"""

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

AXES = ("helpfulness", "honesty", "accuracy", "brevity")
DECIDES = "helpfulness"
COMMON = ["prompt", "chosen", "rejected", "axis", "chosen_score", "rejected_score", "axes", "margin_percentile"]
"""The columns by which the outputs are compared, besides `n_responses`."""
FEW_ROWS = 2000
ROWS_IN_MEMORY = 1_000_000
"""Most rows that are shuffled in memory."""
POOL_WORDS = 2_000_000
NEEDS = {"orjson": "orjson", "polars": "polars", "unipref-ray": "ray"}
"""Way -> the package it needs."""


class Run(NamedTuple):
    """Seconds and bytes of one run."""

    wall: float
    cpu: float
    peak: int


# The workload


def write_rows(path: Path, n_rows: int, seed: int = 7, in_memory: int = ROWS_IN_MEMORY) -> None:
    """Writes the workload; the same arguments give the same bytes.

    More rows than `in_memory` are shuffled on disk, and their answers are parts of one long text, which is faster.
    """
    rng = random.Random(seed)
    if n_rows > in_memory:
        _shuffle_on_disk(make_rows(n_rows, rng, POOL_WORDS), path, -(-2 * n_rows // in_memory), rng)
        return
    shuffled = list(make_rows(n_rows, rng))
    rng.shuffle(shuffled)
    with path.open("wb") as file:
        file.writelines(shuffled)


def _shuffle_on_disk(rows: Iterator[bytes], path: Path, n_parts: int, rng: random.Random) -> None:
    """Writes rows in random order: each into a random part, then part after part, each shuffled in memory."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, contextlib.ExitStack() as opened:
        parts = [Path(folder) / f"{number}.jsonl" for number in range(n_parts)]
        files = [opened.enter_context(part.open("wb")) for part in parts]
        for row in rows:
            files[rng.randrange(n_parts)].write(row)
        opened.close()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            for part in parts:
                lines = part.read_bytes().splitlines(keepends=True)
                part.unlink()
                rng.shuffle(lines)
                file.writelines(lines)
        partial.replace(path)


def make_rows(n_rows: int, rng: random.Random, pool_words: int = 0) -> Iterator[bytes]:
    """Yields the rows of the workload, prompt by prompt.

    Args:
        n_rows: how many.
        rng: draws all.
        pool_words: words of a text of which the answers are parts; 0: each word of each answer is drawn.
    """
    words = [
        "".join(rng.choice("aeiourstlnmdcpbgh") for _ in range(rng.choice((2, 3, 4, 5, 5, 6, 7, 8, 9, 11)))) + end
        for end in ("", "", "", ",", ".", " –", "é")
        for _ in range(1500)
    ]
    pool = rng.choices(words, k=pool_words)

    def draw_answer(length: int) -> list[str]:
        if not pool:
            return rng.choices(words, k=length)
        start = rng.randrange(len(pool) - length)
        return pool[start : start + length]

    number = 0
    while number < n_rows:
        prompt = " ".join(rng.choices(words, k=rng.randint(8, 50)))
        for _ in range(min(rng.randint(3, 5), n_rows - number)):
            shown = prompt if rng.random() < 0.9 else prompt.replace(" ", "  ", 1).capitalize()
            answer = " ".join(draw_answer(rng.randint(40, 290)))
            row = {
                "id": f"r-{number:08d}",
                "prompt": shown,
                "response": answer.replace(". ", ".\n\n", 2),
                "model": f"model-{rng.randint(1, 17)}",
                **{axis: rng.randint(10, 100) / 10 for axis in AXES},
            }
            yield json.dumps(row).encode() + b"\n"
            number += 1


# The throw-away scripts


def run_plain(data: Path, out: Path, loads: Callable[[bytes], Any]) -> None:
    """The paper's method in plain Python (2.3, A.2)."""
    import re
    import unicodedata

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xxhash

    spaces = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")

    def digest(*parts: str) -> str:
        return str(xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode()))

    groups: dict[str, list[tuple[int, Any]]] = {}
    with data.open("rb") as file:
        for number, line in enumerate(file, 1):
            row = loads(line)
            key = spaces.sub(" ", unicodedata.normalize("NFKC", row["prompt"])).strip().casefold()
            groups.setdefault(key, []).append((number, row))
    rows = []
    for key, answers in groups.items():
        if len(answers) < 2:
            continue
        best = min(answers, key=lambda one: (-one[1][DECIDES], digest(f"assistant\x1f{one[1]['response']}")))
        worst = min(answers, key=lambda one: (one[1][DECIDES], digest(f"assistant\x1f{one[1]['response']}")))
        if best[1][DECIDES] == worst[1][DECIDES]:
            continue
        prompt = min(row["prompt"] for _, row in answers)
        others = [
            {"origin": [f"{data.name}:{number}"], "scores": {axis: row[axis] for axis in sorted(AXES)}}
            for number, row in answers
            if number not in (best[0], worst[0])
        ]
        sides = [f"assistant\x1f{one[1]['response']}" for one in (best, worst)]
        rows.append(
            {
                "id": digest("rated", f"user\x1f{prompt}", *sides),
                "prompt": [{"role": "user", "content": prompt}],
                "chosen": [{"role": "assistant", "content": best[1]["response"]}],
                "rejected": [{"role": "assistant", "content": worst[1]["response"]}],
                "source": "rated",
                "kind": "ratings",
                "objective": "instruction",
                "licence": "CC0-1.0",
                "axis": DECIDES,
                "chosen_score": best[1][DECIDES],
                "rejected_score": worst[1][DECIDES],
                "axes": [
                    {"axis": axis, "chosen": best[1][axis], "rejected": worst[1][axis]}
                    for axis in sorted(AXES)
                    if axis != DECIDES
                ],
                "n_judgements": 1,
                "n_responses": len(answers),
                "group": digest("root", key),
                "origin": [f"{data.name}:{one[0]}" for one in (best, worst)],
                "extra": json.dumps({"others": others}, ensure_ascii=False) if others else "{}",
            }
        )
    gaps = np.array([row["chosen_score"] - row["rejected_score"] for row in rows])
    ordered, gap = np.sort(gaps.round(9)), gaps.round(9)
    ranks = (np.searchsorted(ordered, gap, "left") + np.searchsorted(ordered, gap, "right")) / 2 / len(gaps)
    for row, rank in zip(rows, ranks.tolist(), strict=True):
        row["margin_percentile"] = rank
    pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd")


def run_polars(data: Path, out: Path) -> None:
    """The same as one lazy query; only numbers and texts of the columns that are written are read."""
    import polars as pl

    text = pl.col("prompt").str.normalize("NFKC").str.replace_all(r"[ \t\n\r\x0c\x0b\u00a0]{2,}", " ")
    schema: Any = {"id": pl.String, "prompt": pl.String, "response": pl.String, "model": pl.String}
    schema |= dict.fromkeys(AXES, pl.Float64)
    rows = pl.scan_ndjson(data, schema=schema).drop("id", "model").with_row_index("place")
    score = pl.col(DECIDES)
    best = (
        rows.with_columns(key=text.str.strip_chars().str.to_lowercase().hash())
        .group_by("key")
        .agg(
            pl.col("prompt").min(),
            pl.len().alias("n_responses"),
            *(
                pl.col(name).get(score.arg_max() if side == "chosen" else score.arg_min()).alias(f"{side}_{name}")
                for side in ("chosen", "rejected")
                for name in ("response", "place", *AXES)
            ),
            others=pl.struct("place", *AXES),
        )
    )
    gap = (pl.col(f"chosen_{DECIDES}") - pl.col(f"rejected_{DECIDES}")).round(9)
    others = sorted(set(AXES) - {DECIDES})
    query = (
        best.filter((pl.col("n_responses") > 1) & (gap > 0))
        .with_columns(margin_percentile=(gap.rank("average") - 0.5) / pl.len())
        .select(
            *(
                pl.concat_list(pl.struct(pl.lit(role).alias("role"), pl.col(column).alias("content"))).alias(name)
                for name, role, column in (
                    ("prompt", "user", "prompt"),
                    ("chosen", "assistant", "chosen_response"),
                    ("rejected", "assistant", "rejected_response"),
                )
            ),
            pl.lit("rated").alias("source"),
            pl.lit("ratings").alias("kind"),
            pl.lit("instruction").alias("objective"),
            pl.lit("CC0-1.0").alias("licence"),
            pl.lit(DECIDES).alias("axis"),
            pl.col(f"chosen_{DECIDES}").alias("chosen_score"),
            pl.col(f"rejected_{DECIDES}").alias("rejected_score"),
            pl.concat_list(
                *(
                    pl.struct(
                        pl.lit(axis).alias("axis"),
                        pl.col(f"chosen_{axis}").alias("chosen"),
                        pl.col(f"rejected_{axis}").alias("rejected"),
                    )
                    for axis in others
                )
            ).alias("axes"),
            "margin_percentile",
            pl.lit(1).alias("n_judgements"),
            "n_responses",
            pl.concat_list(
                *(pl.format(f"{data.name}:{{}}", pl.col(f"{side}_place") + 1) for side in ("chosen", "rejected"))
            ).alias("origin"),
            pl.col("others").alias("extra"),
        )
    )
    query.sink_parquet(out, compression="zstd")


def run_unipref(data: Path, out: Path, workers: int, engine: str) -> None:
    """The stage unify with its defaults, from the file to its four files."""
    from unipref import sources
    from unipref.core import registry
    from unipref.core.contracts import Format
    from unipref.core.workers import make_engine
    from unipref.unify import Projection, ResolvedSource, UnifySettings, unify

    scores = {axis: {"field": axis, "low": 1, "high": 10, "better": "high"} for axis in AXES}
    form = registry.make("format", "ratings", {"prompt": "prompt", "response": "response", "scores": scores}, "map")
    assert isinstance(form, Format)
    how = Projection("rated", "ratings", "instruction", "CC0-1.0", DECIDES, form.axes())
    source = ResolvedSource(form, how, sources.parts([str(data)], data.parent, "path"))
    out.mkdir()
    with make_engine(engine, workers) as running:
        unify([source], UnifySettings(), out, engine=running, read=sources.read)


def run_way(way: str, data: Path, out: Path) -> None:
    """Runs one way in this process."""
    if way == "polars":
        run_polars(data, out)
    elif way.startswith("unipref"):
        is_ray = way == "unipref-ray"
        run_unipref(data, out, 2 if is_ray else int(way.partition("-")[2]), "ray" if is_ray else "local")
    else:
        run_plain(data, out, importlib.import_module(way).loads)


def make_command(way: str, data: Path, folder: Path) -> tuple[list[str], Path]:
    """Returns the command of a way, and the file that it writes."""
    out = folder / ("out" if way.startswith("unipref") else "out.parquet")
    command = [sys.executable, __file__, "--way", way, "--data", str(data), "--out", str(out)]
    return command, out / "preferences.parquet" if way.startswith("unipref") else out


# Measuring


def measure(command: Sequence[str], log: Path) -> Run:
    """Runs a command and measures all its processes.

    Their CPU is what the system counts for the command and the processes that it waits for, or what was seen of each
    process, whichever is more: the processes of Ray are not waited for.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(log.parent.parent / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    seen, ended = Seen(), threading.Event()
    sampler = threading.Thread(target=lambda: _sample(process.pid, seen, ended))
    sampler.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    ended.set()
    sampler.join()
    if process.returncode:
        raise SystemExit(
            f"{' '.join(command)}\nended with {process.returncode}:\n{log.read_text(encoding='utf-8')[-3000:]}"
        )
    return Run(wall, max(usage.ru_utime + usage.ru_stime, sum(seen.cpu.values())), seen.peak)


class Seen:
    """What was seen of the processes of a run: the largest sum of their memory, and the CPU seconds of each."""

    def __init__(self) -> None:
        self.peak, self.cpu = 0, dict[int, float]()


def _sample(pid: int, seen: Seen, ended: threading.Event) -> None:
    while not ended.wait(0.25):
        try:
            processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return
        seen.peak = max(seen.peak, sum(map(_read_pss, (process.pid for process in processes))))
        for one in processes:
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                seen.cpu[one.pid] = times.user + times.system


def _read_pss(pid: int) -> int:
    """Returns the proportional set size of a process: pages shared by n processes count 1/n for each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


# Comparing


def read_output(path: Path) -> dict[str, dict[str, Any]]:
    """Returns prompt -> what is compared."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=[*COMMON, "n_responses"]).to_pylist()
    return {row["prompt"][-1]["content"]: row for row in rows}


def check_agreement(first: Path, other: Path) -> int:
    """Raises SystemExit unless two outputs agree; returns the number of preferences that differ by a tie."""
    ours, theirs = read_output(first), read_output(other)
    if ours.keys() != theirs.keys():
        raise SystemExit(f"{first} and {other} have other prompts: {len(ours)} and {len(theirs)}")
    ties = 0
    for prompt, one in ours.items():
        two = theirs[prompt]
        numbers = [(row["axis"], row["chosen_score"], row["rejected_score"], row["n_responses"]) for row in (one, two)]
        if numbers[0] != numbers[1] or abs(one["margin_percentile"] - two["margin_percentile"]) > 1e-6:
            raise SystemExit(f"{first} and {other} differ for the prompt {prompt[:60]!r}: {numbers}")
        ties += any(one[name] != two[name] for name in ("chosen", "rejected", "axes"))
    return ties


def hash_files(folder: Path) -> str:
    """Hashes the data that unify wrote."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.parquet")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


def format_table(runs: dict[str, list[Run]]) -> Iterator[str]:
    """Yields the lines of the table: medians, and the median of the ratios of each round to json, if it ran."""
    base = runs.get("json")
    names = ["way", "wall s", "CPU s", "peak MB", *(["wall", "CPU", "memory"] if base else [])]
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for way, of_way in runs.items():
        medians = [statistics.median(getattr(run, name) for run in of_way) for name in Run._fields]
        figures = [f"{medians[0]:.1f}", f"{medians[1]:.1f}", f"{medians[2] / 1e6:.0f}"]
        for name in Run._fields if base else ():
            ratios = [getattr(a, name) / getattr(b, name) for a, b in zip(of_way, base or (), strict=True)]
            figures.append(f"{statistics.median(ratios):.2f}")
        yield f"| {way} | {' | '.join(figures)} |"


def _clear(folder: Path) -> Path:
    """Makes a folder empty, and returns it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def main() -> None:
    """Runs the benchmark, or one of its ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=280_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the workload and the outputs; default: a temporary one")
    parser.add_argument("--ways", nargs="+", default=["json", "orjson", "polars", "unipref-1", "unipref-2"])
    parser.add_argument("--no-json", action="store_true", help="leave plain Python out, and with it the ratios")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_way(options.way, options.data, options.out)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        data = work / f"rated-{options.rows}.jsonl"
        if not data.is_file():
            write_rows(data, options.rows)
        ways = [way for way in options.ways if way not in NEEDS or importlib.util.find_spec(NEEDS[way])]
        first = [] if options.no_json else ["json"]
        ways = [*first, *(way for way in ways if way != "json")]
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        print(f"{options.rows} rows, {data.stat().st_size / 1e6:.0f} MB")
        few = work / "few.jsonl"
        write_rows(few, FEW_ROWS)
        for way in ways:
            measure(make_command(way, few, _clear(work / way))[0], work / way / "log.txt")
        for _ in range(options.rounds):
            for way in ways:
                folder = _clear(work / way)
                command, _ = make_command(way, data, folder)
                runs[way].append(measure(command, folder / "log.txt"))
                print(way, *(f"{value:.1f}" for value in runs[way][-1][:2]), f"{runs[way][-1].peak / 1e6:.0f} MB")
        for way in ways[len(first) :]:
            path = make_command(way, data, work / way)[1]
            if first:
                ties = check_agreement(make_command("json", data, work / "json")[1], path)
                print(f"{way} agrees with json" + (f"; {ties} preferences differ by a tie" if ties else ""))
            if way.startswith("unipref"):
                print(f"{way}'s files: {hash_files(work / way / 'out')}")
        print("\n".join(format_table(runs)))


if __name__ == "__main__":
    main()
