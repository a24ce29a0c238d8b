"""Models trained from one base, combined by weight: what each changed in the base's weights is added up.

With W the base's weights and t_i what the i-th of n models changed in them (an adapter: t = scale B A), the mixture is
W + d. Matrix by matrix, in float32, with weights w_i and density p:

| method | d |
|---|---|
| `linear` | sum of w_i t_i |
| `dare_linear` | sum of w_i t_i, where each entry of t_i was kept with probability p, and divided by p |
| `ties` | n times the mean of w_i t_i over the models where the entry, if kept, has the sign of the sum of kept t_i |
| `dare_ties` | as `ties`, entries kept as in `dare_linear` |

Sources: model soups (Wortsman et al. 2022, arXiv 2203.05482) and task arithmetic (Ilharco et al. 2023, arXiv
2212.04089); TIES (Yadav et al. 2023, arXiv 2306.01708); DARE (Yu et al. 2024, arXiv 2311.03099).

TIES keeps the share p of t_i's entries that are largest. With the factor n, weights of 1/n give the published TIES, and
weights have one meaning in all methods. A model of weight 0 is not among the n: it elects no signs.

The arithmetic is peft's, but done on the matrices rather than by peft's weighted adapters of these names: those add A
and B each by itself, and (B1 + B2)(A1 + A2) has products that no model was trained for. Their forms ending in `svd` cut
d, of full rank with TIES and DARE, down to the rank of an adapter.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from unipref.core.errors import UserError
from unipref.models.loading import ADAPTER_CONFIG, Policy, as_policy, best_device, load_model

if TYPE_CHECKING:
    import torch

Method = Literal["linear", "ties", "dare_linear", "dare_ties"]
SPARSE = ("ties", "dare_linear", "dare_ties")
"""Methods that keep a share of the entries."""

WEIGHTED = "weighted"
"""peft's name for the weighted sum."""

NOT_ADDED = {
    "use_dora": "it rescales whole weights (DoRA)",
    "lora_bias": "it trains biases",
    "modules_to_save": "it has layers trained in full (modules_to_save)",
    "trainable_token_indices": "it trains single tokens",
    "target_parameters": "it targets bare parameters",
    "layer_replication": "it repeats layers",
}
"""Settings of adapters whose change is not, or not only, scale B A."""


@dataclass(frozen=True)
class Recipe:
    """How changes are combined.

    Attributes:
        method: see above.
        density: share of the entries that is kept, in (0, 1]; `linear` keeps all.
        seed: of the draw of the DARE methods.
    """

    method: Method = "linear"
    density: float = 0.5
    seed: int = 0


class WeightMerger:
    """A base in memory whose weights become any mixture of what several models changed in them.

    The base is loaded once, and the adapters lie beside it; the weights that change are held twice. Models without
    adapters are held whole, in the memory of the CPU.

    Args:
        base: folder or hub name of what all were trained from.
        changed: name -> folder of an adapter, or of a whole model.
        adapters: whether the folders hold adapters.

    Raises:
        UserError: an adapter or model does not fit the base, or has changes that cannot be added up.
    """

    def __init__(self, base: str, changed: Mapping[str, Path], adapters: bool) -> None:
        self.base, self._names = base, list(changed)
        self._peft: Any = None
        self._model: Any = load_model(base, "causal").to(best_device())
        self._parts: list[_Part] = list(self._lay_adapters(changed) if adapters else _whole(self._model, base, changed))

    def mix(self, weights: Mapping[str, float], recipe: Recipe) -> Any:
        """The model with the mixture as its weights; good until the next mixture.

        Args:
            weights: name -> weight, of any sign and sum.
            recipe: how they are combined.
        """
        import torch

        used = {name: weight for name, weight in weights.items() if weight}
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(recipe.seed)
            for part in self._parts:
                changes = {name: part.change(name) for name in used if name in part.changed_by}
                after = part.before.float()
                if changes:
                    factors = [used[name] for name in changes]
                    after = after + _combined(list(changes.values()), factors, len(used), recipe)
                part.weight.copy_(after)
        return self._model

    def policy(self, weights: Mapping[str, float], recipe: Recipe, tokenizer: str, name: str) -> Policy:
        """The mixture, ready to be asked, with the tokenizer of a folder."""
        return replace(as_policy(self.mix(weights, recipe), tokenizer), name=name)

    def write(self, weights: Mapping[str, float], recipe: Recipe, out: Path) -> bool:
        """Writes the mixture as a model of transformers; a linear one of adapters also as the folder `adapter`.

        The pot is used up.

        Returns:
            Whether there is an adapter.
        """
        model = self.mix(weights, recipe)
        has_adapter = self._peft is not None and recipe.method == "linear"
        if has_adapter:
            self._write_adapter(weights, out / "adapter")
        if self._peft is not None:
            model = self._peft.unload()
        model.config.use_cache = True
        model.save_pretrained(out)
        return has_adapter

    def _write_adapter(self, weights: Mapping[str, float], folder: Path) -> None:
        """The weighted sum as one adapter: the factors side by side, of as much rank as all together."""
        every = [_called(place) for place in range(len(self._names))]
        factors = [weights.get(name, 0.0) for name in self._names]
        self._peft.add_weighted_adapter(every, factors, WEIGHTED, combination_type="cat")
        config = self._peft.peft_config[WEIGHTED]
        # All scales are in the factors by now, and alpha / r is 1; alpha / sqrt(r), by rank-stabilised LoRA, is not.
        config.use_rslora = False
        config.base_model_name_or_path = str(Path(self.base).resolve()) if Path(self.base).is_dir() else self.base
        self._peft.save_pretrained(folder, selected_adapters=[WEIGHTED], save_embedding_layers=False)
        for file in (folder / WEIGHTED).iterdir():
            file.rename(folder / file.name)
        (folder / WEIGHTED).rmdir()
        (folder / "README.md").unlink(missing_ok=True)  # an empty form that peft adds

    def _lay_adapters(self, changed: Mapping[str, Path]) -> "Iterator[_Layer]":
        from peft import PeftModel
        from peft.tuners.lora import LoraLayer

        for place, folder in enumerate(changed.values()):
            _check_adapter(folder)
            try:
                if self._peft is None:
                    self._peft = PeftModel.from_pretrained(self._model, folder, adapter_name=_called(place))
                else:
                    self._peft.load_adapter(folder, adapter_name=_called(place))
            except (OSError, ValueError, RuntimeError) as error:
                raise UserError(
                    f"this adapter does not fit its base model: {str(error).splitlines()[0]}",
                    where=str(folder),
                    mend=f"Its base was taken to be {self.base}.",
                ) from error
        assert self._peft is not None
        self._peft.base_model.disable_adapter_layers()
        called = {name: _called(place) for place, name in enumerate(changed)}
        for module in self._peft.modules():
            if isinstance(module, LoraLayer):
                here = {name: a for name, a in called.items() if a in module.lora_A or a in module.lora_embedding_A}
                weight = module.get_base_layer().weight
                yield _Layer(weight, weight.detach().clone(), module, here)


