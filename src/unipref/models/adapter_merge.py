"""Merges adapters into their base model, and compares each merged model with the unmerged one.

Two models are compared by the log-probabilities, in nats, that they give the tokens of some sequences (reward models:
by their rewards). A merge only rounds differently; everything above the tolerance of the number format is an error. In
bfloat16, rounding alone can change that of a rare token by several nats, so there the mean counts, not the largest.

A model with tied embeddings uses one weight as embedding and as output head. An adapter on the embedding alone does not
change the head, so after a merge the two differ: they are untied, and saved as two weights.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError, first_line
from unipref.models import opening

if TYPE_CHECKING:
    import torch

Sequences = Sequence[Sequence[int]]
"""Token ids of some texts."""

TOLERANCES = {"float64": 0.05, "float32": 0.05, "float16": 0.25}
"""Largest difference in nats by number format of the merged weights."""
ROUGH = 0.5
"""Largest mean difference in nats in bfloat16 and smaller formats."""
PROBES, PROBE_TOKENS = 8, 256
"""Sequences that are compared, and the most tokens of each."""


@dataclass(frozen=True)
class MergeDifference:
    """How much a merged model differs from the model that was trained.

    Attributes:
        sequences, tokens: compared sequences, and tokens in them (of a reward model: rewards).
        largest, mean: absolute difference of their log-probabilities, in nats (of a reward model: of the rewards).
        tolerance: the largest difference allowed; with `is_rough`, the largest mean.
        untied: whether the merge gave the output head a weight of its own.
        is_rough: whether the number format rounds so much that the mean decides.
    """

    sequences: int
    tokens: int
    largest: float
    mean: float
    tolerance: float
    untied: bool = False
    is_rough: bool = False

    @property
    def is_equal(self) -> bool:
        """Whether the models are the same up to rounding; a value that is not a number is a difference."""
        return (self.mean if self.is_rough else self.largest) <= self.tolerance

    def describe_limit(self) -> str:
        """Says what is allowed at most."""
        return f"allowed {'mean' if self.is_rough else 'largest'} {self.tolerance}"

    def as_record(self) -> dict[str, Any]:
        """The figures as the manifest records them."""
        return asdict(self)


@dataclass(frozen=True)
class Probes:
    """Sequences, and what the unmerged model says of them.

    Attributes:
        sequences: their token ids.
        values: one log-probability per token after the first, in nats; of a reward model, one reward per sequence.
        dtype: type of the model's weights, such as 'float32'; empty if it is not known.
    """

    sequences: Sequences
    values: "torch.Tensor"
    dtype: str = ""


def cut_probes(sequences: Sequences) -> list[list[int]]:
    """Keeps the first sequences of two tokens or more, each cut to `PROBE_TOKENS`."""
    return [list(one[:PROBE_TOKENS]) for one in sequences if len(one) > 1][:PROBES]


def make_probe_sequences(model: Any) -> list[list[int]]:
    """Makes sequences for a model without rows: token ids drawn with a fixed seed from its vocabulary."""
    import numpy as np

    config = model.config.get_text_config()
    length = min(32, int(getattr(config, "max_position_embeddings", None) or 32))
    drawn = np.random.default_rng(0).integers(0, config.vocab_size, (PROBES, length))
    return [[int(token) for token in sequence] for sequence in drawn]


def measure_probes(model: Any, sequences: Sequences, head: str) -> Probes:
    """Computes what a model says of some sequences: each alone and in full, without the training's settings.

    Args:
        model: with or without an adapter attached; it is put in eval mode for the computation.
        sequences: from `cut_probes` or `make_probe_sequences`.
        head: 'causal' or 'reward'.
    """
    import torch

    was_training = model.training
    model.eval()
    values = []
    try:
        with torch.no_grad():
            for sequence in sequences:
                ids = torch.tensor([sequence], device=model.device)
                logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits.float()
                if head == "causal":
                    log_p = logits[0, :-1].log_softmax(-1)
                    logits = log_p.gather(1, ids[0, 1:, None])
                values.append(logits.flatten().cpu())
    finally:
        model.train(was_training)
    return Probes(sequences, torch.cat(values) if values else torch.zeros(0), _name_dtype(model))


def _name_dtype(model: Any) -> str:
    return str(model.dtype).removeprefix("torch.")


def compare(before: Probes, model: Any, head: str, untied: bool = False, rounded_to: str = "") -> MergeDifference:
    """Compares a merged model with what the unmerged one said.

    Args:
        before: of the unmerged model.
        model: the merged one.
        head: 'causal' or 'reward'.
        untied: whether the merge gave the output head a weight of its own.
        rounded_to: the type that decides the tolerance, such as 'bfloat16'; empty: that of the model's weights.
    """
    after = measure_probes(model, before.sequences, head)
    gaps = (after.values - before.values).abs()
    n = len(gaps)
    largest, mean = (float(gaps.max()), float(gaps.mean())) if n else (0.0, 0.0)
    dtype = rounded_to or after.dtype
    is_rough = dtype not in TOLERANCES
    return MergeDifference(len(before.sequences), n, largest, mean, TOLERANCES.get(dtype, ROUGH), untied, is_rough)


def digest_weights(model: Any, dtype: "torch.dtype") -> dict[str, str]:
    """Computes name -> digest of each weight, floating ones as they are in a type."""
    import torch

    digests = {}
    for name, weight in model.state_dict().items():
        kept = weight.detach().to(dtype if weight.is_floating_point() else weight.dtype).cpu().contiguous()
        digests[name] = hashlib.sha256(kept.reshape(-1).view(torch.uint8).numpy()).hexdigest()
    return digests


def merge_checked(attached: Any, head: str, adapter: str) -> tuple[Any, MergeDifference]:
    """Merges an attached adapter, and checks that the model stays the same.

    Args:
        attached: a `PeftModel`; it cannot be used afterwards.
        head: 'causal' or 'reward'.
        adapter: the adapter's folder, for errors.

    Raises:
        UserError: the merged model is another one.
    """
    if not hasattr(attached.base_model, "merge_and_unload"):
        kind = attached.active_peft_config.peft_type.value
        raise UserError(f"an adapter of type {kind} cannot be merged into its base model.", where=adapter)
    before = measure_probes(attached, make_probe_sequences(attached), head)
    model, untied = merge(attached)
    difference = compare(before, model, head, untied)
    if not difference.is_equal:
        raise difference_error(difference, adapter, "Merge the adapter with the library that trained it.")
    return model, difference


def merge(attached: Any) -> tuple[Any, bool]:
    """Merges an attached adapter into its base, without a check, and unties the output head if it has to.

    Returns:
        The merged model, and whether it was untied.

    Raises:
        UserError: peft cannot merge it.
    """
    untied = needs_untying(attached)
    if untied:
        untie(attached.get_base_model())
    try:
        model = attached.merge_and_unload()
    except (RuntimeError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"peft cannot merge this adapter into its base model: {first_line(error)}.",
            mend="Keep the adapter alone (merge_adapter: false), or train one without that setting.",
        ) from error
    if untied and _share_weight(model):
        # The adapter holds one copy for both layers, so they stay tied.
        _set_tied(model, True)
        untied = False
    return model, untied


def check_saved(before: Probes, folder: Path, head: str, device: Any, untied: bool = False) -> MergeDifference:
    """Loads a saved model again and compares it with what the unmerged one said.

    Both are computed in the same type, so that the difference is that of the weights alone.
    """
    return measure_rounding(before, opening.open_weights(str(folder), head).to(device), head, untied)


def measure_rounding(before: Probes, saved: Any, head: str, untied: bool = False) -> MergeDifference:
    """Compares a saved model with what the model said before it was saved, and leaves it in the type of that."""
    import torch

    saved_as = _name_dtype(saved)
    computed = getattr(torch, before.dtype) if before.dtype else saved.dtype
    return compare(before, saved.to(computed), head, untied, saved_as)


def find_changed_weights(digests: dict[str, str], saved: Any, dtype: "torch.dtype") -> list[str]:
    """Returns the names of a saved model's weights that are not those of `digest_weights`."""
    found = digest_weights(saved, dtype)
    return sorted(name for name in digests.keys() | found.keys() if digests.get(name) != found.get(name))


