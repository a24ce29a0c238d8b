"""Memory and disk that a training step needs, computed before it starts, and what the machine has free.

Exact: weights, gradients, optimiser states and frozen copies, from the model's shapes. Estimated, as numbers that are
held at once:

- what the forward pass keeps for the backward pass, per token and layer, for attention that stores no score matrix:
  10 h (the inputs of both norms, what they make of them, queries, keys, values, the attention's output) and 4 i (of the
  feed-forward layer of width i). An adapter with dropout keeps 2 (6 h + i) more: the inputs of all linear layers with
  some numbers left out, and which. With gradient checkpointing, h for each layer and all of one layer.
- the logits: TRL computes them in tiles of at most 4096 tokens and 32768 entries of the vocabulary, in float32.
- Python and the libraries, on a CPU.

Gradients and activations are not counted twice: the gradients grow while the activations are freed, unless they are
accumulated over several batches.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unipref.core import free_memory
from unipref.core.display import format_bytes
from unipref.core.errors import ResourceError, UserError
from unipref.models import opening
from unipref.train.checks.adapter import add_adapter, check_merge, count_new_head

BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "bfloat16": 2}
OPTIMISER_STATES = {"adam": 2.0, "8bit": 0.5, "4bit": 0.25, "adafactor": 0.0, "sgd": 0.0, "lion": 1.0}
"""Optimiser states per trained weight, in weights, by part of the optimiser's name; Adam's two if it is unknown."""
KEPT_HIDDEN, KEPT_WIDE = 10, 4
"""Numbers that a layer keeps per token, in hidden units and in units of its feed-forward layer."""
DROPPED_HIDDEN, DROPPED_WIDE = 12, 2
"""The same, that an adapter with dropout keeps besides."""
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""The largest tile of logits in TRL's fused output head."""
TILE_COPIES, FUSED_COPIES = 9, 1
"""Float32 arrays of a tile that the backward pass holds at once: with torch's operations, and with Triton on a GPU."""
LIBRARIES = 450_000_000
"""Bytes of Python, torch, transformers, TRL and peft in memory, as measured on a CPU."""
WARN_ABOVE = 0.9
"""Share of the free memory or disk above which unipref warns."""