class _Part(Protocol):
    """A weight of the base that some of the models changed."""

    @property
    def weight(self) -> "torch.Tensor":
        """As it is in the model now."""

    @property
    def before(self) -> "torch.Tensor":
        """As it is in the base."""

    @property
    def changed_by(self) -> Collection[str]:
        """The models that changed it."""

    def change(self, name: str) -> "torch.Tensor":
        """What one of them changed, in float32."""


@dataclass(frozen=True)
class _Layer:
    """The weight of a layer with adapters beside it; `called` is peft's name for each."""

    weight: "torch.Tensor"
    before: "torch.Tensor"
    module: Any
    called: Mapping[str, str]

    @property
    def changed_by(self) -> Collection[str]:
        return self.called.keys()

    def change(self, name: str) -> "torch.Tensor":
        change: torch.Tensor = self.module.get_delta_weight(self.called[name])
        return change.float()


@dataclass(frozen=True)
class _Matrix:
    """A parameter, and the same parameter of whole models."""

    weight: "torch.Tensor"
    before: "torch.Tensor"
    others: "Mapping[str, torch.Tensor]"

    @property
    def changed_by(self) -> Collection[str]:
        return self.others.keys()

    def change(self, name: str) -> "torch.Tensor":
        return self.others[name].to(self.before.device).float() - self.before.float()


def _whole(model: Any, base: str, changed: Mapping[str, Path]) -> Iterator[_Matrix]:
    others = {name: dict(load_model(str(folder), "causal").named_parameters()) for name, folder in changed.items()}
    mine = dict(model.named_parameters())
    for name, theirs in others.items():
        differing = [key for key in mine.keys() | theirs.keys() if _shape(mine, key) != _shape(theirs, key)]
        if differing:
            raise UserError(
                f"its weights do not have the shapes of those of {base}: {len(differing)} differ, {min(differing)} "
                "among them.",
                where=str(changed[name]),
                mend="Only models trained from the same base can be combined.",
            )
    for key, weight in mine.items():
        yield _Matrix(weight, weight.detach().clone(), {name: their[key].detach() for name, their in others.items()})


def _shape(parameters: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    return tuple(parameters[key].shape) if key in parameters else None


def _called(place: int) -> str:
    """An adapter's name in peft: an objective may have any name, a layer of torch may not."""
    return f"part{place}"


def _check_adapter(folder: Path) -> None:
    settings = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    why = [said for key, said in NOT_ADDED.items() if settings.get(key)]
    if settings.get("peft_type") != "LORA":
        why = [f"it is of the kind {settings.get('peft_type')}"]
    if settings.get("bias", "none") != "none":
        why.append("it trains biases")
    if why:
        raise UserError(
            f"this adapter cannot be added to others: {', '.join(why)}.",
            where=str(folder),
            mend="Train the objectives with LoRA on linear layers alone, or in full.",
        )


def _combined(
    changes: "Sequence[torch.Tensor]", weights: Sequence[float], models: int, recipe: Recipe
) -> "torch.Tensor":
    """The change of one matrix, in the shape that its changes have; `models` is n of the module's table."""
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
