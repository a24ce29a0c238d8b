"""Adds constraints to prompts: instructions about the form of an answer that a rule can check.

The rules are IFEval's types of instructions, the wordings are unipref's own. A model that learns to follow them is
better at these types in other words, which is what IFEval measures; it has seen neither its prompts nor its wordings.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from unipref.core.answer_checks.ifeval import SENTENCES
from unipref.core.contracts import Settings
from unipref.core.errors import UserError, near_name
from unipref.core.records import Message, Messages
from unipref.core.text_keys import prompt_key

Arguments = dict[str, Any]
Draw = Callable[[np.random.Generator, str], tuple[Arguments, dict[str, str]]]
"""Random generator and prompt -> the arguments of the rule, and the words that fill the template."""

COMMON = ("example", "reason", "people", "together", "simple", "morning", "question", "important", "careful", "small")
_WORD = re.compile(r"[a-z]{5,11}")
_ENDINGS = ("That is all for now.", "I hope this is useful.", "Ask me again at any time.", "This is my final word.")
_LANGUAGES = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese"}


class Template(NamedTuple):
    """One kind of constraint.

    Attributes:
        groups: constraints with a common group are never given together, because no answer could follow both easily;
            those of the group `whole` stand alone.
        texts: wordings; braces stand for what `draw` gives.
        draw: chooses the arguments; None: the rule has none.
    """

    groups: tuple[str, ...]
    texts: tuple[str, ...]
    draw: Draw | None = None


class Constraint(NamedTuple):
    """A constraint of one prompt: its type and arguments as in IFEval, and its wording."""

    kind: str
    arguments: Arguments
    text: str


def _words_of(prompt: str) -> list[str]:
    """Returns the longer words of a prompt, in order; common words if it has fewer than three."""
    words = list(dict.fromkeys(_WORD.findall(prompt.lower())))
    return words if len(words) >= 3 else [*words, *(word for word in COMMON if word not in words)]


def _draw_words(count: int, name: str, *, is_known: bool = True) -> Draw:
    def draw(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
        words = _words_of(prompt) if is_known else [word for word in COMMON if word not in prompt.lower()]
        chosen = sorted(str(word) for word in rng.choice(words, size=min(count, len(words)), replace=False))
        return {name: chosen}, {"words": " and ".join(f'"{word}"' for word in chosen)}

    return draw


def _draw_number(name: str, numbers: Sequence[int], **fixed: Any) -> Draw:
    def draw(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
        number = int(rng.choice(numbers))
        return {name: number, **fixed}, {"number": str(number)}

    return draw


def _draw_value(name: str, values: Sequence[str]) -> Draw:
    def draw(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
        value = str(rng.choice(values))
        return {name: value}, {"value": value}

    return draw


def _draw_frequency(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
    word, number = str(rng.choice(_words_of(prompt))), int(rng.integers(2, 4))
    return {"keyword": word, "frequency": number, "relation": "at least"}, {"value": word, "number": str(number)}


def _draw_letter(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
    letter, number = str(rng.choice(list("bcdfghklmpvwy"))), int(rng.integers(4, 9))
    arguments = {"letter": letter, "let_frequency": number, "let_relation": "at least"}
    return arguments, {"value": letter, "number": str(number)}


def _draw_sections(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
    word, number = str(rng.choice(["Part", "Chapter", "Step"])), int(rng.integers(2, 4))
    return {"section_spliter": word, "num_sections": number}, {"value": word, "number": str(number)}


def _draw_language(rng: np.random.Generator, prompt: str) -> tuple[Arguments, dict[str, str]]:
    code = str(rng.choice(sorted(_LANGUAGES)))
    return {"language": code}, {"value": _LANGUAGES[code]}


TEMPLATES: dict[str, Template] = {
    "keywords:existence": Template(
        ("keywords",),
        ("Work the words {words} into what you write.", "Please use {words} somewhere in your text."),
        _draw_words(2, "keywords"),
    ),
    "keywords:forbidden_words": Template(
        ("keywords",),
        ("Leave out the words {words}.", "The words {words} may not occur in your text."),
        _draw_words(2, "forbidden_words", is_known=False),
    ),
    "keywords:frequency": Template(
        ("keywords",),
        ('Say "{value}" {number} times or more.', 'Use the word "{value}" no fewer than {number} times.'),
        _draw_frequency,
    ),
    "keywords:letter_frequency": Template(
        ("length",), ('Your text needs {number} or more of the letter "{value}".',), _draw_letter
    ),
    "length_constraints:number_words#least": Template(
        ("length",),
        ("Write {number} words or more.", "Make it {number} words long, or longer."),
        _draw_number("num_words", (40, 60, 80, 100), relation="at least"),
    ),
    "length_constraints:number_words#most": Template(
        ("length",),
        ("Stay below {number} words.", "Be brief: fewer than {number} words."),
        _draw_number("num_words", (30, 50, 80), relation="less than"),
    ),
    "length_constraints:number_paragraphs": Template(
        ("parts",),
        ("Write {number} paragraphs, with a line of three stars (***) between one and the next.",),
        _draw_number("num_paragraphs", (2, 3)),
    ),
    "detectable_content:postscript": Template(
        ("end", "case"),
        ("After the end, add a note that starts with P.S.",),
        lambda rng, prompt: ({"postscript_marker": "P.S."}, {}),
    ),
    "detectable_content:number_placeholders": Template(
        ("placeholders",),
        ("Leave {number} or more blanks for me to fill in, each named in square brackets, like [city].",),
        _draw_number("num_placeholders", (1, 2, 3)),
    ),
    "detectable_format:number_bullet_lists": Template(
        ("parts",),
        ("Give it as a list of {number} points, each on a line that starts with a star and a blank (* like this).",),
        _draw_number("num_bullets", (2, 3, 4, 5)),
    ),
    "detectable_format:number_highlighted_sections": Template(
        ("highlights",),
        ("Put {number} or more phrases between stars, *like these words*.",),
        _draw_number("num_highlights", (1, 2, 3)),
    ),
    "detectable_format:multiple_sections": Template(
        ("parts", "case"),
        ("Divide it into {number} pieces, headed {value} 1, {value} 2 and so on.",),
        _draw_sections,
    ),
    "detectable_format:title": Template(
        ("title",),
        ("Begin with a heading between double angle brackets: <<heading>>.", "Name your text, as in <<the name>>."),
    ),
    "detectable_format:json_format": Template(("whole",), ("Reply with nothing but valid JSON.",)),
    "combination:two_responses": Template(
        ("whole",), ("Answer twice, in different ways. Put a line of six stars (******) between the two.",)
    ),
    "startend:end_checker": Template(
        ("end", "case"),
        ('Let "{value}" be your last words.', 'Close with exactly: "{value}"'),
        _draw_value("end_phrase", _ENDINGS),
    ),
    "startend:quotation": Template(("whole",), ('Put all of it between two double quotes, "like this".',)),
    "change_case:english_capital": Template(
        ("case",), ("Write in capitals only, in English.", "USE CAPITALS FOR EVERY WORD, in English.")
    ),
    "change_case:english_lowercase": Template(("case",), ("Write in English, and never use a capital.",)),
    "punctuation:no_comma": Template(("commas",), ("Do without commas.", "A comma may not occur anywhere.")),
    "language:response_language": Template(("whole",), ("Write it all in {value}.",), _draw_language),
}
"""Type of instruction, with `#` and a variant where one type has two -> its template. Types whose checkers need NLTK's
table are missing, so that the same answers get the same scores on every machine."""


class ConstraintSettings(Settings):
    """Which constraints are added to prompts."""

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the prompts that get constraints."""
    most: int = Field(default=2, ge=1, le=4)
    """Most constraints of a prompt; the number is drawn evenly from 1. Fewer fit beside one about the whole answer."""
    only: list[str] = []
    """Types of instructions to draw from, such as `punctuation:no_comma`; default: all that unipref has words for."""
    seed: int = 0
    """Seed of the draws. The constraints of a prompt depend on it and on the prompt alone."""

    @model_validator(mode="after")
    def _has_templates(self) -> "ConstraintSettings":
        known = {_kind_of(name) for name in TEMPLATES}
        if unknown := [name for name in self.only if name not in known]:
            raise UserError(
                f"unknown constraint '{unknown[0]}'.", where="constraints.only", mend=near_name(unknown[0], known)
            )
        return self


