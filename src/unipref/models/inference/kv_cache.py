"""A cache of keys and values for generation: extracted from a forward pass, grown in place, reduced text by text.

transformers' own cache is copied with every token; this one only when it is full. In transformers' cache every text has
the columns of the longest prompt; here the generated tokens of each text directly follow its own prompt.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MIN_GROWTH = 32
"""Minimum number of columns by which full keys and values grow."""


@dataclass(eq=False)
class PromptStates:
    """Keys and values of several prompts, stacked.

    Attributes:
        layers: keys and values per layer, (texts, heads, columns, width); None for a layer without its own.
        lengths: tokens of each prompt; columns beyond are padding.
    """

    layers: "list[tuple[torch.Tensor, torch.Tensor] | None]"
    lengths: list[int]

    @functools.cached_property
    def longest(self) -> int:
        """Number of columns of each text."""
        return max(self.lengths)

    def bytes_per_token(self) -> int:
        """Bytes per token of one text, over all layers."""
        return sum(states[0, :, 0].nbytes for layer in self.layers if layer is not None for states in layer)


def extract_states(cache: Any, rows: Sequence[int], paths: Sequence[Sequence[int]]) -> PromptStates:
    """Copies the keys and values of some texts from a cache whose rows hold several texts.

    Args:
        cache: the cache of a pass over the rows.
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
    return PromptStates(layers, lengths)


class WritePositions:
    """The columns of the next tokens, shared by all layers of a cache.

    Attributes:
        at: (texts,) the column of each text's next token.
        columns: number of columns in use, including the next tokens.
    """

    def __init__(self) -> None:
        self.at: torch.Tensor
        self.columns = 0


class GrowingLayer:
    """One layer of the cache, with the interface that transformers expects: adds keys and values, and returns all."""

    is_compileable = False
    is_sliding = False
    is_croppable = False
    is_initialized = True

    def __init__(
        self, parts: "Sequence[tuple[torch.Tensor, torch.Tensor]]", most: int, write_positions: WritePositions
    ) -> None:
        import torch

        self.most, self.write_positions, width = most, write_positions, write_positions.columns
        self.stores: list[torch.Tensor] = []
        for states in zip(*parts, strict=True):
            texts = sum(part.shape[0] for part in states)
            _, heads, _, size = states[0].shape
            store = torch.zeros(
                (texts, heads, min(width + MIN_GROWTH, most), size), dtype=states[0].dtype, device=states[0].device
            )
            start = 0
            for part in states:
                columns = min(width, part.shape[2])
                store[start : start + part.shape[0], :, :columns] = part[:, :, :columns]
                start += part.shape[0]
            self.stores.append(store)

    @property
    def keys(self) -> "torch.Tensor":
        """The keys in use, (texts, heads, columns, width)."""
        return self.stores[0][:, :, : self.write_positions.columns]

    @property
    def values(self) -> "torch.Tensor":
        """The values in use, shaped like `keys`."""
        return self.stores[1][:, :, : self.write_positions.columns]

    def update(
        self, keys: "torch.Tensor", values: "torch.Tensor", *args: Any, **kwargs: Any
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Adds the next token of each text, and returns all keys and values."""
        import torch

        texts = torch.arange(len(self.write_positions.at), device=keys.device)
        at = self.write_positions.at.to(keys.device)
        for place, states in enumerate((keys, values)):
            size = self.stores[place].shape[2]
            if self.write_positions.columns > size:
                more = min(max(MIN_GROWTH, size // 2), self.most - size)
                self.stores[place] = torch.nn.functional.pad(self.stores[place], (0, 0, 0, more))
            self.stores[place][texts, :, at] = states[:, :, 0]
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Number of columns in use."""
        return self.write_positions.columns

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Number of columns including the next tokens, and the offset of the first."""
        return self.write_positions.columns, 0


def merge_states(parts: Sequence[tuple[PromptStates, Sequence[int]]], most: int) -> tuple[Any, WritePositions]:
    """Merges texts of several parts, in order, into one cache for the model; also returns its write positions.

    Args:
        parts: keys and values of prompts, and the indices of the texts to use.
        most: number of columns that is enough for every text.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import CacheLayerMixin, DynamicLayer

    CacheLayerMixin.register(GrowingLayer)  # transformers checks the type
    write_positions = WritePositions()
    write_positions.columns = max(part.lengths[text] for part, texts in parts for text in texts)
    cache = DynamicCache()
    for layers in zip(*(part.layers for part, _ in parts), strict=True):
        layer_states = [
            (layer[0][list(texts)], layer[1][list(texts)])
            for layer, (_, texts) in zip(layers, parts, strict=True)
            if layer is not None
        ]
        cache.layers.append(GrowingLayer(layer_states, most, write_positions) if layer_states else DynamicLayer())
    return cache, write_positions


def keep_texts(cache: Any, texts: "torch.Tensor") -> None:
    """Removes all texts from a cache except these."""
    for layer in cache.layers:
        if isinstance(layer, GrowingLayer):
            layer.stores = [store[texts] for store in layer.stores]