@dataclass(frozen=True)
class ModelShape:
    """A model's size, counted without loading its weights.

    Attributes:
        parameters, trained: number of all weights (an adapter's included), and of the trained ones.
        layers, hidden, wide, vocabulary: number of layers, of hidden units, of units of the feed-forward layer that a
            token uses, and of tokens.
        saved_width: bytes of a weight in the folder that the step starts from.
        drops: whether an adapter has dropout.
        new_head: weights that the saved model has besides, because its output head no longer shares the embedding's.
    """

    parameters: int
    trained: int
    layers: int
    hidden: int
    wide: int
    vocabulary: int
    new_head: int = 0
    saved_width: int = 4
    drops: bool = False


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of memory that one process needs.

    Attributes:
        weights: of the model; copies: of the frozen models beside it (reference, reward model).
        gradients, optimiser: of the trained weights.
        activations: what one forward pass keeps, estimated; logits: the tile of logits, estimated.
        libraries: Python and its libraries, as measured.
        accumulates: whether gradients of several batches are summed, so that they stay beside the activations.
    """

    weights: int
    copies: int
    gradients: int
    optimiser: int
    activations: int
    logits: int = 0
    libraries: int = 0
    accumulates: bool = False

    @property
    def batch(self) -> int:
        """The estimate of what a batch needs."""
        return self.activations + self.logits

    @property
    def exact(self) -> int:
        """What a step needs at least besides the libraries."""
        return self.weights + self.copies + self.gradients + self.optimiser

    @property
    def total(self) -> int:
        """The most that is held at once, the estimates included."""
        held = self.weights + self.copies + self.optimiser + self.libraries
        return held + (self.gradients + self.batch if self.accumulates else max(self.gradients, self.batch))

    def as_record(self) -> dict[str, int]:
        """The figures as the manifest records them."""
        return {name: value for name, value in asdict(self).items() if name != "accumulates"} | {"total": self.total}


def compute_memory_need(
    shape: ModelShape, settings: Mapping[str, Any], tokens: int, copies: int, quantised: bool = False
) -> MemoryNeed:
    """Computes the memory that a step needs.

    Args:
        shape: the model's size.
        settings: TRL's settings, by TRL's names, including those that depend on the machine.
        tokens: most tokens in one forward pass: sequences times the longest.
        copies: number of frozen models held beside the trained one.
        quantised: whether the frozen weights are held in 4 bit.
    """
    width = BYTES_PER_WEIGHT.get(str((settings.get("model_init_kwargs") or {}).get("dtype", "float32")), 4)
    frozen = (shape.parameters - shape.trained) * (0.5 if quantised else width)
    optimiser = str(getattr(settings.get("optim"), "value", settings.get("optim") or "adam")).lower()
    shares = [share for name, share in OPTIMISER_STATES.items() if name in optimiser and name not in ("adam",)]
    states = min(shares) if shares else OPTIMISER_STATES["adam"]
    computed = 2 if settings.get("bf16") or settings.get("fp16") else width
    hidden, wide = KEPT_HIDDEN + shape.drops * DROPPED_HIDDEN, KEPT_WIDE + shape.drops * DROPPED_WIDE
    layer = tokens * (hidden * shape.hidden + wide * shape.wide) * computed
    kept = shape.layers * layer
    if settings.get("gradient_checkpointing"):
        kept = layer + shape.layers * tokens * shape.hidden * computed
    return MemoryNeed(
        weights=round(frozen + shape.trained * width),
        copies=copies * shape.parameters * width,
        gradients=shape.trained * width,
        optimiser=round(shape.trained * width * states),
        activations=kept,
        logits=_count_logits(shape, tokens, on_cpu=bool(settings.get("use_cpu"))),
        libraries=LIBRARIES if settings.get("use_cpu") else 0,
        accumulates=int(settings.get("gradient_accumulation_steps") or 1) > 1,
    )


def _count_logits(shape: ModelShape, tokens: int, on_cpu: bool) -> int:
    """Counts the bytes of the tile of logits, and of the head's gradient that is summed beside it."""
    if not shape.vocabulary:
        return 0
    tile = min(tokens, TILE_TOKENS) * (min(shape.vocabulary, TILE_VOCABULARY) if on_cpu else TILE_VOCABULARY)
    head = shape.vocabulary * shape.hidden if shape.trained > shape.vocabulary * shape.hidden else 0
    return 4 * (tile * (TILE_COPIES if on_cpu else FUSED_COPIES) + head)


def measure_shape(model: str, trainer: Any) -> ModelShape:
    """Counts the weights of a model with the trainer's adapter, without memory for them.

    Raises:
        UserError: the adapter fits none of the model's layers.
    """
    import torch

    from unipref.models.loading import base_model

    name = base_model(model)
    config = opening.open_config(name)
    if trainer.model_kind == "reward":
        config.num_labels = 1
    empty = opening.open_empty_model(config, "reward" if trainer.model_kind == "reward" else "causal", name)
    trained = parameters = sum(weight.numel() for weight in empty.parameters())
    new_head = 0
    if trainer.lora is not None:
        with torch.device("meta"):
            empty = add_adapter(empty, trainer)
        parameters = sum(weight.numel() for weight in empty.parameters())
        trained = sum(weight.numel() for weight in empty.parameters() if weight.requires_grad)
        if trainer.merge_adapter:
            new_head = count_new_head(empty)
            check_merge(empty)
    text = config.get_text_config()
    vocabulary = 0 if trainer.model_kind == "reward" else text.vocab_size
    layers, hidden = text.num_hidden_layers, text.hidden_size
    drops = trainer.lora is not None and trainer.lora.lora_dropout > 0
    sizes = (layers, hidden, _find_width(text), vocabulary, new_head, _find_bytes(config))
    return ModelShape(parameters, trained, *sizes, drops=drops)


def _find_bytes(config: Any) -> int:
    """The bytes of a weight of a saved model."""
    dtype = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return BYTES_PER_WEIGHT.get(str(dtype).removeprefix("torch."), 4)


