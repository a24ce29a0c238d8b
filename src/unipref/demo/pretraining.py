"""Pretrains a small Llama, with a tokenizer of its own, on the built-in corpus.

Matrices are trained with Muon, embeddings and norms with AdamW; the rate falls linearly to nothing. The result is a
folder as transformers writes it, kept as long as corpus and settings stay the same.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.core.contracts import Settings
from unipref.models.loading import set_threads

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Progress = Callable[[str, int, int, dict[str, Any] | None], None]
"""Told of each step: what is done, how much of it, out of how much, and figures known so far."""

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
KEY = "pretraining.json"
"""Written last: a model folder that has it is complete."""
NO_LABEL = -100
"""A position that the loss leaves out."""

ANSWER = "Answer:"
"""What ends the question in a document that asks one."""


class Document(NamedTuple):
    """A document's token ids, bos and eos included, and how many of them are given rather than learned."""

    ids: list[int]
    given: int


Row = list[Document]
"""Documents that share a row."""


class Pretraining(Settings):
    """How the model is made."""

    vocabulary: int = 1024
    """Most tokens of the tokenizer, its 256 bytes included."""
    hidden: int = 128
    """Width of the model."""
    feed_forward: int = 344
    """Width inside the feed-forward layers."""
    layers: int = 4
    heads: int = 4
    context: int = 128
    """Longest sequence the model takes, in tokens."""
    steps: int = 800
    batch: int = 32
    """Rows per step."""
    length: int = 48
    """Tokens per row."""
    matrix_rate: float = 0.01
    """Peak learning rate of Muon."""
    other_rate: float = 0.005
    """Peak learning rate of AdamW."""
    seed: int = 3


def pretrain(corpus: Path, folder: Path, settings: Pretraining, progress: Progress) -> dict[str, Any]:
    """Trains tokenizer and model on a corpus and saves both; does nothing where that has been done.

    Args:
        corpus: JSON lines with `text`.
        folder: where the model goes; what is there is replaced unless it has the same key.
        settings: sizes, rates and steps.
        progress: told of each step.

    Returns:
        `key`, `loss` (nats per learned token, mean over the last fiftieth of the steps), `parameters` and `steps`.
    """
    key = _key(corpus, settings)
    done = _finished(folder, key)
    if done is not None:
        progress("pretraining", settings.steps, settings.steps, {"loss": done["loss"]})
        return done
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar for saving one file would bury the steps
    set_threads()
    texts = [str(json.loads(line)["text"]) for line in corpus.read_text(encoding="utf-8").splitlines()]
    tokenizer = train_tokenizer(texts, settings)
    model = new_model(tokenizer, settings)
    losses = list(_train(model, rows(texts, tokenizer, settings), settings, progress))
    last = losses[-max(1, len(losses) // 50) :]
    record = {
        "key": key,
        "loss": sum(last) / len(last),
        "parameters": model.num_parameters(),
        "steps": settings.steps,
    }
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    model.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    (aside / KEY).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return record


def _key(corpus: Path, settings: Pretraining) -> str:
    content = hashlib.sha256(corpus.read_bytes())
    content.update(settings.model_dump_json().encode())
    return content.hexdigest()


def _finished(folder: Path, key: str) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / KEY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == key else None


def train_tokenizer(texts: Iterable[str], settings: Pretraining) -> "PreTrainedTokenizerFast":
    """A byte-level BPE tokenizer: any text can be written in it, the corpus in few tokens."""
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
    """An untrained Llama of the settings' size, drawn from their seed."""
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


def rows(texts: Sequence[str], tokenizer: "PreTrainedTokenizerFast", settings: Pretraining) -> list[Row]:
    """Documents with bos and eos, as many whole ones as fit in a row; a document longer than a row is cut.

    Questions are given and only their answers are learned: a question is drawn at random, so nothing foretells it, and
    its loss would drown that of the few answer tokens.
    """
    heads = [f"{BOS}{head}{mark}" if mark else BOS for head, mark, _ in (text.partition(ANSWER) for text in texts)]
    given = tokenizer(heads, add_special_tokens=False)["input_ids"]
    whole = tokenizer([f"{BOS}{text}{EOS}" for text in texts], add_special_tokens=False)["input_ids"]
    packed: list[Row] = []
    room = 0
    for ids, head in zip(whole, given, strict=True):
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
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        yield loss.item()
        progress("pretraining", step + 1, settings.steps, {"loss": loss.item()})
    model.eval()


def _optimizers(model: "PreTrainedModel", settings: Pretraining) -> list["torch.optim.Optimizer"]:
    import torch

    # Embeddings are matrices in shape only: Muon would move rarely seen tokens as far as common ones.
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=settings.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(others, lr=settings.other_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def _batches(packed: list[Row], settings: Pretraining) -> Iterator[dict[str, "torch.Tensor"]]:
    """One batch per step, going through the rows in a new random order each time they have all been seen."""
    rng = random.Random(settings.seed)
    order: list[int] = []
    for _ in range(settings.steps):
        while len(order) < settings.batch:
            order += rng.sample(range(len(packed)), len(packed))
        chosen, order = order[: settings.batch], order[settings.batch :]
        yield collated([packed[index] for index in chosen], settings.length)


def collated(packed: Sequence[Row], length: int) -> dict[str, "torch.Tensor"]:
    """Rows as the model takes them: each document sees itself alone, and its positions start at 0.

    Returns:
        `input_ids`, `position_ids` and `labels` (n, length); `attention_mask` (n, 1, length, length), true where the
        position of the first index may look at that of the second.
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
