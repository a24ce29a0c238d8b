"""Merges models trained from one base: adds up the changes that each made to the base's weights.

W are the base's weights, and t_i the change that the i-th of n models made to them (an adapter: t = scale B A). The
mixture is W + d. Matrix by matrix, in float32, with weights w_i and density p:

| method | d |
|---|---|
| `linear` | sum of w_i t_i |
| `dare_linear` | sum of w_i t_i, where each entry of t_i was kept with probability p, and divided by p |
| `ties` | n times the mean of w_i t_i over the models where the entry, if kept, has the sign of the sum of kept t_i |
| `dare_ties` | as `ties`, entries kept as in `dare_linear` |

Sources: model soups (Wortsman et al. 2022, arXiv 2203.05482) and task arithmetic (Ilharco et al. 2023, arXiv
2212.04089); TIES (Yadav et al. 2023, arXiv 2306.01708); DARE (Yu et al. 2024, arXiv 2311.03099).

TIES keeps the share p of t_i's entries with the largest magnitude. With the factor n, weights of 1/n give the published
TIES, and weights have the same meaning in all methods. A model of weight 0 does not count in n and elects no signs.

The arithmetic is peft's, applied to the matrices. peft's weighted adapters of these names are not used: they add A and
B separately, and (B1 + B2)(A1 + A2) contains products that no model was trained for. Their `svd` variants reduce d,
which has full rank with TIES and DARE, to the rank of an adapter.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from unipref.core.chat_models import Policy
from unipref.core.errors import UserError
from unipref.models import adapter_merge, opening
from unipref.models.adapter_merge import MergeDifference
from unipref.models.folder_checks import ADAPTER_CONFIG, read_json_object
from unipref.models.loading import as_policy, best_device, load_model

if TYPE_CHECKING:
    import torch

Method = Literal["linear", "ties", "dare_linear", "dare_ties"]
SPARSE_METHODS = ("ties", "dare_linear", "dare_ties")
"""Methods that keep only a share of the entries."""

WEIGHTED_ADAPTER = "weighted"
"""peft's name for the weighted sum."""

UNSUPPORTED_SETTINGS = {
    "use_dora": "it rescales whole weights (DoRA)",
    "lora_bias": "it trains biases",
    "modules_to_save": "it has layers trained in full (modules_to_save)",
    "trainable_token_indices": "it trains single tokens",
    "target_parameters": "it targets bare parameters",
    "layer_replication": "it repeats layers",
}
"""Adapter settings whose change is not (only) scale B A -> the reason, for the error."""


@dataclass(frozen=True)
class Recipe:
    """How changes are combined.

    Attributes:
        method: see the module docstring.
        density: share of the entries that is kept, in (0, 1]; `linear` keeps all.
        seed: random seed of the DARE methods.
    """

    method: Method = "linear"
    density: float = 0.5
    seed: int = 0


