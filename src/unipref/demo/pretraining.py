"""Pretrains a small Llama, with its own tokenizer, on the built-in corpus.

Matrices are trained with Muon, embeddings and norms with AdamW; the learning rate decays linearly to 0. The result is a
transformers model folder, kept while corpus and settings stay the same.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.core.attempts import replace_folder
from unipref.core.contracts import Settings
from unipref.models.loading import set_threads

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Progress = Callable[[str, int, int, dict[str, Any] | None], None]
"""Called after each step: (label, steps done, total steps, metrics so far or None)."""

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
RECORD_FILE = "pretraining.json"
"""Written last: a model folder with this file is complete."""
NO_LABEL = -100
"""Label of a position that the loss ignores."""

QUESTION_END = re.compile(r"Answer:|replied:")
"""The text that ends the question in a document with a question."""


class Document(NamedTuple):
    """A document's token ids, including bos and eos, and how many at its start are not learned."""

    ids: list[int]
    given: int


Row = list[Document]
"""The documents of one row."""


class Pretraining(Settings):
    """Size and training of the model."""

    vocabulary: int = 3072
    """Maximum size of the vocabulary, including the 256 bytes."""
    hidden: int = 128
    """Width of the model."""
    feed_forward: int = 344
    """Width inside the feed-forward layers."""
    layers: int = 4
    heads: int = 4
    context: int = 128
    """Maximum sequence length of the model, in tokens."""
    steps: int = 1600
    batch: int = 12
    """Rows per step."""
    length: int = 128
    """Tokens per row."""
    matrix_rate: float = 0.01
    """Peak learning rate of Muon."""
    other_rate: float = 0.005
    """Peak learning rate of AdamW."""
    seed: int = 3


def pretrain(corpus: Path, folder: Path, settings: Pretraining, progress: Progress) -> dict[str, Any]:
    """Trains tokenizer and model on a corpus and saves both; does nothing if a finished model exists.

    Args:
        corpus: JSON lines with `text`.
        folder: model folder; existing content is replaced unless it has the same key.
        settings: sizes, rates and steps.
        progress: called after each step.

    Returns:
        `key`, `loss` (nats per learned token, mean over the last fiftieth of the steps), `parameters` and `steps`.
    """
    key = _key(corpus, settings)
    finished = _finished_record(folder, key)
    if finished is not None:
        progress("pretraining", settings.steps, settings.steps, {"loss": finished["loss"]})
        return finished
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar for saving one file would hide the steps
    set_threads()
    texts = [str(json.loads(line)["text"]) for line in corpus.read_text(encoding="utf-8").splitlines()]
    tokenizer = train_tokenizer(texts, settings)
    model = new_model(tokenizer, settings)
    losses = list(_train(model, pack_rows(texts, tokenizer, settings), settings, progress))
    last = losses[-max(1, len(losses) // 50) :]
    record = {
        "key": key,
        "loss": sum(last) / len(last),
        "parameters": model.num_parameters(),
        "steps": settings.steps,
    }
    with replace_folder(folder) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return record


def _key(corpus: Path, settings: Pretraining) -> str:
    content = hashlib.sha256(corpus.read_bytes())
    content.update(settings.model_dump_json().encode())
    return content.hexdigest()


def _finished_record(folder: Path, key: str) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == key else None


def train_tokenizer(texts: Iterable[str], settings: Pretraining) -> "PreTrainedTokenizerFast":
    """Trains a byte-level BPE tokenizer: it can encode any text, and the corpus in few tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=settings.context,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: "PreTrainedTokenizerFast", settings: Pretraining) -> "PreTrainedModel":
    """An untrained Llama of the settings' size, initialised from their seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def pack_rows(texts: Sequence[str], tokenizer: "PreTrainedTokenizerFast", settings: Pretraining) -> list[Row]:
    """Packs documents with bos and eos into rows, as many whole ones as fit; a document longer than a row is cut.

    Only answers are learned, not questions: a question is random and cannot be predicted, and its loss would dominate
    that of the few answer tokens.
    """
    ends = [match.end() if (match := QUESTION_END.search(text)) else 0 for text in texts]
    head_texts = [f"{BOS}{text[:end]}" for text, end in zip(texts, ends, strict=True)]
    head_ids = tokenizer(head_texts, add_special_tokens=False)["input_ids"]
    all_ids = tokenizer([f"{BOS}{text}{EOS}" for text in texts], add_special_tokens=False)["input_ids"]
    packed: list[Row] = []
    room = 0
    for ids, head in zip(all_ids, head_ids, strict=True):
        if len(ids) > room:
            packed.append([])
            room = settings.length
        packed[-1].append(Document(ids[:room], min(len(head), room)))
        room -= len(packed[-1][-1].ids)
    return packed


def _train(model: "PreTrainedModel", packed: list[Row], settings: Pretraining, progress: Progress) -> Iterator[float]:
    """The loss of each step, in nats per learned token."""
    import torch

    optimizers = _optimizers(model, settings)
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 - step / settings.steps) for o in optimizers]
    model.train()
    for step, batch in enumerate(_batches(packed, settings)):
        loss = _compute_loss(model, **batch)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        yield loss.item()
        progress("pretraining", step + 1, settings.steps, {"loss": loss.item()})
    model.eval()


