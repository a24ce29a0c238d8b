"""Checks an adapter on an empty model: whether peft can add it, and whether TRL trains all of it."""

from collections.abc import Mapping
from typing import Any

from unipref.core.errors import UserError, first_line
from unipref.models import adapter_merge
from unipref.models.adapter_merge import find_embeddings, is_adapted, needs_untying


def add_adapter(model: Any, trainer: Any) -> Any:
    """Adds the trainer's adapter to a model without weights.

    Raises:
        UserError: peft refuses it, or the step would never train a part of it.
    """
    from peft import get_peft_model

    _check_token_indices(model, trainer.lora)
    try:
        attached = get_peft_model(model, trainer.lora.make_peft_config(trainer.model_kind == "reward"))
    except (ValueError, AttributeError, TypeError, KeyError, IndexError, RuntimeError) as error:
        names = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if hasattr(part, "in_features")}
        )
        raise UserError(
            f"the adapter fits none of the model's layers, or peft refuses it: {first_line(error)}.",
            mend=f"Set lora.target_modules to some of: {', '.join(names)}; or to all-linear.",
        ) from error
    _refuse_adapted_head(attached, trainer)
    return attached


def count_new_head(attached: Any) -> int:
    """Counts the weights of the output head that a merge makes, because it no longer equals the embedding."""
    if not needs_untying(attached):
        return 0
    model = attached.get_base_model()
    config = model.config.get_text_config()
    return int(config.vocab_size * config.hidden_size)


def check_merge(attached: Any) -> None:
    """Merges an adapter on a model without weights: what peft cannot merge shows before training.

    Raises:
        UserError: peft cannot merge it. The model cannot be used afterwards.
    """
    try:
        adapter_merge.merge(attached)
    except UserError as error:
        if "meta" not in str(error.__cause__):  # otherwise torch cannot do the operation without weights
            raise


def _refuse_adapted_head(attached: Any, trainer: Any) -> None:
    """Refuses an adapter on the output head, however the settings name it.

    TRL's loss multiplies by the head's own weight: it would never train what an adapter adds, or fail.
    """
    embedding, head = find_embeddings(attached.get_base_model())
    if trainer.model_kind == "reward" or head is None or not is_adapted(head):
        return
    extra = trainer.lora.model_extra or {}
    if extra.get("trainable_token_indices") is not None and is_adapted(embedding):
        raise UserError(
            "lora.trainable_token_indices: the model uses its embedding also as its output head "
            "(tie_word_embeddings), where TRL cannot train single tokens.",
            mend="Leave it out, or train the whole embedding: target_modules: [..., embed_tokens].",
        )
    if extra.get("ensure_weight_tying"):
        raise UserError(
            "lora.ensure_weight_tying: an adapter on the output head is never trained.",
            mend="Leave it out: unipref gives the merged model a head of its own.",
        )
    raise UserError(
        "lora: an adapter on the output head is never trained, and the settings name this layer.",
        mend="Exclude it from target_modules, modules_to_save and trainable_token_indices.",
    )


def _check_token_indices(model: Any, lora: Any) -> None:
    """Refuses tokens that the model does not have."""
    indices = (lora.model_extra or {}).get("trainable_token_indices") or []
    rows = model.config.get_text_config().vocab_size
    tokens = [one for part in indices.values() for one in part] if isinstance(indices, Mapping) else list(indices)
    if wrong := [one for one in tokens if not 0 <= one < rows]:
        what = f"lora.trainable_token_indices: the model has no token {wrong[0]}."
        raise UserError(what, mend=f"Give numbers from 0 to {rows - 1}.")
