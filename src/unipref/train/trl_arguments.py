"""What TRL is given: its configuration, with what the machine and the run folder decide, and the rows."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError, near_name
from unipref.models.loading import NO_LIMIT
from unipref.train.data.rows import Facts, write_rows
from unipref.train.start import Start
from unipref.train.trl_trainer import TrlTrainer

TENSORBOARD = "TENSORBOARD_LOGGING_DIR"
"""Where transformers looks for the folder that TensorBoard is written to."""


def arguments(trainer: TrlTrainer, job: TrainJob, start: Start, work: Path, limit: int, facts: Facts) -> dict[str, Any]:
    """Model, configuration, tokenizer and adapter for TRL.

    Args:
        trainer: the settings.
        job: from where to where.
        start: the model.
        work: folder that is gone after the step.
        limit: longest dialogue in tokens.
        facts: of the rows.
    """
    given = trainer.for_trl() | trainer.from_facts(facts)
    settings = device_defaults(given) | given | _owned(trainer, job, work, given)
    if "max_length" in settings:
        # What is longer is left out already: TRL need not go through the rows again to cut what it would not find.
        settings["max_length"] = limit if settings.get("packing") and limit < NO_LIMIT else None
    quantised = {}
    if trainer.quantization is not None:
        from transformers import BitsAndBytesConfig

        quantised = {"quantization_config": BitsAndBytesConfig(**trainer.quantization)}
    return {
        **quantised,
        "model": start.folder,
        "args": made_config(trainer, settings),
        "processing_class": start.tokenizer,
        "peft_config": trainer.lora.peft_config(trainer.makes == "reward") if trainer.lora else None,
    }


def device_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """TRL's settings that depend on the machine: bfloat16 and gradient checkpointing where there is a GPU.

    Args:
        given: the settings as they are; `use_cpu` and `fp16` have a say in the others.
    """
    import torch

    cuda = torch.cuda.is_available() and not given.get("use_cpu")
    return {
        "use_cpu": not cuda and not torch.backends.mps.is_available(),
        "bf16": cuda and torch.cuda.is_bf16_supported() and not given.get("fp16"),
        "gradient_checkpointing": cuda,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _owned(trainer: TrlTrainer, job: TrainJob, work: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not for the study file."""
    return {
        # What it is called where it is reported to: variant, seed and step.
        "run_name": given.get("run_name") or "/".join(job.out.parts[-3:]).removesuffix(".partial"),
        "output_dir": str(job.checkpoint_dir if job.checkpoint_dir and trainer.checkpoints_kept else work / "trl"),
        "seed": job.seed,
        # Left on, it puts the mean of earlier losses in place of one that is no number.
        "logging_nan_inf_filter": False,
    }


def made_config(trainer: TrlTrainer, settings: dict[str, Any]) -> Any:
    """TRL's configuration.

    Raises:
        UserError: TRL refuses the settings, or what is to be reported to is not there.
    """
    import trl

    _check_reported(settings["report_to"])
    try:
        return getattr(trl, trainer.trl_config)(**settings)
    except (ValueError, ImportError, NotImplementedError) as error:
        raise UserError(f"TRL refuses the settings: {str(error).splitlines()[0]}") from error


def _check_reported(names: str | list[str] | None) -> None:
    """Each name in `report_to` is one that transformers knows and that is installed."""
    from transformers.integrations import integration_utils as known

    ready = known.get_available_reporting_integrations()
    for name in [names] if isinstance(names, str) else names or []:
        if name in ("none", "all"):
            continue
        if name not in known.INTEGRATION_TO_CALLBACK:
            mend = near_name(name, [*known.INTEGRATION_TO_CALLBACK, "none", "all"])
            raise UserError(f"report_to: nothing that is called '{name}' can be reported to.", mend=mend)
        if name not in ready:
            raise UserError(f"report_to: '{name}' is not installed.", mend=f"Install it: pip install {name}")


@contextlib.contextmanager
def reported_beside(out: Path) -> Iterator[None]:
    """TensorBoard's files, where it is reported to, go beside the model unless the environment says where."""
    if TENSORBOARD in os.environ:
        yield
        return
    os.environ[TENSORBOARD] = str(out / "tensorboard")
    try:
        yield
    finally:
        del os.environ[TENSORBOARD]


def dev_rows(trainer: TrlTrainer, job: TrainJob, start: Start, path: Path, limit: int) -> Path | None:
    """The dev rows, where the settings ask for evaluation in between and there are any; written to `path`."""
    if str(trainer.for_trl().get("eval_strategy", "no")) == "no":
        return None
    return path if write_rows(job.held_out, path, trainer.view(), start.tokenizer, limit, trainer.room()).used else None
