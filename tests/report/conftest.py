"""A run folder written by hand."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NASTY = "<script>alert('x')</script>|[a](b)"


def score(step: str, benchmark: str, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "variant": "base" if step == "base" else "main",
        "seed": None if step == "base" else 0,
        "step": step,
        "model": f"models/{step}",
        "benchmark": benchmark,
        "mode": "corrected",
        "split": "test",
        "slice": "all",
        "metric": metric,
        "value": value,
        "low": None,
        "high": None,
        "n": 100,
        "direction": "higher",
        "ideal": None,
        "chance": None,
    }
    return row | changes


def scores() -> list[dict[str, Any]]:
    chance = {"chance": 0.5}
    lower = {"direction": "lower", "chance": 0.0}
    return [
        score("base", "instructions", "accuracy", 0.08, low=0.05, high=0.12),
        score("sft", "instructions", "accuracy", 0.50, low=0.45, high=0.56),
        score("dpo", "instructions", "accuracy", 0.10, low=0.06, high=0.15),
        score("base", "coreference", "accuracy", 0.70, low=0.66, high=0.74, **chance),
        score("sft", "coreference", "accuracy", 0.80, low=0.76, high=0.84, **chance),
        score("dpo", "coreference", "accuracy", 0.50, low=0.46, high=0.54, **chance),
        score("base", "coreference", "bias", 0.40, low=0.35, high=0.45, **lower),
        score("sft", "coreference", "bias", 0.20, low=0.15, high=0.25, **lower),
        score("dpo", "coreference", "bias", 0.01, low=0.0, high=0.05, **lower),
        score("sft", "coreference", "bias", 0.30, mode="paper", **lower),
        score("sft", "coreference", "accuracy", 0.9, slice="nurse", n=5),
        score("sft", "instructions", "accuracy", 0.55, split="dev"),
    ]


def manifest() -> dict[str, Any]:
    return {
        "unipref": "0.1.0",
        "name": "a study",
        "versions": {"torch": "2.13.0"},
        "sources": {
            NASTY: {
                "kind": "ratings",
                "licence": "CC0-1.0",
                "objective": "instruction",
                "rows": 1010,
                "used": 1000,
                "rejected": {"not_json": 7, "empty_prompt": 3},
                "groups": 300,
                "projected": 290,
                "groups_rejected": {"tie": 10},
                "preferences": 290,
                "files": ["ratings.csv"],
            },
            "thumbs": {"kind": "thumbs", "rows": 50, "used": 49, "rejected": {}, "preferences": 49},
        },
        "clean": {
            "train": 250,
            "dev": 40,
            "test": 38,
            "removed": {"benchmark": 1, "duplicate": 10},
            "by_source": {NASTY: {"duplicate": 10, "preferences": 290}, "thumbs": {"benchmark": 1, "preferences": 49}},
            "benchmarks": {"winobias": {"texts": 3162, "found": 1}, "ifeval": {"texts": 598, "found": 0}},
            "examples": {
                "duplicate": [
                    {
                        "id": "b",
                        "source": NASTY,
                        "reason": "duplicate",
                        "twin": "a",
                        "origin": f"{NASTY}.csv:7",
                        "twin_origin": f"{NASTY}.csv:3",
                    }
                ],
            },
            "notes": ["11 preferences removed: benchmark 1, duplicate 10"],
        },
        "selected": {
            "main": {
                "0": {
                    "candidates": 250,
                    "kept": 100,
                    "by_source": {NASTY: [200, 80], "thumbs": [50, 20]},
                    "mean_margin": [0.5, 0.8],
                    "seconds": 1.5,
                }
            }
        },
        "train": {
            "main": {
                "0": {
                    "sft": {
                        "used": 90,
                        "left_out": {"too_long": 10, "unscored": 0},
                        "steps": 30,
                        "tokens": 12345,
                        "seconds": 61.25,
                        "curve": [{"loss": 2.5}, {"loss": 1.25}, {"train_runtime": 3.0}],
                        "warnings": ["the <b>margins</b> are null"],
                    },
                    "dpo": {"used": 90, "left_out": {}, "steps": 30, "curve": []},
                }
            }
        },
        "stages": [
            {"stage": "unified", "folder": "unified", "seconds": 1.25, "peak_mb": 210.4, "cached": False},
            {"stage": "train", "folder": "train/main/0/sft", "seconds": 61.25, "peak_mb": None, "cached": True},
        ],
    }


@pytest.fixture
def nasty() -> str:
    """A source's name that no page may take for markup."""
    return NASTY


@pytest.fixture
def score_row() -> Callable[..., dict[str, Any]]:
    """Makes one row of `scores.json`."""
    return score


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run: base, sft (better) and dpo (unbiased because it guesses)."""
    (tmp_path / "manifest.json").write_text(json.dumps(manifest()))
    (tmp_path / "scores.json").write_text(json.dumps(scores()))
    (tmp_path / "study.yaml").write_text("model: base\nsources: [</pre><script>1</script>, '```']\n")
    return tmp_path


@pytest.fixture
def figures_of() -> Callable[[str], list[dict[str, Any]]]:
    """Unpacks the figures of a page."""

    def unpack(page: str) -> list[dict[str, Any]]:
        packed = re.search(r'<script type="text/plain" id="figures">([^<]*)</script>', page)
        assert packed is not None
        found: list[dict[str, Any]] = json.loads(zlib.decompress(base64.b64decode(packed[1])))
        return found

    return unpack
