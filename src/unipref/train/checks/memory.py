"""Memory and disk that a training step needs, computed before it starts, and what the machine has free.

Exact: weights, gradients, optimiser states and frozen copies, from the model's shapes. Estimated: what the forward pass
keeps for the backward pass, after Korthikanti et al. 2022 (arXiv 2205.05198, 4.1), for attention that stores no score
matrix: 34 s b h bytes per layer in 16 bit, twice that in 32; with gradient checkpointing, 2 s b h for each layer and
one full layer; and the logits, twice.
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
WARN_ABOVE = 0.9
"""Share of the free memory or disk above which unipref warns."""


@dataclass(frozen=True)
class ModelShape:
    """A model's size, counted without loading its weights.

    Attributes:
        parameters, trained: number of all weights (an adapter's included), and of the trained ones.
        layers, hidden, vocabulary: number of layers, of hidden units and of tokens.
        new_head: weights that the saved model has besides, because its output head no longer shares the embedding's.
    """

    parameters: int
    trained: int
    layers: int
    hidden: int
    vocabulary: int
    new_head: int = 0


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of memory that one process needs.

    Attributes:
        weights: of the model; copies: of the frozen models beside it (reference, reward model).
        gradients, optimiser: of the trained weights.
        activations: what one forward pass keeps, estimated.
    """

    weights: int
    copies: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def exact(self) -> int:
        """Everything but the estimate."""
        return self.weights + self.copies + self.gradients + self.optimiser

    @property
    def total(self) -> int:
        """Everything, the estimate included."""
        return self.exact + self.activations

    def as_record(self) -> dict[str, int]:
        """The figures as the manifest records them."""
        return {**asdict(self), "total": self.total}


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
    layer = 34 * tokens * shape.hidden * computed // 2
    kept = shape.layers * layer
    if settings.get("gradient_checkpointing"):
        kept = layer + shape.layers * tokens * shape.hidden * computed
    return MemoryNeed(
        weights=round(frozen + shape.trained * width),
        copies=copies * shape.parameters * width,
        gradients=shape.trained * width,
        optimiser=round(shape.trained * width * states),
        activations=kept + 2 * 4 * tokens * shape.vocabulary,
    )


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
    return ModelShape(parameters, trained, text.num_hidden_layers, text.hidden_size, text.vocab_size, new_head)


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
            f"{format_bytes(needed.activations)} of it per batch), and {format_bytes(free)} are free: lower "
            "per_device_train_batch_size, or set gradient_checkpointing: true"
        ]
    return []


def compute_disk_need(shape: ModelShape, trainer: Any, width: int = 4) -> dict[str, int]:
    """Computes bytes on disk: `model`, which the step leaves; `working`, needed besides while the step runs."""
    whole = (shape.parameters + shape.new_head) * width
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
