"""Saves a trained model in a folder that plain transformers or peft loads."""

from pathlib import Path
from typing import Any

from unipref.models.loading import load_model
from unipref.train import processes
from unipref.train.start import Start
from unipref.train.trl_trainer import TrlTrainer


def is_sharded(hf: Any) -> bool:
    """Whether the weights are spread over the processes."""
    return bool(hf.is_fsdp_enabled or hf.is_deepspeed_enabled)


def save(hf: Any, trainer: TrlTrainer, start: Start, out: Path) -> None:
    """Writes model, tokenizer and template, and an adapter as the settings say. Call it in every process.

    Args:
        hf: the TRL trainer.
        trainer: the settings.
        start: the model the step started from.
        out: the step's folder.
    """
    # All processes together gather weights that are spread over them; the first process writes them.
    gathered = {"state_dict": hf.accelerator.get_state_dict(hf.model_wrapped)} if is_sharded(hf) else {}
    if not processes.is_first():
        return
    model = hf.accelerator.unwrap_model(hf.model)
    if trainer.lora is not None:
        # The adapter belongs to the model the study named, not to a merged copy that is removed after the step.
        model.peft_config["default"].base_model_name_or_path = (
            str(Path(start.policy).resolve()) if Path(start.policy).is_dir() else start.policy
        )
        folder = out / "adapter" if trainer.merge_adapter else out
        model.save_pretrained(folder, save_embedding_layers=False, **gathered)
        (folder / "README.md").unlink(missing_ok=True)  # an empty form that peft writes
        if trainer.merge_adapter:
            needs_reload = bool(gathered) or trainer.quantization is not None
            model = merge_reloaded(trainer, start, folder) if needs_reload else model.merge_and_unload()
            gathered = {}
    if trainer.lora is None or trainer.merge_adapter:
        # Gradient checkpointing turns the cache off for training; a saved model should generate with it.
        model.config.use_cache = True
        model.save_pretrained(out, **gathered)
    start.tokenizer.save_pretrained(out)


def merge_reloaded(trainer: TrlTrainer, start: Start, adapter: Path) -> Any:
    """Loads the model anew and merges its saved adapter: sharded or quantised weights cannot be merged directly.

    Args:
        trainer: the settings.
        start: the model the step started from.
        adapter: folder of the saved adapter.
    """
    from peft import PeftModel

    base = load_model(start.folder, "reward" if trainer.model_kind == "reward" else "causal")
    model = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
    model.config.pad_token_id = start.tokenizer.pad_token_id
    return model