class WeightMerger:
    """Holds a base model in memory, and sets its weights to any mixture of several models' changes.

    The base is loaded once, with all adapters attached; the weights that change are held twice. Models that are not
    adapters are held in full, in CPU memory.

    Args:
        base: folder or hub name of the model that all were trained from.
        changed: name -> folder of an adapter, or of a full model.
        adapters: whether the folders hold adapters.
        precision: the type of the weights in memory, as for `loading.load_merged`.

    Raises:
        UserError: an adapter or model does not fit the base, or its changes cannot be added up.
    """

    def __init__(self, base: str, changed: Mapping[str, Path], adapters: bool, precision: str | None = None) -> None:
        self.base, self._names, self.precision = base, list(changed), precision
        self._peft: Any = None
        self._untied = False
        self._model: Any = load_model(base, "causal", precision).to(best_device())
        self._parts: list[_ChangedWeight] = list(
            self._attach_adapters(changed) if adapters else self._load_whole_models(changed)
        )

    def mix(self, weights: Mapping[str, float], recipe: Recipe) -> Any:
        """Sets the model's weights to the mixture and returns it; valid until the next call.

        Args:
            weights: name -> weight, of any sign and sum.
            recipe: how the changes are combined.
        """
        import torch

        nonzero = {name: weight for name, weight in weights.items() if weight}
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(recipe.seed)
            for part in self._parts:
                changes = {name: part.change(name) for name in nonzero if name in part.changed_by}
                mixed = part.before.float()
                if changes:
                    factors = [nonzero[name] for name in changes]
                    mixed = mixed + _combine(list(changes.values()), factors, len(nonzero), recipe)
                part.weight.copy_(mixed)
        return self._model

    def policy(self, weights: Mapping[str, float], recipe: Recipe, tokenizer: str, name: str) -> Policy:
        """The mixture as a policy, with the tokenizer of a folder."""
        return replace(as_policy(self.mix(weights, recipe), tokenizer), name=name)

    def write(
        self, weights: Mapping[str, float], recipe: Recipe, out: Path, run: Path | None = None
    ) -> tuple[bool, MergeDifference]:
        """Writes the mixture as a transformers model; a linear mixture of adapters also to the subfolder `adapter`.

        What was written is loaded again and compared: with the base under the unmerged adapters for a linear mixture of
        adapters, and otherwise with the mixture in memory. The merger cannot be used afterwards.

        Args:
            weights: name -> weight.
            recipe: how the changes are combined.
            out: the folder.
            run: the run that the folder belongs to, if any.

        Returns:
            Whether an adapter was written, and the difference.

        Raises:
            UserError: what was written is another model.
        """
        sequences = adapter_merge.make_probe_sequences(self._model)
        has_adapter = self._peft is not None and recipe.method == "linear"
        if has_adapter:
            self.mix({}, recipe)
            self._write_adapter(weights, out / "adapter", run)
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(WEIGHTED_ADAPTER)
            before = adapter_merge.measure_probes(self._peft, sequences, "causal")
            self._peft.base_model.disable_adapter_layers()
        model = self.mix(weights, recipe)
        if not has_adapter:
            before = adapter_merge.measure_probes(model, sequences, "causal")
        if self._peft is not None:
            model = self._peft.unload()
        model.config.use_cache = True
        model.save_pretrained(out)
        device = model.device
        model.to("meta")  # frees its memory before the saved model is loaded
        difference = adapter_merge.check_saved(before, out, "causal", device, self._untied)
        if not difference.is_equal:
            raise adapter_merge.difference_error(difference, str(out), "Merge models trained on other layers.")
        return has_adapter, difference

    def _write_adapter(self, weights: Mapping[str, float], folder: Path, run: Path | None) -> None:
        """Writes the weighted sum as one adapter: the factors concatenated, with the sum of all ranks."""
        from peft.tuners.lora import LoraLayer

        names = [_adapter_name(index) for index in range(len(self._names))]
        factors = [weights.get(name, 0.0) for name in self._names]
        self._peft.add_weighted_adapter(names, factors, WEIGHTED_ADAPTER, combination_type="cat")
        config = self._peft.peft_config[WEIGHTED_ADAPTER]
        # The factors include all scales, so the scale must be 1: alpha / r is, alpha / sqrt(r) (rsLoRA) is not.
        config.use_rslora = False
        for module in self._peft.modules():
            if isinstance(module, LoraLayer) and WEIGHTED_ADAPTER in module.scaling:
                module.scaling[WEIGHTED_ADAPTER] = 1.0
        config.base_model_name_or_path = opening.describe_base(self.base, folder, run)
        self._peft.save_pretrained(folder, selected_adapters=[WEIGHTED_ADAPTER], save_embedding_layers=False)
        for file in (folder / WEIGHTED_ADAPTER).iterdir():
            file.rename(folder / file.name)
        (folder / WEIGHTED_ADAPTER).rmdir()
        (folder / "README.md").unlink(missing_ok=True)  # an empty template that peft adds

    def _attach_adapters(self, changed: Mapping[str, Path]) -> "Iterator[_AdapterWeight]":
        from peft.tuners.lora import LoraLayer

        for index, folder in enumerate(changed.values()):
            _check_adapter(folder)
            self._peft = opening.attach_adapter(self._peft or self._model, str(folder), _adapter_name(index))
        assert self._peft is not None
        if adapter_merge.needs_untying(self._peft):
            adapter_merge.untie(self._model)
            self._untied = True
        self._peft.base_model.disable_adapter_layers()
        adapter_names = {name: _adapter_name(index) for index, name in enumerate(changed)}
        for module in self._peft.modules():
            if isinstance(module, LoraLayer):
                attached = {
                    name: a for name, a in adapter_names.items() if a in module.lora_A or a in module.lora_embedding_A
                }
                weight = module.get_base_layer().weight
                yield _AdapterWeight(weight, weight.detach().clone(), module, attached)

    def _load_whole_models(self, changed: Mapping[str, Path]) -> "Iterator[_ModelWeight]":
        models = {name: load_model(str(folder), "causal", self.precision) for name, folder in changed.items()}
        loaded = (self._model, *models.values())
        tied = [one for one in loaded if adapter_merge.is_tied(one)]
        if len(tied) < len(loaded):
            self._untied = self._model in tied
            for one in tied:
                adapter_merge.untie(one)
        yield from _pair_weights(self._model, models, self.base, changed)