def difference_error(difference: MergeDifference, where: str, mend: str) -> UserError:
    """Returns the error for a merged model that is not the trained one."""
    return UserError(
        f"the merged model is not the model that was trained: the log-probabilities of {difference.tokens} tokens "
        f"differ by up to {difference.largest:.3g} nats (mean {difference.mean:.3g}, {difference.describe_limit()}).",
        where=where,
        mend=mend,
    )


def is_adapted(module: Any) -> bool:
    """Whether an adapter changes a layer, or holds a copy of it."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper)


def find_embeddings(model: Any) -> tuple[Any, Any]:
    """Finds the layer of the embedding and that of the output head; None for a head that the model does not have."""
    return model.get_input_embeddings(), model.get_output_embeddings()


def is_tied(model: Any) -> bool:
    """Whether a model uses one weight as embedding and as output head."""
    _, head = find_embeddings(model)
    return head is not None and bool(getattr(model.config.get_text_config(), "tie_word_embeddings", False))


def needs_untying(attached: Any) -> bool:
    """Whether the adapter changes the embedding and the output head of a tied model differently."""
    from peft.utils.other import TrainableTokensWrapper

    model = attached.get_base_model()
    if not is_tied(model):
        return False
    layers = find_embeddings(model)
    # peft ties single trained tokens itself: both layers then get the same rows.
    return any(map(is_adapted, layers)) and not all(isinstance(one, TrainableTokensWrapper) for one in layers)


def untie(model: Any) -> None:
    """Gives the output head a weight of its own, equal to the embedding's."""
    import torch

    _, head = find_embeddings(model)
    layer = _find_original(head)
    layer.weight = torch.nn.Parameter(layer.weight.detach().clone(), requires_grad=layer.weight.requires_grad)
    _set_tied(model, False)


def _set_tied(model: Any, value: bool) -> None:
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = value


def _share_weight(model: Any) -> bool:
    embedding, head = find_embeddings(model)
    return bool(embedding.weight.data_ptr() == head.weight.data_ptr())


def _find_original(layer: Any) -> Any:
    """The layer under the adapters on it."""
    if hasattr(layer, "get_base_layer"):
        return layer.get_base_layer()
    return getattr(layer, "original_module", layer)
