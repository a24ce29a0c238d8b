"""The texts to embed: streamed in batches, as often as they are needed."""

from collections.abc import Callable, Iterator

Texts = Callable[[], Iterator[list[str]]]
"""Gives the same batches of texts each time it is called: a stream that can be read more than once."""
