"""Measures how long `inspect` takes for large, wide and deep files, in CPU seconds.

    python benchmarks/inspect_time.py [--megabytes 100]

Each kind of file is made at two sizes: a time that is linear in what grows, or does not depend on it, has a ratio of at
most that of the sizes.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unipref.unify import inspection

TEXT = "This is a sentence of an answer that somebody wrote, and it goes on for a while. " * 3


def make_row(n: int) -> dict[str, Any]:
    return {"id": n, "question": f"What is thing {n // 2} made of?", "answer": f"{TEXT}{n}", "stars": n % 5 + 1}


def write_lines(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(make_row(n)) + "\n" for n in range(count))


def write_array(path: Path, count: int) -> None:
    path.write_text(json.dumps([make_row(n) for n in range(count)]), encoding="utf-8")


def write_keyed(path: Path, count: int) -> None:
    path.write_text(json.dumps({f"row{n}": make_row(n) for n in range(count)}), encoding="utf-8")


def write_table(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(make_row(0)))
        writer.writeheader()
        writer.writerows(map(make_row, range(count)))


def write_wide(path: Path, keys: int) -> None:
    more = {f"column_{k}": k % 7 for k in range(keys)}
    path.write_text("".join(json.dumps({**make_row(n), **more}) + "\n" for n in range(200)), encoding="utf-8")


def write_dialogues(path: Path, turns: int) -> None:
    rows = (
        {
            "messages": [{"role": ("user", "assistant")[t % 2], "content": f"{TEXT}{t}"} for t in range(turns)],
            "ok": n % 2,
        }
        for n in range(200)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_deep(path: Path, depth: int) -> None:
    lines = []
    for n in range(200):
        inner: Any = {"text": TEXT}
        for _ in range(depth):
            inner = {"inner": inner, "list": [inner] if depth < 6 else []}
        lines.append(json.dumps({**make_row(n), "extra": inner}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def list_cases(megabytes: int) -> Iterator[tuple[str, str, Callable[[Path, int], None], int, int]]:
    """Yields name, file, maker and two sizes."""
    rows = megabytes * 1_000_000 // len(json.dumps(make_row(1)))
    yield "rows, JSON lines", "rows.jsonl", write_lines, rows // 2, rows
    yield "rows, JSON array", "rows.json", write_array, rows // 2, rows
    yield "rows, CSV", "rows.csv", write_table, rows // 2, rows
    yield "rows by key, one JSON object", "keyed.json", write_keyed, rows // 2, rows
    yield "fields of a row", "wide.jsonl", write_wide, 400, 800
    yield "turns of a dialogue", "turns.jsonl", write_dialogues, 50, 100
    yield "depth of a row", "deep.jsonl", write_deep, 20, 40


def measure(path: Path) -> float:
    """Returns the CPU seconds of one inspection."""
    start = time.process_time()
    inspection.inspect([path])
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    megabytes = parser.parse_args().megabytes
    print("| what grows | size | MB | CPU seconds |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        write_lines(Path(folder) / "first.jsonl", 50)
        measure(Path(folder) / "first.jsonl")  # imports what inspect needs
        for name, file, make, *sizes in list_cases(megabytes):
            for size in sizes:
                path = Path(folder) / file
                make(path, size)
                print(f"| {name} | {size:,} | {path.stat().st_size / 1e6:.1f} | {measure(path):.2f} |", flush=True)
                path.unlink()


if __name__ == "__main__":
    main()
