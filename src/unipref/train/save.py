"""Saves a trained model in a folder that plain transformers or peft loads."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import attempts
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.models import adapter_merge, hub_models, image_processor, opening
from unipref.models.adapter_merge import MergeDifference, Probes, Sequences
from unipref.models.loading import base_model, load_model
from unipref.train import processes
from unipref.train.start import Start
from unipref.train.trl_trainer import TrlTrainer

if TYPE_CHECKING:
    import torch


def is_sharded(hf: Any) -> bool:
    """Whether the weights are spread over the processes."""
    return bool(hf.is_fsdp_enabled or hf.is_deepspeed_enabled)


def save(hf: Any, trainer: TrlTrainer, start: Start, job: TrainJob, probes: Sequences) -> MergeDifference | None:
    """Writes model, tokenizer and template, and an adapter as the settings say. Call it in every process.

    A merged model is loaded again and compared with the unmerged one. The trained model cannot be used afterwards.

    Args:
        hf: the TRL trainer.
        trainer: the settings.
        start: the model the step started from.
        job: the step's folder, and the run's.
        probes: token ids of some training rows, to compare a merged model on.

    Returns:
        How much the saved model differs from the trained one; None if nothing was merged or rounded, or in another
        process than the first.

    Raises:
        UserError: the merged model is not the trained one; its adapter is kept beside the step's folder.
    """
    # All processes together gather weights that are spread over them; the first process writes them.
    gathered = {"state_dict": hf.accelerator.get_state_dict(hf.model_wrapped)} if is_sharded(hf) else {}
    if not processes.is_first():
        return None
    # Without the wrapper for mixed precision, so that both models are measured in the precision of their weights.
    model = hf.accelerator.unwrap_model(hf.model, keep_fp32_wrapper=False)
    start.tokenizer.save_pretrained(job.out)
    image_processor.copy_files(base_model(start.policy), job.out)
    dtype = _find_dtype(trainer, start, model)
    if trainer.lora is None:
        return _write_whole(model, trainer, start, job.out, gathered, probes, dtype)
    adapter = job.out / "adapter" if trainer.merge_adapter else job.out
    # The adapter belongs to the model the study named, not to a merged copy that is removed after the step.
    base = opening.describe_base(start.policy, adapter, job.run)
    model.peft_config["default"].base_model_name_or_path = base
    model.peft_config["default"].revision = hub_models.find_commit(start.policy)
    model.save_pretrained(adapter, save_embedding_layers=False, **gathered)
    (adapter / "README.md").unlink(missing_ok=True)  # an empty form that peft writes
    if not trainer.merge_adapter:
        return None
    if gathered or trainer.quantization is not None:
        model = attach_anew(trainer, start, adapter)
    return _merge(model, trainer, start, job.out, probes, dtype)


def attach_anew(trainer: TrlTrainer, start: Start, adapter: Path) -> Any:
    """Loads the model anew with its saved adapter: sharded or quantised weights cannot be merged directly.

    Args:
        trainer: the settings.
        start: the model the step started from.
        adapter: folder of the saved adapter.
    """
    model = opening.attach_adapter(load_model(start.folder, _head(trainer)), str(adapter))
    model.config.pad_token_id = start.tokenizer.pad_token_id
    return model


def _find_dtype(trainer: TrlTrainer, start: Start, model: Any) -> "torch.dtype":
    """The type of the saved weights; the training holds them in float32 unless its settings say otherwise."""
    import torch

    if trainer.saved_dtype != "base":
        named: torch.dtype = getattr(torch, trainer.saved_dtype)
        return named
    config = opening.open_config(start.folder)
    found = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return found if isinstance(found, torch.dtype) else model.dtype


def _write_whole(
    model: Any,
    trainer: TrlTrainer,
    start: Start,
    out: Path,
    gathered: dict[str, Any],
    sequences: Sequences,
    dtype: "torch.dtype",
) -> MergeDifference | None:
    """Writes a model that was trained as a whole, and measures what rounding to another type changes."""
    if gathered or dtype == model.dtype:
        _write(model, out, {name: {k: v.to(dtype) for k, v in held.items()} for name, held in gathered.items()})
        return None
    head, device = _head(trainer), model.device
    probes = adapter_merge.cut_probes(sequences) or adapter_merge.make_probe_sequences(model)
    before = adapter_merge.measure_probes(model, probes, head)
    _write(model.to(dtype), out, {})
    model.to("meta")
    return adapter_merge.check_saved(before, out, head, device)


def _merge(
    model: Any, trainer: TrlTrainer, start: Start, out: Path, sequences: Sequences, dtype: "torch.dtype"
) -> MergeDifference:
    """Merges the adapter, writes the merged model, and compares what was written with the unmerged model."""
    head = _head(trainer)
    probes = adapter_merge.cut_probes(sequences) or adapter_merge.make_probe_sequences(model)
    before: Probes = adapter_merge.measure_probes(model, probes, head)
    written = set(out.iterdir())
    try:
        merged, untied = adapter_merge.merge(model)
    except UserError as error:
        raise UserError(error.what, where=_step(trainer), mend=keep_adapter(out)) from error
    merged.config.pad_token_id = start.tokenizer.pad_token_id
    device = merged.device
    _write(merged.to(dtype), out, {})
    merged.to("meta")  # frees its memory before the saved model is loaded
    difference = adapter_merge.check_saved(before, out, head, device, untied)
    if not difference.is_equal:
        for path in set(out.iterdir()) - written:
            path.unlink()
        raise adapter_merge.difference_error(difference, _step(trainer), keep_adapter(out))
    return difference


def keep_adapter(out: Path) -> str:
    """Moves the adapter to a folder that the next attempt does not remove, and returns what to do with it.

    It replaces the adapter that an earlier attempt left there.
    """
    kept = out.with_name(f"{attempts.final_name(out.name)}.adapter")
    shutil.rmtree(kept, ignore_errors=True)
    shutil.move(out / "adapter", kept)
    return f"The adapter is in {kept}. Set merge_adapter: false to save the adapter alone, or adapt other layers."


def _step(trainer: TrlTrainer) -> str:
    return trainer.step or trainer.name()


def _write(model: Any, out: Path, gathered: dict[str, Any]) -> None:
    # Gradient checkpointing turns the cache off for training; a saved model should generate with it.
    model.config.use_cache = True
    model.save_pretrained(out, **gathered)


def _head(trainer: TrlTrainer) -> str:
    return "reward" if trainer.model_kind == "reward" else "causal"
