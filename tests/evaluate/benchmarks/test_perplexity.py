"""Perplexity: windows, figures from their formulas and of a uniform model, the data it reads, bad input."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unipref.core.chat_models import Policy
from unipref.core.errors import UserError
from unipref.core.records import Reject
from unipref.core.scores import Finding
from unipref.evaluate.benchmarks.perplexity import Perplexity, split_into_windows
from unipref.evaluate.readers.documents import Document, read_documents
from unipref.models.inference import encode, opening_ids
from unipref.models.loading import load_policy

TEXTS = ["The nurse was late.", "Question: who was it? " * 12, "été"]


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


def write(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def values(finding: Finding, part: str = "all") -> dict[str, float]:
    return {score.metric: score.value for score in finding.scores if score.slice == part}


def test_windows_predict_each_token_once() -> None:
    # 1 before, 7 tokens, windows of 4, stride 2: 3 new ones in the first, then 2 after 2, then 2 after 2.
    assert split_into_windows([0], [1, 2, 3, 4, 5, 6, 7], 4, 2) == [
        ([0], [1, 2, 3]),
        ([2, 3], [4, 5]),
        ([4, 5], [6, 7]),
    ]
    # The last window is filled from the left.
    assert split_into_windows([0], [1, 2, 3, 4], 4, 2) == [([0], [1, 2, 3]), ([1, 2, 3], [4])]
    assert split_into_windows([0], [1, 2], 4, 2) == [([0], [1, 2])]
    assert split_into_windows([], [1, 2], 4, 2) == [([], [1, 2])]


@pytest.mark.parametrize(("n", "window", "stride"), [(50, 9, 4), (50, 9, 8), (50, 9, 1), (9, 9, 3), (10, 9, 3)])
def test_no_window_is_too_long_and_nothing_is_lost(n: int, window: int, stride: int) -> None:
    requests = split_into_windows([0], list(range(1, n + 1)), window, stride)
    assert [i for _, new in requests for i in new] == list(range(1, n + 1))
    assert all(len(before) + len(new) <= window for before, new in requests)
    assert all(before[-1] + 1 == new[0] for before, new in requests)
    assert all(len(before) >= window - stride for before, _ in requests[1:])


def naive(policy: Policy, text: str, window: int, stride: int) -> float:
    """Nats of a text, one token at a time, each after what its window holds before it."""
    whole = [*opening_ids(policy), *encode(policy, text)]
    total = 0.0
    for at in range(1, len(whole)):
        end = window
        while end <= at:
            end += stride
        start = max(0, min(end, len(whole)) - window)
        with torch.inference_mode():
            logits = policy.model(torch.tensor([whole[start:at]])).logits[0, -1].double()
        total -= float(torch.log_softmax(logits, dim=-1)[whole[at]])
    return total


def test_figures_are_those_of_their_formulas(policy: Policy, tmp_path: Path) -> None:
    data = write(tmp_path / "held.jsonl", [{"text": text} for text in TEXTS])
    finding = Perplexity(window=24, stride=7, batch_size=2).measure(policy, data, "test")
    nats = [naive(policy, text, 24, 7) for text in TEXTS]
    tokens = [len(encode(policy, text)) for text in TEXTS]
    assert [row["nats"] for row in finding.examples] == pytest.approx(nats, rel=1e-4)
    assert [row["tokens"] for row in finding.examples] == tokens
    # The nurse was late. | 22 characters, 12 times | two letters of two bytes and one of one
    assert [row["bytes"] for row in finding.examples] == [19, 264, 5]
    scores = values(finding)
    assert scores["nats_per_token"] == pytest.approx(sum(nats) / sum(tokens), rel=1e-4)
    assert scores["perplexity"] == pytest.approx(math.exp(sum(nats) / sum(tokens)), rel=1e-3)
    assert scores["bits_per_byte"] == pytest.approx(sum(nats) / math.log(2) / 288, rel=1e-4)
    assert {(s.direction, s.unit, s.n, s.chance) for s in finding.scores} == {("lower", "documents", 3, None)}
    assert finding.notes == ["windows of 24 tokens, stride 7."]
    again = [statistic.score() for statistic in Perplexity.statistics(json.loads(json.dumps(finding.examples)))]
    assert again == finding.scores


def test_a_uniform_model_is_as_perplexed_as_its_vocabulary_is_large(policy: Policy, tmp_path: Path) -> None:
    flat = copy.deepcopy(policy)
    with torch.no_grad():
        for parameter in flat.model.parameters():
            parameter.zero_()
    data = write(tmp_path / "held.jsonl", [{"text": text} for text in TEXTS])
    finding = Perplexity(window=16).measure(flat, data, "test")
    size = int(flat.model.config.vocab_size)
    scores = values(finding)
    assert scores["nats_per_token"] == pytest.approx(math.log(size), rel=1e-6)
    assert scores["perplexity"] == pytest.approx(size, rel=1e-5)
    tokens = sum(len(encode(policy, text)) for text in TEXTS)
    assert scores["bits_per_byte"] == pytest.approx(tokens * math.log2(size) / 288, rel=1e-6)


def test_a_document_longer_than_the_context_is_read_to_its_end(policy: Policy, tmp_path: Path) -> None:
    data = write(tmp_path / "held.jsonl", [{"text": TEXTS[1] * 20}])
    finding = Perplexity().measure(policy, data, "test")
    assert finding.notes == ["windows of 256 tokens, stride 128."]
    assert finding.examples[0]["tokens"] == len(encode(policy, TEXTS[1] * 20)) > 512
    assert math.isfinite(finding.examples[0]["nats"])


def test_a_text_file_is_a_document_and_a_folder_of_them_many(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("One.\nTwo.\n", encoding="utf-8")
    (tmp_path / "b/c.txt").write_text("\ufeffThree.", encoding="utf-8")
    assert list(read_documents(tmp_path / "a.txt", "text")) == [Document("a.txt", "a.txt", "One.\nTwo.\n")]
    assert [(d.file, d.text) for d in read_documents(tmp_path, "text") if isinstance(d, Document)] == [
        ("a.txt", "One.\nTwo.\n"),
        ("b/c.txt", "Three."),
    ]
    finding = Perplexity().measure(policy, tmp_path, "test")
    assert set(values(finding, "file:b/c.txt")) == {"nats_per_token", "perplexity", "bits_per_byte"}
    # Where there are data files, a .txt beside them may be a licence.
    write(tmp_path / "d.jsonl", [{"text": "Four."}])
    assert [d.id for d in read_documents(tmp_path, "text") if isinstance(d, Document)] == ["d.jsonl:1"]


def test_a_path_finds_texts_at_any_depth(tmp_path: Path) -> None:
    rows = [{"g": {"x": ["One.", "Two."], "y": ["Three."]}, "a.b": "Four.", "n": 3}]
    path = write(tmp_path / "d.json", rows)

    def texts(where: str) -> list[str]:
        return [found.text if isinstance(found, Document) else "-" for found in read_documents(path, where)]

    assert texts("g.*.*") == ["One.", "Two.", "Three."]
    assert texts("g.x.*") == ["One.", "Two."]
    assert texts("a.b") == ["Four."]
    assert texts("n") == texts("g.x") == texts("g.z.*") == ["-"]
    assert [found.id for found in read_documents(path, "g.*.*") if isinstance(found, Document)] == [
        "d.json:1.1",
        "d.json:1.2",
        "d.json:1.3",
    ]


def test_what_is_not_used_is_counted(policy: Policy, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", [{"text": "One."}, {"text": " "}, {"other": 1}, {"text": "Two."}])
    with data.open("a", encoding="utf-8") as file:
        file.write("{no json\n")
    finding = Perplexity(limit=1).measure(policy, data, "test")
    assert [row["id"] for row in finding.examples] == ["d.jsonl:1"]
    assert finding.notes[1:] == [
        "only 1 of 2 documents were sampled (limit: 1).",
        "1 documents skipped: they are empty.",
        "2 rows skipped: they cannot be read, or have no text at 'text'.",
    ]
    assert isinstance(list(read_documents(data, "text"))[-1], Reject)


def test_unknown_tokens_are_reported(policy: Policy, tmp_path: Path) -> None:
    known = copy.copy(policy)
    known.tokenizer = copy.deepcopy(policy.tokenizer)
    known.tokenizer.unk_token = known.tokenizer.convert_ids_to_tokens(encode(policy, "z")[0])
    data = write(tmp_path / "d.jsonl", [{"text": "zz"}])
    note = Perplexity().measure(known, data, "test").notes[-1]
    assert note == ("2 of 2 tokens are unknown to the tokenizer: bits_per_byte is too low for this model.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 300}, "a window of 300 tokens is longer than the model's context of 256"),
        ({"window": 8, "stride": 8}, "a stride of 8 tokens leaves no tokens to predict from"),
        ({"text": "txt"}, "no row has text at 'txt'; the first row has: text"),
    ],
)
def test_invalid_settings_are_reported(settings: dict[str, Any], message: str, policy: Policy, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", [{"text": "One."}])
    with pytest.raises(UserError, match=message):
        Perplexity(**settings).measure(policy, data, "test")


def test_data_that_cannot_be_read_are_reported(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text"):
        Perplexity().measure(policy, tmp_path / "a.txt", "test")
    (tmp_path / "a.md").write_text("One.", encoding="utf-8")
    with pytest.raises(UserError, match="an unknown ending"):
        Perplexity().measure(policy, tmp_path / "a.md", "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no data file"):
        Perplexity().measure(policy, tmp_path / "empty", "test")
    (tmp_path / "b.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match="no row has text"):
        Perplexity().measure(policy, tmp_path / "b.txt", "test")


@pytest.mark.shared
def test_prompts_of_bold_are_documents(shared: Path) -> None:
    found = list(read_documents(shared / "data/eval/bold", "*.*.*"))
    assert len(found) == sum(
        len(prompts)
        for file in (shared / "data/eval/bold").glob("*.json")
        for entities in json.loads(file.read_text(encoding="utf-8")).values()
        for prompts in entities.values()
    )
    assert np.all([isinstance(one, Document) for one in found])