def _kind_of(name: str) -> str:
    return name.partition("#")[0]


def draw_constraints(prompt: Messages, settings: ConstraintSettings) -> list[Constraint]:
    """Draws the constraints of a prompt; empty for the share that gets none."""
    text = prompt[-1]["content"]
    rng = np.random.default_rng([settings.seed, int(prompt_key(prompt)[:15], 16)])
    if rng.random() >= settings.share:
        return []
    count = int(rng.integers(1, settings.most + 1))
    names = [name for name in TEMPLATES if not settings.only or _kind_of(name) in settings.only]
    chosen: list[str] = []
    groups: set[str] = set()
    for name in (names[int(place)] for place in rng.permutation(len(names))):
        own = {*TEMPLATES[name].groups}
        is_alone = bool(groups) and "whole" in own | groups
        if len(chosen) < count and not own & groups and not is_alone:
            chosen.append(name)
            groups |= own
    return [_word_constraint(name, rng, text) for name in chosen]


def _word_constraint(name: str, rng: np.random.Generator, prompt: str) -> Constraint:
    template = TEMPLATES[name]
    arguments, words = template.draw(rng, prompt) if template.draw else ({}, {})
    text = str(rng.choice(template.texts)).format(**words)
    return Constraint(_kind_of(name), arguments, text)


def add_constraints(prompt: Messages, constraints: Sequence[Constraint]) -> Messages:
    """Returns a prompt whose last user turn also states the constraints."""
    last = prompt[-1]
    content = "\n\n".join([last["content"].rstrip(), " ".join(constraint.text for constraint in constraints)])
    return [*prompt[:-1], Message(role=last["role"], content=content)]


def iterate_rules(rows: Sequence[tuple[Messages, Sequence[Constraint]]]) -> Iterator[dict[str, Any]]:
    """Yields the lines of a file of rules, as `core.answer_checks.prompt_file.Checker` reads it.

    A prompt of one user turn is a text, so that the benchmark `ifeval` can read the file too.
    """
    for number, (prompt, constraints) in enumerate(rows, start=1):
        if constraints:
            yield {
                "key": number,
                "prompt": prompt[0]["content"] if len(prompt) == 1 else prompt,
                "instruction_id_list": [constraint.kind for constraint in constraints],
                "kwargs": [constraint.arguments for constraint in constraints],
            }


if SENTENCES & {_kind_of(name) for name in TEMPLATES}:
    raise AssertionError("a template needs NLTK's table")