def _compute_loss(model: "PreTrainedModel", labels: "torch.Tensor", **inputs: "torch.Tensor") -> "torch.Tensor":
    """Computes the mean loss per learned token. Only their logits are computed: they are a third of all positions."""
    import torch

    hidden = model.base_model(**inputs, use_cache=False).last_hidden_state[:, :-1]
    is_learned = labels[:, 1:] != NO_LABEL
    logits = model.get_output_embeddings()(hidden[is_learned])
    return torch.nn.functional.cross_entropy(logits, labels[:, 1:][is_learned])


def _optimizers(model: "PreTrainedModel", settings: Pretraining) -> list["torch.optim.Optimizer"]:
    import torch

    from unipref.demo.muon import Muon

    # Embeddings are excluded from Muon, because it would update rare tokens as much as common ones.
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        Muon(matrices, lr=settings.matrix_rate),
        torch.optim.AdamW(others, lr=settings.other_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def _batches(packed: list[Row], settings: Pretraining) -> Iterator[dict[str, "torch.Tensor"]]:
    """Yields one batch per step; the rows get a new random order after each epoch."""
    rng = random.Random(settings.seed)
    order: list[int] = []
    for _ in range(settings.steps):
        while len(order) < settings.batch:
            order += rng.sample(range(len(packed)), len(packed))
        chosen, order = order[: settings.batch], order[settings.batch :]
        yield collate([packed[index] for index in chosen], settings.length)


def collate(packed: Sequence[Row], length: int) -> dict[str, "torch.Tensor"]:
    """Collates rows for the model: each document attends only to itself, and its positions start at 0.

    Returns:
        `input_ids`, `position_ids` and `labels` (n, length); `attention_mask` (n, 1, length, length), true where the
        position of the third axis may attend to that of the fourth.
    """
    import torch

    ids, positions, documents = (torch.zeros((len(packed), length), dtype=torch.long) for _ in range(3))
    labels = torch.full_like(ids, NO_LABEL)
    for row, parts in enumerate(packed):
        start = 0
        for number, document in enumerate(parts, start=1):
            end = start + len(document.ids)
            ids[row, start:end] = torch.tensor(document.ids)
            labels[row, start + document.given : end] = ids[row, start + document.given : end]
            positions[row, start:end] = torch.arange(len(document.ids))
            documents[row, start:end] = number
            start = end
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return {"input_ids": ids, "position_ids": positions, "labels": labels, "attention_mask": same.tril()}