class _ChangedWeight(Protocol):
    """A weight of the base that some of the models changed."""

    @property
    def weight(self) -> "torch.Tensor":
        """The weight as it is in the model now."""

    @property
    def before(self) -> "torch.Tensor":
        """The weight as it is in the base."""

    @property
    def changed_by(self) -> Collection[str]:
        """Names of the models that changed it."""

    def change(self, name: str) -> "torch.Tensor":
        """The change that one of them made, in float32."""


@dataclass(frozen=True)
class _AdapterWeight:
    """The weight of a layer with adapters attached; `adapter_names`: model name -> peft's name of its adapter."""

    weight: "torch.Tensor"
    before: "torch.Tensor"
    module: Any
    adapter_names: Mapping[str, str]

    @property
    def changed_by(self) -> Collection[str]:
        return self.adapter_names.keys()

    def change(self, name: str) -> "torch.Tensor":
        change: torch.Tensor = self.module.get_delta_weight(self.adapter_names[name])
        return change.float()


@dataclass(frozen=True)
class _ModelWeight:
    """A parameter of the base, and the same parameter of the full models."""

    weight: "torch.Tensor"
    before: "torch.Tensor"
    others: "Mapping[str, torch.Tensor]"

    @property
    def changed_by(self) -> Collection[str]:
        return self.others.keys()

    def change(self, name: str) -> "torch.Tensor":
        return self.others[name].to(self.before.device).float() - self.before.float()


def _pair_weights(
    model: Any, models: Mapping[str, Any], base: str, changed: Mapping[str, Path]
) -> Iterator[_ModelWeight]:
    """Yields each parameter of the base with the same one of the full models."""
    others = {name: dict(other.named_parameters()) for name, other in models.items()}
    base_weights = dict(model.named_parameters())
    for name, weights in others.items():
        keys = base_weights.keys() | weights.keys()
        differing = [key for key in keys if _shape(base_weights, key) != _shape(weights, key)]
        if differing:
            raise UserError(
                f"its weights differ in shape from those of {base}: {len(differing)} of them, such as "
                f"{min(differing)}.",
                where=str(changed[name]),
                mend="Merge only models trained from the same base.",
            )
    for key, weight in base_weights.items():
        same_weight = {name: weights[key].detach() for name, weights in others.items()}
        yield _ModelWeight(weight, weight.detach().clone(), same_weight)


def _shape(parameters: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    return tuple(parameters[key].shape) if key in parameters else None


def _adapter_name(index: int) -> str:
    """An adapter's name in peft: an objective can have any name, a torch module cannot."""
    return f"part{index}"


def _check_adapter(folder: Path) -> None:
    settings = read_json_object(folder / ADAPTER_CONFIG)
    reasons = [reason for key, reason in UNSUPPORTED_SETTINGS.items() if settings.get(key)]
    if settings.get("peft_type") != "LORA":
        reasons = [f"its type is {settings.get('peft_type')}, not LORA"]
    if settings.get("bias", "none") != "none":
        reasons.append("it trains biases")
    if reasons:
        raise UserError(
            f"this adapter cannot be merged: {', '.join(reasons)}.",
            where=str(folder),
            mend="Train the objectives with LoRA on linear layers only, or fully.",
        )


def _combine(
    changes: "Sequence[torch.Tensor]", weights: Sequence[float], models: int, recipe: Recipe
) -> "torch.Tensor":
    """The combined change of one matrix, in the shape of its changes; `models` is n of the module's table."""
    import torch
    from peft.utils import merge_utils

    tensors, factors = list(changes), torch.tensor(weights, device=changes[0].device)
    mixed: torch.Tensor
    if recipe.method == "linear":
        mixed = merge_utils.task_arithmetic(tensors, factors)
    elif recipe.method == "dare_linear":
        mixed = merge_utils.dare_linear(tensors, factors, recipe.density)
    else:
        merge = merge_utils.ties if recipe.method == "ties" else merge_utils.dare_ties
        mixed = merge(tensors, factors * models, recipe.density)
    return mixed
