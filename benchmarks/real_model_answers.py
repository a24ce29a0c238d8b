"""Shows answers to IFEval's prompts before and after training, chosen by a rule: the prompts with the least hashes.

    python benchmarks/real_model_answers.py BEFORE.jsonl AFTER.jsonl     # RUN/evaluated/.../ifeval/ifeval.jsonl

Prompts and answers are cut, so that the page stays readable.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.core.text_keys import digest

MOST, PROMPT, ANSWER = 12, 60, 150


def main() -> None:
    """Prints a Markdown list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args()
    before, after = ({row["key"]: row for row in read(path)} for path in (given.before, given.after))
    for key in sorted(before, key=lambda key: digest(before[key]["prompt"]))[:MOST]:
        print("\n".join(describe(before[key], after[key])))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the prompts whose instructions could be checked."""
    with path.open(encoding="utf-8") as file:
        yield from (row for row in map(json.loads, file) if "strict" in row)


def describe(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of one prompt."""
    yield f"- **{cut(before['prompt'], PROMPT)}** ({', '.join(before['instructions'])})"
    for name, row in (("before", before), ("after", after)):
        followed = f"{sum(row['strict'])} of {len(row['strict'])} followed, {row['tokens']} tokens"
        yield f"    - {name} ({followed}{'' if row['ended'] else ', cut'}): {cut(row['output'], ANSWER)}"


def cut(text: str, most: int) -> str:
    """Returns a text in one line, without signs that Markdown reads."""
    line = " ".join(text.split())
    shown = line if len(line) <= most else line[: most - 3].rstrip() + "..."
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|$" else sign for sign in shown)


if __name__ == "__main__":
    main()
