"""Pretraining the built-in model, at sizes that take a second or two."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.demo import BenchmarkSizes, FeedbackSizes, World, build
from unipref.demo.pretraining import (
    BOS,
    EOS,
    NO_LABEL,
    RECORD_FILE,
    Document,
    Pretraining,
    collate,
    pack_rows,
    train_tokenizer,
)
from unipref.models.inference import generate
from unipref.models.loading import CHAT_TEMPLATE, load_policy

TINY = Pretraining(
    vocabulary=320, hidden=16, feed_forward=32, layers=1, heads=2, context=64, steps=4, batch=4, length=32
)
SMALL = World(
    documents=200,
    feedback=FeedbackSizes(pairs=4, multiple_choice=4, ratings=12, tree=4, thumbs=4),
    benchmarks=BenchmarkSizes(coreference={"test": 4}, instructions={"test": 27}),
    pretraining=TINY,
)


def test_the_tokenizer_writes_any_text_and_keeps_its_marks_apart() -> None:
    tokenizer = train_tokenizer(["The nurse called the guard. The nurse was lost."] * 3, TINY)
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    text = "Wörter — 標準 \t and a nurse ."
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    assert tokenizer.encode(f"{BOS} nurse{EOS}", add_special_tokens=False)[0] == tokenizer.bos_token_id


def test_rows_hold_whole_documents() -> None:
    tokenizer = train_tokenizer(["aa bb"] * 3, TINY)
    settings = TINY.model_copy(update={"length": 6})
    packed = pack_rows(["a", "b", "c", "abcdefgh"], tokenizer, settings)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    a, b, c = (tokenizer.encode(letter)[0] for letter in "abc")
    # Three tokens each: two documents fill a row of six. The last one is longer than a row and is cut.
    assert packed[:2] == [[([bos, a, eos], 1), ([bos, b, eos], 1)], [([bos, c, eos], 1)]]
    assert (len(packed), len(packed[2][0].ids), packed[2][0].ids[0]) == (3, 6, bos)


def test_only_answers_are_learned() -> None:
    text = "Question: Who?\n\nAnswer: The nurse."
    tokenizer = train_tokenizer([text] * 3, TINY)
    (((ids, given),),) = pack_rows([text], tokenizer, TINY)
    assert tokenizer.decode(ids[given:]) == f" The nurse.{EOS}"
    assert tokenizer.decode(ids[:given]) == f"{BOS}Question: Who?\n\nAnswer:"


def test_of_a_request_only_the_reply_is_learned() -> None:
    text = "Ann asked Ben: Say dog twice. Ben replied: dog dog"
    tokenizer = train_tokenizer([text] * 3, TINY)
    (((ids, given),),) = pack_rows([text], tokenizer, TINY)
    assert tokenizer.decode(ids[given:]) == f" dog dog{EOS}"


def test_muon_makes_steps_orthogonal() -> None:
    import torch

    from unipref.demo.muon import Muon, orthogonalize

    torch.manual_seed(0)
    made = orthogonalize(torch.randn(2, 24, 8))
    assert made.shape == (2, 24, 8)
    values = torch.linalg.svdvals(made)
    assert 0.6 < values.min() <= values.max() < 1.3
    matrix = torch.nn.Parameter(torch.zeros(8, 24))
    (matrix * torch.randn(8, 24)).sum().backward()
    Muon([matrix], lr=0.1).step()
    steps = torch.linalg.svdvals(matrix.detach())
    assert 0.06 < steps.min() <= steps.max() < 0.13


def test_muon_moves_as_torch_does() -> None:
    import torch

    from unipref.demo.muon import Muon

    torch.manual_seed(0)
    start, goal = torch.randn(16, 32), torch.randn(16, 32)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = [Muon([ours], lr=0.02), torch.optim.Muon([theirs], lr=0.02, weight_decay=0.0)]
    for _ in range(5):
        for matrix, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            ((matrix - goal) ** 2).sum().backward()
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=0.01)  # theirs is rounded to bfloat16
    assert not torch.allclose(ours, start, atol=0.01)


def test_each_document_of_a_row_attends_only_to_itself() -> None:
    batch = collate([[Document([1, 7, 2], 1), Document([1, 8], 1)]], length=6)
    assert batch["input_ids"].tolist() == [[1, 7, 2, 1, 8, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0]]
    assert batch["labels"].tolist() == [[NO_LABEL, 7, 2, NO_LABEL, 8, NO_LABEL]]
    assert batch["attention_mask"].int().tolist() == [
        [
            [
                [1, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0],
                [0, 0, 0, 1, 0, 0],
                [0, 0, 0, 1, 1, 0],
                [0, 0, 0, 0, 0, 1],
            ]
        ]
    ]


@pytest.mark.slow
def test_the_model_is_made_once_and_again_when_settings_change(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def progress(label: str, done: int, total: int, figures: dict[str, Any] | None) -> None:
        told.append((done, total))

    study = build(tmp_path, progress, SMALL)
    assert study == tmp_path / "study.yaml"
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    record = json.loads((tmp_path / "model" / RECORD_FILE).read_text())
    assert record["steps"] == 4
    assert 3 < record["loss"] < 7  # about ln 320 = 5.8 nats for a model that knows next to nothing
    weights = (tmp_path / "model" / "model.safetensors").read_bytes()

    policy = load_policy(str(tmp_path / "model"))
    assert policy.context == 64
    assert (policy.own_template, policy.tokenizer.chat_template) == (False, CHAT_TEMPLATE)
    assert len(generate(policy, [policy.prompt_text([{"role": "user", "content": "Who?"}])], 3)) == 1

    told.clear()
    build(tmp_path, progress, SMALL)
    assert told == [(4, 4)]

    (tmp_path / "model" / RECORD_FILE).unlink()
    build(tmp_path, progress, SMALL)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights

    told.clear()
    build(tmp_path, progress, SMALL.model_copy(update={"pretraining": TINY.model_copy(update={"steps": 2})}))
    assert told == [(1, 2), (2, 2)]
