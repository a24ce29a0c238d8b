"""What a step takes of memory and disk, before it starts, and what there is.

Counted exactly: weights, gradients, optimiser states and frozen copies, from the model's shapes. Estimated: what the
forward pass keeps for the backward one, after Korthikanti et al. 2022 (arXiv 2205.05198, 4.1) for attention that keeps
no matrix of scores: 34 s b h bytes per layer in 16 bit, twice that in 32; with gradient checkpointing 2 s b h for each
layer and one layer whole; and the logits, twice.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unipref.core.display import format_bytes
from unipref.core.errors import UserError

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
STATES = {"adam": 2.0, "8bit": 0.5, "4bit": 0.25, "adafactor": 0.0, "sgd": 0.0, "lion": 1.0}
"""Optimiser states for each trained weight, in weights, by a part of the optimiser's name; Adam's two where unknown."""
TIGHT = 0.9
"""Share of the free memory or disk above which a run is warned."""
CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""


@dataclass(frozen=True)
class Shape:
    """A model's size, as counted without loading its weights.

    Attributes:
        parameters, trained: all weights (with an adapter: its own too), and those that are trained.
        layers, hidden, vocabulary: numbers of layers, of hidden units and of tokens.
    """

    parameters: int
    trained: int
    layers: int
    hidden: int
    vocabulary: int


@dataclass(frozen=True)
class Need:
    """Bytes of memory that one process needs.

    Attributes:
        weights: of the model; copies: of frozen models beside it (the reference, the reward model).
        gradients, optimiser: of the trained weights.
        activations: the estimate of what one forward pass keeps.
    """

    weights: int
    copies: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def certain(self) -> int:
        """All but the estimate."""
        return self.weights + self.copies + self.gradients + self.optimiser

    @property
    def total(self) -> int:
        """All of it."""
        return self.certain + self.activations

    def rows(self) -> dict[str, int]:
        """The figures as they are recorded."""
        return {**asdict(self), "total": self.total}


def need(shape: Shape, settings: Mapping[str, Any], tokens: int, copies: int, quantised: bool = False) -> Need:
    """What a step takes of memory.

    Args:
        shape: the model's size.
        settings: TRL's, by its names, with those that depend on the machine.
        tokens: most tokens in one forward pass: sequences times the longest.
        copies: frozen models held beside the trained one.
        quantised: the frozen weights are held in 4 bit.
    """
    width = BYTES.get(str((settings.get("model_init_kwargs") or {}).get("dtype", "float32")), 4)
    frozen = (shape.parameters - shape.trained) * (0.5 if quantised else width)
    optimiser = str(getattr(settings.get("optim"), "value", settings.get("optim") or "adam")).lower()
    found = [share for name, share in STATES.items() if name in optimiser and name not in ("adam",)]
    states = min(found) if found else STATES["adam"]
    computed = 2 if settings.get("bf16") or settings.get("fp16") else width
    layer = 34 * tokens * shape.hidden * computed // 2
    kept = shape.layers * layer
    if settings.get("gradient_checkpointing"):
        kept = layer + shape.layers * tokens * shape.hidden * computed
    return Need(
        weights=round(frozen + shape.trained * width),
        copies=copies * shape.parameters * width,
        gradients=shape.trained * width,
        optimiser=round(shape.trained * width * states),
        activations=kept + 2 * 4 * tokens * shape.vocabulary,
    )


def shape_of(model: str, trainer: Any) -> Shape:
    """A model's size with the trainer's adapter, counted without memory for its weights.

    Raises:
        UserError: the adapter fits none of the model's layers.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    from unipref.models.loading import base_model

    config = AutoConfig.from_pretrained(base_model(model))
    kind = AutoModelForSequenceClassification if trainer.makes == "reward" else AutoModelForCausalLM
    if trainer.makes == "reward":
        config.num_labels = 1
    with torch.device("meta"):
        empty = kind.from_config(config)
        trained = parameters = sum(weight.numel() for weight in empty.parameters())
        if trainer.lora is not None:
            empty = _adapted(empty, trainer)
            parameters = sum(weight.numel() for weight in empty.parameters())
            trained = sum(weight.numel() for weight in empty.parameters() if weight.requires_grad)
    text = config.get_text_config()
    return Shape(parameters, trained, text.num_hidden_layers, text.hidden_size, text.vocab_size)


