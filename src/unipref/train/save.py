"""Saves a trained model in a folder that plain transformers or peft loads."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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


MUCH_ROUNDING = adapter_merge.TOLERANCES["float32"]
"""Mean difference by rounding of which a step warns, in nats or rewards: what a merge in float32 may change at most."""


class Saved(NamedTuple):
    """How much a saved model differs from the trained one.

    Attributes:
        merge: by merging its adapter, before any rounding; None if none was merged.
        rounding: by rounding its weights to another type; None if they were not rounded.
        lowering: by the frozen layers, which the training computed in bfloat16; None if it did not.
    """

    merge: MergeDifference | None = None
    rounding: MergeDifference | None = None
    lowering: MergeDifference | None = None

    def describe_rounding(self, model_kind: str) -> list[str]:
        """Returns a warning if rounding changed much of what the model says."""
        if self.rounding is None or self.rounding.mean <= MUCH_ROUNDING:
            return []
        what, unit = ("rewards", "") if model_kind == "reward" else ("log-probabilities of tokens", " nats")
        return [
            f"the saved weights are rounded, which changes the {what} by {self.rounding.mean:.2g}{unit} on average: "
            "saved_dtype: float32 keeps them as they were trained"
        ]


def is_sharded(hf: Any) -> bool:
    """Whether the weights are spread over the processes."""
    return bool(hf.is_fsdp_enabled or hf.is_deepspeed_enabled)


def save(hf: Any, trainer: TrlTrainer, start: Start, job: TrainJob, probes: Sequences) -> Saved:
    """Writes model, tokenizer and template, and an adapter as the settings say. Call it in every process.

    A merged model is compared with the unmerged one, and the saved weights with those in memory. The trained model
    cannot be used afterwards.

    Args:
        hf: the TRL trainer.
        trainer: the settings.
        start: the model the step started from.
        job: the step's folder, and the run's.
        probes: token ids of some training rows, to compare a merged model on.

    Returns:
        How much the saved model differs from the trained one; nothing in another process than the first.

    Raises:
        UserError: the merged or the saved model is not the trained one; its adapter is kept beside the step's folder.
    """
    # All processes together gather weights that are spread over them; the first process writes them.
    gathered = {"state_dict": hf.accelerator.get_state_dict(hf.model_wrapped)} if is_sharded(hf) else {}
    if not processes.is_first():
        return Saved()
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
        return Saved()
    trained: Probes | None = None
    if trainer.lowers_frozen_layers:
        trained = adapter_merge.measure_probes(model, _choose_probes(model, probes), _head(trainer))
        model.to("meta")  # frees its memory before the unrounded weights are loaded
        model = attach_anew(trainer, start, adapter, "float32")
    elif gathered or trainer.quantization is not None:
        model = attach_anew(trainer, start, adapter)
    return _merge(model, trainer, start, job.out, probes, dtype, trained)


def attach_anew(trainer: TrlTrainer, start: Start, adapter: Path, precision: str | None = None) -> Any:
    """Loads the model anew with its saved adapter: sharded, quantised or rounded weights cannot be merged directly.

    Args:
        trainer: the settings.
        start: the model the step started from.
        adapter: folder of the saved adapter.
        precision: the type of the weights in memory; None: as they are saved.
    """
    model = opening.attach_adapter(load_model(start.folder, _head(trainer), precision), str(adapter))
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
) -> Saved:
    """Writes a model that was trained as a whole, and measures what rounding to another type changes."""
    if gathered or dtype == model.dtype:
        _write(model, out, {name: {k: v.to(dtype) for k, v in held.items()} for name, held in gathered.items()})
        _record_dtype(model, out, dtype)
        return Saved()
    head, device = _head(trainer), model.device
    before = adapter_merge.measure_probes(model, _choose_probes(model, sequences), head)
    _write(model.to(dtype), out, {})
    model.to("meta")
    return Saved(rounding=adapter_merge.check_saved(before, out, head, device))


def _record_dtype(model: Any, out: Path, dtype: "torch.dtype") -> None:
    """Names the type of the weights in the saved config: transformers names that of the weights in memory."""
    if dtype != model.dtype:
        model.config.dtype = dtype
        model.config.save_pretrained(out)


def _merge(
    model: Any,
    trainer: TrlTrainer,
    start: Start,
    out: Path,
    sequences: Sequences,
    dtype: "torch.dtype",
    trained: Probes | None = None,
) -> Saved:
    """Merges the adapter and writes the merged model; compares the merged and the written one with the unmerged one.

    `trained` is what the model said as it was trained, if the given one differs.
    """
    head = _head(trainer)
    before: Probes = adapter_merge.measure_probes(model, _choose_probes(model, sequences), head)
    written = set(out.iterdir())
    try:
        merged, untied = adapter_merge.merge(model)
    except UserError as error:
        raise UserError(error.what, where=_step(trainer), mend=keep_adapter(out)) from error
    merged.config.pad_token_id = start.tokenizer.pad_token_id
    difference = adapter_merge.compare(before, merged, head, untied)
    lowering = None if trained is None else adapter_merge.compare(trained, merged, head, untied, "bfloat16")
    if not difference.is_equal:
        raise adapter_merge.difference_error(difference, _step(trainer), keep_adapter(out))
    device, is_rounded = merged.device, dtype != merged.dtype
    digests = adapter_merge.digest_weights(merged, dtype)
    _write(merged.to(dtype), out, {})
    merged.to("meta")  # frees its memory before the saved model is loaded
    saved = opening.open_weights(str(out), head).to(device)
    if changed := adapter_merge.find_changed_weights(digests, saved, dtype):
        for path in set(out.iterdir()) - written:
            path.unlink()
        raise UserError(
            f"the saved model is not the merged one: {len(changed)} weights differ, such as {changed[0]}.",
            where=_step(trainer),
            mend=keep_adapter(out),
        )
    return Saved(difference, adapter_merge.measure_rounding(before, saved, head) if is_rounded else None, lowering)


def _choose_probes(model: Any, sequences: Sequences) -> Sequences:
    return adapter_merge.cut_probes(sequences) or adapter_merge.make_probe_sequences(model)


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
