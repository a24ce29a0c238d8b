"""Leaks by meaning, with a sentence model that a test makes: what is removed, counted, listed and cached."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.clean_rows import counts, preference, removed, run
from unipref.clean import CleanSettings, MeaningSettings, SplitSettings
from unipref.core.errors import UserError
from unipref.models import sentence_model

ALL = SplitSettings(dev=0, test=0)
QUESTION = "Which of these rivers flows north?"
PARAPHRASE = "Name the river here that runs northwards."
TOPICS = (("river", "north"), ("who", "late"), ("capital", "france"))


class Model:
    """A sentence model that counts the words of topics: texts of one topic have a cosine of 1."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: list[str], **settings: Any) -> Any:
        self.encoded += texts
        vectors = [[float(all(word in text.lower() for word in topic)) for topic in TOPICS] + [1e-3] for text in texts]
        return np.array([np.array(v) / np.linalg.norm(v) for v in vectors])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setattr(sentence_model, "_load", lambda name, precision: made)
    monkeypatch.setattr(sentence_model.hub_models, "make_key", lambda name: f"hub:{name}@{'0' * 40}")
    return made


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    rows = [{"question": QUESTION}, {"question": "Who of the two people was late?"}, {"question": "yes"}]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"truth": tmp_path / "truth.jsonl"}


def clean(data: dict[str, Path], folder: Path, *prompts: Any, **settings: Any) -> dict[str, Any]:
    rows = [preference(f"{i}", prompt, f"g{i}") for i, prompt in enumerate(prompts)]
    chosen = CleanSettings(**{"benchmarks": "semantic", **settings})
    return run([*rows, preference("free", "A prompt of its own here", "free")], folder, ALL, chosen, data)


def test_the_same_in_other_words_is_removed_and_both_ways_are_counted(
    tmp_path: Path, data: dict[str, Path], model: Model
) -> None:
    talk = [{"role": r, "content": c} for r, c in (("user", "Hi."), ("assistant", "Hi."), ("user", PARAPHRASE))]
    result = clean(data, tmp_path / "a", QUESTION, PARAPHRASE, talk, "Who said that it is north?", "river north")
    assert counts(result)["removed"] == {"benchmark": 1, "benchmark_meaning": 2}
    assert result["benchmarks"] == {"truth": {"texts": 2, "found": 1, "by_meaning": 2}}
    assert [(row["id"], row["twin"]) for row in removed(tmp_path / "a")] == [
        (name, "truth/truth.jsonl:1") for name in "012"
    ]
    leaked = json.loads((tmp_path / "a/out/leaked_items.json").read_text())
    assert leaked == {"truth": {"words": [QUESTION.lower()], "meaning": [QUESTION.lower()]}}
    assert not (tmp_path / "a/out/.vectors").exists()


def test_without_the_setting_no_meaning_is_compared(tmp_path: Path, data: dict[str, Path], model: Model) -> None:
    for at, setting in enumerate((True, "words")):
        result = clean(data, tmp_path / str(at), QUESTION, PARAPHRASE, benchmarks=setting)
        assert counts(result)["removed"] == {"benchmark": 1}
        assert result["benchmarks"] == {"truth": {"texts": 2, "found": 1}}
    assert model.encoded == []


def test_the_threshold_decides(tmp_path: Path, data: dict[str, Path], model: Model) -> None:
    both = "Was the one who came late at the river north of here?"
    assert clean(data, tmp_path / "a", both)["removed"] == {}
    low = clean(data, tmp_path / "b", both, meaning=MeaningSettings(threshold=0.7))
    assert low["removed"] == {"benchmark_meaning": 1}


def test_nothing_leaked_writes_no_list(tmp_path: Path, data: dict[str, Path], model: Model) -> None:
    clean(data, tmp_path / "a", "Another question altogether, is it?")
    assert not (tmp_path / "a/out/leaked_items.json").exists()


def test_each_text_is_embedded_once(tmp_path: Path, data: dict[str, Path], model: Model) -> None:
    clean(data, tmp_path / "a", PARAPHRASE, PARAPHRASE.upper(), PARAPHRASE)
    assert sorted(model.encoded) == sorted({*model.encoded})
    assert PARAPHRASE.lower() in model.encoded


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"'clean.benchmarks: semantic' needs the package") as caught:
        CleanSettings(benchmarks="semantic").check()
    assert "unipref[embed]" in str(caught.value)
    CleanSettings().check()