def _adapted(model: Any, trainer: Any) -> Any:
    from peft import get_peft_model

    try:
        return get_peft_model(model, trainer.lora.peft_config(trainer.makes == "reward"))
    except (ValueError, AttributeError) as error:
        names = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if hasattr(part, "in_features")}
        )
        raise UserError(
            f"the adapter fits no layer of the model: {str(error).splitlines()[0]}",
            mend=f"Set lora.target_modules to some of: {', '.join(names)}; or to all-linear.",
        ) from error


def free_memory(cpu: bool) -> tuple[int, str]:
    """Bytes of memory that a step can still have, and of what: the accelerator's, or this machine's.

    Args:
        cpu: the step is not to use an accelerator.
    """
    import psutil
    import torch

    if torch.cuda.is_available() and not cpu:
        return int(torch.cuda.mem_get_info()[0]), "GPU memory"
    return min(int(psutil.virtual_memory().available), _free_in_container()), "memory"


def machine() -> dict[str, Any]:
    """What decides whether a step fits: checks that passed on another machine are made again."""
    import psutil
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"memory": round(psutil.virtual_memory().total / 2**30), "gpu": gpu}


def _free_in_container() -> int:
    """What the container's limit leaves; a great deal where there is none."""
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return 1 << 62
    return 1 << 62 if limit == "max" else max(0, int(limit) - int(used))


def check_memory(needed: Need, free: int, of: str, processes: int) -> list[str]:
    """What is to be said of a step's memory.

    Args:
        needed: by one process.
        free: bytes that are free.
        of: what they are of.
        processes: how many share it: those on one CPU do, those on GPUs do not.

    Raises:
        UserError: weights, gradients and optimiser alone do not fit.
    """
    mend = (
        "Train with lora, with an optimiser of fewer states (optim: adafactor), on a smaller model, or on a machine "
        "with more memory."
    )
    if needed.certain * processes > free:
        raise UserError(
            f"weights, gradients and optimiser take {format_bytes(needed.certain * processes)}, and "
            f"{format_bytes(free)} of {of} are free.",
            mend=mend,
        )
    if needed.total * processes > TIGHT * free:
        return [
            f"about {format_bytes(needed.total * processes)} of {of} will be needed "
            f"({format_bytes(needed.activations)} of them for a batch, by estimate), and {format_bytes(free)} are "
            "free: lower per_device_train_batch_size, or set gradient_checkpointing: true"
        ]
    return []


def disk_of(shape: Shape, trainer: Any, width: int = 4) -> dict[str, int]:
    """Bytes on disk: `model`, what a step leaves; `working`, what it takes beside that while it runs."""
    whole = shape.parameters * width
    adapter = shape.trained * width if trainer.lora is not None else 0
    model = (whole + adapter if trainer.merge_adapter else adapter) if trainer.lora is not None else whole
    # A checkpoint holds the trained weights and Adam's two states; one is being written while `keep` are there.
    one = 3 * shape.trained * width
    return {"model": model, "working": (trainer.checkpoints_kept + 1) * one if trainer.checkpoints_kept else 0}


def check_disk(needs: Sequence[Mapping[str, int]], folder: Path) -> list[str]:
    """What is to be said of the disk that all steps of a run take.

    Args:
        needs: of each step, as `disk_of` says.
        folder: where they will be; what is there already is taken to be theirs.

    Raises:
        UserError: the models alone do not fit.
    """
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    models = max(0, sum(need["model"] for need in needs) - there)
    working = max((need["working"] for need in needs), default=0)
    if models + working > free:
        raise UserError(
            f"the models of {len(needs)} training steps take {format_bytes(models)}, the checkpoints of one "
            f"{format_bytes(working)}, and {format_bytes(free)} of the disk are free.",
            where=str(folder),
            mend="Make room, give another folder with -o, keep fewer checkpoints (checkpoint.keep), or train with "
            "lora and merge_adapter: false.",
        )
    if models + working > TIGHT * free:
        return [
            f"{format_bytes(models + working)} of the {format_bytes(free)} that are free on the disk will be needed"
        ]
    return []
