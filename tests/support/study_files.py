"""A small study with three shapes of feedback, and what its run folder holds."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

ANIMALS = ["cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk", "emu", "yak"]


def write_sources(folder: Path) -> None:
    pairs = [
        {
            "prompt": f"What does the {animal} eat?",
            "chosen": f"The {animal} eats what it finds.",
            "rejected": "No idea.",
        }
        for animal in ANIMALS
    ]
    ratings = [
        {"question": f"Where does the {animal} live?", "answer": answer, "stars": stars}
        for animal in ANIMALS
        for answer, stars in ((f"The {animal} lives outside.", 5), ("Somewhere.", 2 + len(animal) % 2), ("Mars.", 1))
    ]
    shown = [{"instruction": f"Name the {animal}.", "input": "", "output": animal} for animal in ANIMALS]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    pd.DataFrame(ratings).to_csv(folder / "ratings.csv", index=False)
    (folder / "shown.json").write_text(json.dumps(shown))


def study_of(folder: Path, model: Path) -> dict[str, Any]:
    return {
        "name": "small",
        "model": str(model),
        "data_root": str(folder),
        "sources": [
            {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}},
            {
                "name": "ratings",
                "path": "ratings.csv",
                "format": "ratings",
                "map": {
                    "prompt": "question",
                    "response": "answer",
                    "scores": {"stars": {"field": "stars", "low": 1, "high": 5, "better": "high"}},
                },
                "objective": "help",
            },
            {"name": "shown", "path": "shown.json", "dataset": "alpaca"},
        ],
        "split": {"dev": 0.15, "test": 0.15},
        "select": {"cluster_quality": {"fraction": 0.5, "clusters": 3, "unscored": "sample"}},
        "train": [
            {"sft": {"max_steps": 2, "per_device_train_batch_size": 4}},
            {"reward": {"max_steps": 2, "per_device_train_batch_size": 4}},
            {
                "rloo": {
                    "max_steps": 1,
                    "per_device_train_batch_size": 4,
                    "max_completion_length": 8,
                    "probe_prompts": 2,
                }
            },
            {"dpo": {"from": "sft", "max_steps": 2, "per_device_train_batch_size": 4}},
        ],
        "evaluate": [{"preference_accuracy": {"split": "test"}}],
        "report": {"examples": 2, "new_tokens": 4},
        "seeds": [0],
    }


def manifest_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "manifest.json").read_text())


def done_now(run: Path) -> set[str]:
    return {stage["folder"] for stage in manifest_of(run)["stages"] if not stage["cached"]}
