"""Measures leaks by meaning on public feedback: UNIPREF_SHARED=FOLDER python benchmarks/semantic_leaks_real.py HITS.tsv

Prompts of the feedback are compared with texts of public benchmarks, as `clean` compares them.
Printed are the share of planted paraphrases (semantic_leaks_second.json) that each threshold finds, and for each source
of feedback the number of prompts whose nearest text reaches it. HITS.tsv has each pair from .7 on, with the benchmark
and both texts, in a random order for people to judge.
"""

import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from semantic_leaks import embed
from unipref import sources
from unipref.clean.text_overlap import MIN_WORDS, Benchmarks, files_in, iterate_texts, split_words
from unipref.core.text_keys import normalise

THRESHOLDS = (0.8, 0.85, 0.9, 0.95)
LEAST_SHOWN = 0.7
PLANTED = Path(__file__).parent / "semantic_leaks_second.json"
TEXT_FIELDS = ("instruction", "prompt", "question", "input", "sentence", "text")
TURN_FIELDS = ("messages", "conversations", "prompt", "conversation_a")
LONGEST = 2000
"""Characters of a text that are embedded; MiniLM reads 256 tokens."""
MOST_PROMPTS, MOST_TEXTS = 1500, 1200
"""Most prompts of each source and most texts of each benchmark, evenly spread: some minutes on one core."""
WHOLE = ("ifeval", "mt_bench", "truthfulqa")
"""Benchmarks of questions as people ask them, of which all texts are compared."""


def find_prompt(row: dict[str, Any]) -> str:
    """Returns the first user turn of a row, or its instruction with its input."""
    for name in TURN_FIELDS:
        turns = row.get(name)
        if isinstance(turns, list) and turns:
            for turn in turns:
                if isinstance(turn, str):
                    return turn
                if isinstance(turn, dict) and (turn.get("role") or turn.get("from")) in ("user", "human"):
                    return str(turn.get("content") or turn.get("value") or "")
    if isinstance(row.get("chosen"), str) and "\n\nHuman: " in row["chosen"]:
        return row["chosen"].split("\n\nHuman: ")[1].split("\n\nAssistant:")[0]
    if isinstance(row.get("text"), str) and "message_id" in row:
        return row["text"]
    if isinstance(row.get("prompt"), dict):  # a tree
        return str(row["prompt"].get("text", ""))
    first = next((str(row[name]) for name in TEXT_FIELDS if isinstance(row.get(name), str)), "")
    return first


def read_prompts(folder: Path) -> list[str]:
    """Reads the distinct normalised prompts of five words or more."""
    found: dict[str, None] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        for part in sources.parts([str(path)], folder, folder.name):
            for _, row in sources.read(part):
                text = normalise(find_prompt(row))[:LONGEST] if isinstance(row, dict) else ""
                if len(split_words(text)) >= MIN_WORDS:
                    found.setdefault(text)
    return spread(list(found), MOST_PROMPTS)


def spread(texts: list[str], most: int) -> list[str]:
    """Returns at most `most` texts, evenly spread."""
    return [texts[at * len(texts) // most] for at in range(most)] if len(texts) > most else texts


def print_planted(cache: Path) -> None:
    """Prints the share of the planted paraphrases that each threshold finds."""
    items = json.loads(PLANTED.read_text(encoding="utf-8"))["items"]
    question, *others = (embed([normalise(item[place]) for item in items], cache) for place in range(3))
    cosines = [(question * one).sum(axis=1) for one in others]
    nearest = question @ question.T
    np.fill_diagonal(nearest, -1)
    print(f"| found by ({len(items)} questions) | words changed | said freely | nearest other question |")
    print("|---|---:|---:|---:|")
    for threshold in (0.7, 0.75, *THRESHOLDS):
        values = [*cosines, nearest.max(axis=1)]
        print(
            f"| cosine {threshold:g} | "
            + " | ".join(f"{float((one >= threshold).mean()):.3f}" for one in values)
            + " |"
        )


def find_hits(data: Path, cache: Path) -> Iterator[tuple[str, str, float, str, str]]:
    """Yields source, benchmark, cosine, prompt and text of each hit, and prints the counts of each source."""
    files = files_in(data / "eval")
    texts: dict[str, str] = {}
    for file, _, text in iterate_texts(files, []):
        if len(split_words(text)) >= MIN_WORDS:
            texts.setdefault(text[:LONGEST], file.benchmark)
    contents: list[str] = []
    for name in dict.fromkeys(texts.values()):
        own = [text for text, benchmark in texts.items() if benchmark == name]
        contents += own if name in WHOLE else spread(own, MOST_TEXTS)
    benchmarks = [texts[text] for text in contents]
    print(f"\n{len(contents):,} of {len(texts):,} texts: {dict(Counter(benchmarks))}\n", flush=True)
    known = embed(contents, cache)
    words = Benchmarks(files)
    print("| source | prompts | by words | " + " | ".join(f"from {one:g}" for one in THRESHOLDS) + " |")
    print("|---|" + "---:|" * (2 + len(THRESHOLDS)))
    for folder in sorted(path for path in (data / "feedback").iterdir() if path.is_dir()):
        prompts = read_prompts(folder)
        if not prompts:
            continue
        vectors = embed(prompts, cache)
        rows = [(vectors[at : at + 256] @ known.T) for at in range(0, len(prompts), 256)]
        best = np.concatenate([row.argmax(axis=1) for row in rows])
        cosines = np.concatenate([row.max(axis=1) for row in rows])
        by_words = np.array([bool(words.matches([prompt])) for prompt in prompts])
        counts = " | ".join(str(int(((cosines >= one) & ~by_words).sum())) for one in THRESHOLDS)
        print(f"| {folder.name} | {len(prompts):,} | {int(by_words.sum())} | {counts} |", flush=True)
        for at in np.flatnonzero((cosines >= LEAST_SHOWN) & ~by_words):
            yield folder.name, benchmarks[best[at]], float(cosines[at]), prompts[at], contents[best[at]]


def main() -> None:
    data = Path(os.environ["UNIPREF_SHARED"]) / "data"
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(os.environ.get("UNIPREF_CACHE", folder))
        cache.mkdir(parents=True, exist_ok=True)
        print_planted(cache)
        hits = list(find_hits(data, cache))
    random.Random(0).shuffle(hits)
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for source, benchmark, cosine, prompt, text in hits:
            print(source, benchmark, f"{cosine:.3f}", prompt, text, sep="\t", file=out)


if __name__ == "__main__":
    main()