def _find_width(config: Any) -> int:
    """The units of the feed-forward layer that a token uses; of a mixture of experts, those of the experts it takes."""
    wide = getattr(config, "moe_intermediate_size", None) or getattr(config, "intermediate_size", None)
    experts = getattr(config, "num_experts_per_tok", None) or 1
    # GPT-2 and its relatives name no width, or call it otherwise; it is four times the hidden one.
    return int(wide * experts) if isinstance(wide, int) else 4 * int(config.hidden_size)


def measure_free_memory(cpu: bool) -> tuple[int, str]:
    """Measures the free memory that a step can use.

    Args:
        cpu: whether the step must not use an accelerator.

    Returns:
        Free bytes, and the kind: 'GPU memory' or 'memory' (of this machine or container).
    """
    import torch

    if torch.cuda.is_available() and not cpu:
        return int(torch.cuda.mem_get_info()[0]), "GPU memory"
    return free_memory.measure(), "memory"


def describe_machine() -> dict[str, Any]:
    """What decides whether a step fits: checks that passed on another machine run again here."""
    import psutil
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"memory": round(psutil.virtual_memory().total / 2**30), "gpu": gpu}


def check_memory(needed: MemoryNeed, free: int, of: str, processes: int) -> list[str]:
    """Checks that a step's memory fits, and returns warnings.

    Args:
        needed: what one process needs.
        free: free bytes.
        of: the kind of memory, for messages.
        processes: number of processes that share it: those on one CPU do, those on GPUs do not.

    Raises:
        UserError: weights, gradients and optimiser alone do not fit.
    """
    mend = (
        "Train with lora, with an optimiser of fewer states (optim: adafactor), on a smaller model, or on a machine "
        "with more memory."
    )
    if needed.exact * processes > free:
        raise UserError(
            f"weights, gradients and optimiser need {format_bytes(needed.exact * processes)} of {of}, but only "
            f"{format_bytes(free)} are free.",
            mend=mend,
        )
    if needed.total * processes > WARN_ABOVE * free:
        return [
            f"the step needs about {format_bytes(needed.total * processes)} of {of} (an estimated "
            f"{format_bytes(needed.batch)} of it per batch), and {format_bytes(free)} are free: lower "
            "per_device_train_batch_size, or set gradient_checkpointing: true"
        ]
    return []


def compute_disk_need(shape: ModelShape, trainer: Any, width: int = 4) -> dict[str, int]:
    """Computes bytes on disk: `model`, which the step leaves; `working`, needed besides while the step runs."""
    saved = BYTES_PER_WEIGHT.get(trainer.saved_dtype, shape.saved_width)
    whole = (shape.parameters + shape.new_head) * saved
    adapter = shape.trained * width if trainer.lora is not None else 0
    model = (whole + adapter if trainer.merge_adapter else adapter) if trainer.lora is not None else whole
    # A checkpoint holds the trained weights and Adam's two states. While one is being written, `keep` others exist.
    checkpoint_size = 3 * shape.trained * width
    working = (trainer.checkpoints_kept + 1) * checkpoint_size if trainer.checkpoints_kept else 0
    return {"model": model, "working": working}


def check_disk(needs: Sequence[Mapping[str, int]], folder: Path) -> list[str]:
    """Checks that the disk has room for the steps that a run has to train, and returns warnings.

    Args:
        needs: the need of each of these steps, as `compute_disk_need` returns it.
        folder: where the models will be; checkpoints already there count as those of a step that is resumed.

    Raises:
        ResourceError: they do not fit.
    """
    checkpoints = folder.rglob(".*.checkpoints/**/*") if folder.is_dir() else ()
    written = sum(path.stat().st_size for path in checkpoints if path.is_file())
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if not needs:
        return []
    models = sum(need["model"] for need in needs)
    working = max(0, max((need["working"] for need in needs), default=0) - written)
    if models + working > free:
        raise ResourceError(
            f"the models of {len(needs)} training steps need {format_bytes(models)} of disk and the checkpoints of one "
            f"step {format_bytes(working)}, but only {format_bytes(free)} are free.",
            where=str(folder),
            mend="Make room, give another folder with -o, keep fewer checkpoints (checkpoint.keep), or train with "
            "lora and merge_adapter: false.",
        )
    if models + working > WARN_ABOVE * free:
        return [f"the run needs {format_bytes(models + working)} of the {format_bytes(free)} that are free on the disk"]
    return []
