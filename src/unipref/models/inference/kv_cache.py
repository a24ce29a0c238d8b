"""Keys and values of texts that are being written: taken from what was read, grown in place, dropped text by text.

transformers' own cache is copied whole with every token; this one is copied when it is full. There, every text
has as many columns as the longest prompt and what was written after it; here, each goes on right after its own prompt.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SPARE = 32
"""Columns by which keys and values grow at least when they are full."""


@dataclass(eq=False)
class Taken:
    """Keys and values of the prompts of some texts, side by side.

    Attributes:
        layers: per layer keys and values, (texts, heads, columns, width); None of a layer without its own.
        lengths: tokens of each prompt; columns beyond are padding.
    """

    layers: "list[tuple[torch.Tensor, torch.Tensor] | None]"
    lengths: list[int]

    @functools.cached_property
    def longest(self) -> int:
        """Columns of each text."""
        return max(self.lengths)

    def bytes_per_token(self) -> int:
        """Of one text, over all layers."""
        return sum(states[0, :, 0].nbytes for layer in self.layers if layer is not None for states in layer)


def take(cache: Any, rows: Sequence[int], paths: Sequence[Sequence[int]]) -> Taken:
    """The keys and values of some texts out of a cache in which rows hold several.

    Args:
        cache: of rows that were read.
        rows: the row of each text.
        paths: the columns of each text's tokens.
    """
    import torch

    lengths = [len(path) for path in paths]
    columns = torch.tensor([[*path, *[0] * (max(lengths) - len(path))] for path in paths])
    row = torch.tensor(rows)[:, None]
    layers: list[tuple[torch.Tensor, torch.Tensor] | None] = []
    for layer in cache.layers:
        if layer.keys is None:
            layers.append(None)
            continue
        at = (row.to(layer.keys.device), columns.to(layer.keys.device))
        keys, values = (states.transpose(1, 2)[at].transpose(1, 2) for states in (layer.keys, layer.values))
        layers.append((keys, values))
    return Taken(layers, lengths)


class Places:
    """Where the next tokens go, for all layers of a cache.

    Attributes:
        at: (texts,) the column of each text's next token.
        columns: up to which there is anything then.
    """

    def __init__(self) -> None:
        self.at: torch.Tensor
        self.columns = 0


class Layer:
    """What a model's layer asks of its cache: to add keys and values, and to give all."""

    is_compileable = False
    is_sliding = False
    is_croppable = False
    is_initialized = True

    def __init__(self, parts: "Sequence[tuple[torch.Tensor, torch.Tensor]]", most: int, places: Places) -> None:
        import torch

        self.most, self.places, width = most, places, places.columns
        self.stores: list[torch.Tensor] = []
        for states in zip(*parts, strict=True):
            texts = sum(part.shape[0] for part in states)
            _, heads, _, size = states[0].shape
            store = torch.zeros(
                (texts, heads, min(width + SPARE, most), size), dtype=states[0].dtype, device=states[0].device
            )
            start = 0
            for part in states:
                columns = min(width, part.shape[2])
                store[start : start + part.shape[0], :, :columns] = part[:, :, :columns]
                start += part.shape[0]
            self.stores.append(store)

    @property
    def keys(self) -> "torch.Tensor":
        """(texts, heads, columns, width) so far."""
        return self.stores[0][:, :, : self.places.columns]

    @property
    def values(self) -> "torch.Tensor":
        """As `keys`."""
        return self.stores[1][:, :, : self.places.columns]

    def update(
        self, keys: "torch.Tensor", values: "torch.Tensor", *args: Any, **kwargs: Any
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Adds the next token of each text, and gives all there are."""
        import torch

        texts = torch.arange(len(self.places.at), device=keys.device)
        at = self.places.at.to(keys.device)
        for place, states in enumerate((keys, values)):
            size = self.stores[place].shape[2]
            if self.places.columns > size:
                more = min(max(SPARE, size // 2), self.most - size)
                self.stores[place] = torch.nn.functional.pad(self.stores[place], (0, 0, 0, more))
            self.stores[place][texts, :, at] = states[:, :, 0]
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Columns so far."""
        return self.places.columns

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns with the next tokens, and where they start."""
        return self.places.columns, 0


def together(parts: Sequence[tuple[Taken, Sequence[int]]], most: int) -> tuple[Any, Places]:
    """One cache, as models take it, of some texts out of each part, in their order; and where its next tokens go.

    Args:
        parts: keys and values of prompts, and which texts of them.
        most: columns that are enough for every text.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import CacheLayerMixin, DynamicLayer

    CacheLayerMixin.register(Layer)  # transformers asks for the type
    places = Places()
    places.columns = max(part.lengths[text] for part, texts in parts for text in texts)
    cache = DynamicCache()
    for layers in zip(*(part.layers for part, _ in parts), strict=True):
        own = [
            (layer[0][list(texts)], layer[1][list(texts)])
            for layer, (_, texts) in zip(layers, parts, strict=True)
            if layer is not None
        ]
        cache.layers.append(Layer(own, most, places) if own else DynamicLayer())
    return cache, places


def keep(cache: Any, texts: "torch.Tensor") -> None:
    """Drops all texts of a cache but these."""
    for layer in cache.layers:
        if isinstance(layer, Layer):
            layer.stores = [store[texts] for store in layer.stores]
