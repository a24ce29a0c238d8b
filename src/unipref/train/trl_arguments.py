"""The arguments for TRL: its configuration, completed by what the machine and the run folder decide, and the rows."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.core.attempts import final_name
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError, first_line, near_name
from unipref.models.loading import NO_LIMIT
from unipref.train.data.images import ImageReader
from unipref.train.data.row_usage import RowFacts, RowUsage
from unipref.train.data.rows import write_rows
from unipref.train.start import Start
from unipref.train.trl_trainer import TrlTrainer

TENSORBOARD = "TENSORBOARD_LOGGING_DIR"
"""The environment variable with TensorBoard's folder, as transformers reads it."""


def make_arguments(
    trainer: TrlTrainer, job: TrainJob, start: Start, work: Path, limit: int, facts: RowFacts
) -> dict[str, Any]:
    """Makes the model, configuration, tokenizer and adapter arguments for TRL.

    Args:
        trainer: the settings.
        job: input model and data, and output folder.
        start: the model.
        work: folder that is removed after the step.
        limit: longest dialogue in tokens.
        facts: of the rows.
    """
    chosen = trainer.build_trl_settings() | trainer.derive_settings(facts)
    settings = device_defaults(chosen) | chosen | _fixed_settings(trainer, job, work, chosen)
    if "max_length" in settings:
        # Longer rows are already left out, so TRL need not search the rows for something to truncate.
        settings["max_length"] = limit if settings.get("packing") and limit < NO_LIMIT else None
    quantised = {}
    if trainer.quantization is not None:
        from transformers import BitsAndBytesConfig

        quantised = {"quantization_config": BitsAndBytesConfig(**trainer.quantization)}
    return {
        **quantised,
        "model": start.folder,
        "args": make_config(trainer, settings),
        "processing_class": start.tokenizer,
        "peft_config": trainer.lora.make_peft_config(trainer.model_kind == "reward") if trainer.lora else None,
    }


def device_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """TRL's settings that depend on the machine, such as bfloat16 and gradient checkpointing on a GPU.

    Args:
        settings: the settings so far; `use_cpu` and `fp16` affect the others.
    """
    import torch

    cuda = torch.cuda.is_available() and not settings.get("use_cpu")
    return {
        "use_cpu": not cuda and not torch.backends.mps.is_available(),
        "bf16": cuda and torch.cuda.is_bf16_supported() and not settings.get("fp16"),
        "gradient_checkpointing": cuda,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _fixed_settings(trainer: TrlTrainer, job: TrainJob, work: Path, chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings that the study file may not set."""
    return {
        # The run's name for reporting tools: variant, seed and step.
        "run_name": chosen.get("run_name") or final_name("/".join(job.out.parts[-3:])),
        "output_dir": str(job.checkpoint_dir if job.checkpoint_dir and trainer.checkpoints_kept else work / "trl"),
        "seed": job.seed,
        "trust_remote_code": False,
        "model_init_kwargs": {**(chosen.get("model_init_kwargs") or {}), "use_safetensors": True},
        # If on, it replaces a loss that is NaN by the mean of earlier losses.
        "logging_nan_inf_filter": False,
    }


def make_config(trainer: TrlTrainer, settings: dict[str, Any]) -> Any:
    """Makes TRL's configuration.

    Raises:
        UserError: TRL refuses the settings, or a tool named in `report_to` is not installed.
    """
    import trl

    _check_report_to(settings["report_to"])
    try:
        return getattr(trl, trainer.trl_config)(**settings)
    except (ValueError, ImportError, NotImplementedError) as error:
        raise UserError(f"TRL refuses the settings: {first_line(error)}") from error


def _check_report_to(names: str | list[str] | None) -> None:
    """Checks that transformers knows each name in `report_to` and that the tool is installed."""
    from transformers.integrations import integration_utils

    installed = integration_utils.get_available_reporting_integrations()
    for name in [names] if isinstance(names, str) else names or []:
        if name in ("none", "all"):
            continue
        if name not in integration_utils.INTEGRATION_TO_CALLBACK:
            mend = near_name(name, [*integration_utils.INTEGRATION_TO_CALLBACK, "none", "all"])
            raise UserError(f"report_to: transformers cannot report to '{name}'.", mend=mend)
        if name not in installed:
            raise UserError(f"report_to: '{name}' is not installed.", mend=f"Install it: pip install {name}")


@contextlib.contextmanager
def report_beside_model(out: Path) -> Iterator[None]:
    """Makes TensorBoard write its files beside the model, unless the environment names a folder."""
    if TENSORBOARD in os.environ:
        yield
        return
    os.environ[TENSORBOARD] = str(out / "tensorboard")
    try:
        yield
    finally:
        del os.environ[TENSORBOARD]


def write_dev_rows(
    trainer: TrlTrainer, job: TrainJob, start: Start, path: Path, limit: int, images: ImageReader | None = None
) -> RowUsage:
    """Writes the dev rows to `path`, and returns which are used: none if the settings ask for no evaluation."""
    if str(trainer.build_trl_settings().get("eval_strategy", "no")) == "no":
        return RowUsage()
    room = trainer.count_reserved_tokens()
    leaves_out = trainer.special_tokens == "leave_out"
    later = trainer.later_turns
    return write_rows(job.held_out, path, trainer.view(), start.tokenizer, limit - room, later, leaves_out, images)
