"""Reads the published text files of WinoBias as tokens and coreference clusters.

A line such as `2 [The janitor] reprimanded the accountant because [she] got less.` becomes the tokens and the flattened
ends of its bracketed spans (start, end, start, end, ...), which is what the data set's CoNLL form holds.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unipref.core.errors import UserError, near_name

FEMALE = frozenset({"she", "her", "hers"})
PRONOUNS = ("he", "she", "him", "her", "his", "hers")
"""In the order in which the paper's code searches for one."""

_GENDERED = frozenset({*PRONOUNS, "himself", "herself"})


@dataclass(frozen=True)
class Sentence:
    """One sentence of a pair.

    Attributes:
        tokens: words and punctuation marks.
        ends: first and last token of each bracketed span, flattened; the person's span comes first.
        other: the other person's noun, lower-cased; empty if none was found.
    """

    tokens: tuple[str, ...]
    ends: tuple[int, ...]
    other: str = ""

    @property
    def referent(self) -> str:
        """The noun of the person that the pronoun refers to: the last token of the first span, in its original case."""
        return self.tokens[self.ends[1]]

    @property
    def occupation(self) -> str:
        """The full name of the person that the pronoun refers to, without articles, in lower case."""
        words = [token.lower() for token in self.tokens[self.ends[0] : self.ends[1] + 1]]
        return " ".join(word for word in words if word not in ("the", "a", "an"))

    @property
    def cluster(self) -> list[str]:
        """The words at the span ends: the article, the noun, and each pronoun twice."""
        return [self.tokens[end] for end in self.ends]

    @property
    def neutral(self) -> tuple[str, ...]:
        """The tokens, lower-cased, with every gendered pronoun replaced by one placeholder."""
        return tuple("<pronoun>" if token.lower() in _GENDERED else token.lower() for token in self.tokens)

    def pronoun(self, among: Collection[str]) -> str | None:
        """The first of `PRONOUNS` that occurs in these words, or None."""
        lowered = {word.lower() for word in among}
        return next((pronoun for pronoun in PRONOUNS if pronoun in lowered), None)


@dataclass(frozen=True)
class Pair:
    """The sentences of the same line of the pro- and the anti-stereotypical file of a type (1 or 2)."""

    type: int
    line: int
    pro: Sentence
    anti: Sentence

    @property
    def matches(self) -> bool:
        """Whether the two differ only in the gender of the pronouns, and refer to the same person."""
        return self.pro.neutral == self.anti.neutral and self.pro.ends[:2] == self.anti.ends[:2]


def read_pairs(folder: Path, split: str) -> tuple[list[Pair], list[str]]:
    """Reads all pairs of a split, type 1 first, with notes about lines that could not be read.

    Raises:
        UserError: a file is missing, or pro and anti have different numbers of lines.
    """
    pairs: list[Pair] = []
    notes: list[str] = []
    for kind in (1, 2):
        pro, anti = (_read_lines(folder / f"{side}_stereotyped_type{kind}.txt.{split}") for side in ("pro", "anti"))
        if len(pro) != len(anti):
            raise UserError(
                f"pro and anti need the same number of lines, but type {kind} has {len(pro)} and {len(anti)}.",
                where=str(folder),
                mend="Download the files again from the WinoBias repository.",
            )
        for number, (left, right) in enumerate(zip(pro, anti, strict=True), start=1):
            sentences = [parse_line(left), parse_line(right)]
            if sentences[0] is None or sentences[1] is None:
                notes.append(f"type {kind} line {number} skipped: its brackets do not mark a person and a pronoun.")
            else:
                pairs.append(Pair(kind, number, sentences[0], sentences[1]))
    return list(_add_other_nouns(pairs)), notes


def parse_line(line: str) -> Sentence | None:
    """Parses a bracketed line, without its number, to tokens and span ends; None if the brackets are invalid."""
    spaced = re.sub(r'([\[\].,;:!?"])', r" \1 ", re.sub(r"^\s*\d+\s+", "", line))
    tokens: list[str] = []
    ends: list[int] = []
    start: int | None = None
    for word in spaced.split():
        if word == "[" and start is None:
            start = len(tokens)
        elif word == "]" and start is not None and start < len(tokens):
            ends += [start, len(tokens) - 1]
            start = None
        elif word in "[]":
            return None
        else:
            tokens.append(word)
    return Sentence(tuple(tokens), tuple(ends)) if start is None and len(ends) >= 4 else None


def _add_other_nouns(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Adds the other person's noun: the first word that is the referent of another sentence but not of this one."""
    nouns = {sentence.referent.lower() for pair in pairs for sentence in (pair.pro, pair.anti)}

    def other(sentence: Sentence) -> str:
        lowered = (token.lower() for token in sentence.tokens)
        return next((word for word in lowered if word in nouns and word != sentence.referent.lower()), "")

    for pair in pairs:
        pro, anti = (replace(sentence, other=other(sentence)) for sentence in (pair.pro, pair.anti))
        yield replace(pair, pro=pro, anti=anti)


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            f"the file {path.name} of WinoBias is missing.", where=str(path.parent), mend=near_name(path.name, names)
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"it cannot be read as text: {error}.", where=str(path)) from error
    return [line for line in text.splitlines() if line.strip()]
