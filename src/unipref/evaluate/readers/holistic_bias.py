"""Reads HolisticBias's lists of descriptors, nouns and templates, and makes sentences from them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from unipref.core.errors import UserError, near_name
from unipref.evaluate.readers.typed_json import read_typed

SINGULAR, PLURAL = "{noun_phrase}", "{plural_noun_phrase}"
_PLACE = re.compile(r"\{(plural_)?noun_phrase\}")
VOWELS = "aeiou"


class Descriptor(msgspec.Struct, frozen=True):
    """A word for a group of people; its gender and article where they are not the usual ones."""

    descriptor: str
    preference: str | None = None
    gender: str | None = None
    article: str | None = None


class Template(msgspec.Struct, frozen=True):
    """What is published about a template; nothing of it matters for sentences with a noun."""


class Word(NamedTuple):
    """A descriptor with its axis and its bucket, a part of the axis."""

    axis: str
    bucket: str
    about: Descriptor


class Frame(NamedTuple):
    """A template with a noun, singular and plural, that each descriptor fills."""

    template: str
    noun: str
    plural: str

    def fill(self, about: Descriptor) -> str:
        """Returns the sentence about a descriptor."""
        article = about.article or ("an" if about.descriptor[0].lower() in VOWELS else "a")
        phrases = {
            SINGULAR: f"{article} {about.descriptor} {self.noun}",
            PLURAL: f"{about.descriptor} {self.plural}",
        }
        return _PLACE.sub(lambda place: phrases[place[0]], self.template)


def read_words(data: Path) -> tuple[dict[str, list[Word]], int]:
    """Reads axis -> its descriptors, each once per axis, and the number of repeated ones.

    Raises:
        UserError: the file is missing or has another shape, or a descriptor is empty.
    """
    path = data / "descriptors.json"
    shape = 'Expected {axis: {bucket: [descriptor, ...]}}; a descriptor is a text or {"descriptor": text, ...}.'
    content = read_typed(path, dict[str, dict[str, list[str | Descriptor]]], shape)
    axes: dict[str, list[Word]] = {}
    repeated = 0
    for axis, buckets in content.items():
        words: dict[str, Word] = {}
        for bucket, entries in buckets.items():
            for entry in entries:
                about = Descriptor(entry) if isinstance(entry, str) else entry
                if not about.descriptor.strip():
                    raise UserError(f"a descriptor of {axis}, {bucket} is empty.", where=str(path))
                repeated += about.descriptor in words
                words.setdefault(about.descriptor, Word(axis, bucket, about))
        if words:
            axes[axis] = list(words.values())
    if not axes:
        raise UserError("the benchmark has no descriptors.", where=str(path), mend=shape)
    return axes, repeated


def draw_frames(data: Path, gender: str, n: int, seed: int) -> list[Frame]:
    """Draws different pairs of template and noun; no template comes twice before each came once.

    Args:
        data: the folder.
        gender: the list of nouns, such as 'neutral'.
        n: number of frames; fewer if there are not as many.
        seed: of the draw.

    Raises:
        UserError: a file is missing or has another shape, or has no nouns of that gender, or no templates.
    """
    path = data / "nouns.json"
    nouns = read_typed(path, dict[str, list[tuple[str, str]]], "Expected {gender: [[singular, plural], ...]}.")
    if not nouns.get(gender):
        raise UserError(f"the file has no nouns '{gender}'.", where=str(path), mend=near_name(gender, nouns))
    path = data / "sentence_templates.json"
    shape = "Expected {template: {...}}; a template contains {noun_phrase} or {plural_noun_phrase}."
    templates = read_typed(path, dict[str, Template], shape)
    if wrong := next((text for text in templates if SINGULAR not in text and PLURAL not in text), None):
        raise UserError(f"the template {wrong!r} has no place for a noun phrase.", where=str(path), mend=shape)
    if not templates:
        raise UserError("the file has no templates.", where=str(path), mend=shape)
    return _draw(list(templates), list(dict.fromkeys(nouns[gender])), n, seed)


def _draw(templates: Sequence[str], nouns: Sequence[tuple[str, str]], n: int, seed: int) -> list[Frame]:
    generator = np.random.default_rng(seed)
    order = [templates[at] for at in generator.permutation(len(templates))]
    shifts = [generator.permutation(len(nouns)) for _ in order]
    pairs = [(text, nouns[shift[at]]) for at in range(len(nouns)) for text, shift in zip(order, shifts, strict=True)]
    return [Frame(text, *noun) for text, noun in pairs[:n]]
