"""What a format is made of: base classes, helpers that read fields and turns, and helpers that recognise columns.

A format of your own, inside unipref or outside, needs nothing besides this module and the names of `unipref` itself.

Base classes: `Mapped` for any shape; `Dialogues`, `OneAnswer` and `TwoAnswers` for those that have such parts.
Reading: `get_path`, `read_text`, `read_number`, `read_answer`, `join_texts` take a value from a row or raise `Reject`;
`user_prompt`, `assistant_turn`, `parse_turns` and `split_dialogue` make messages of it.
Recognising: `Mapped.recognise` gets the `Columns` of some rows and returns a `Guess` or None.
"""

from unipref.core.display import describe_value
from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    Guess,
    find_prompt,
    find_prompt_and_answer,
    find_scores,
    path_setting,
    quote_names,
)
from unipref.unify.format_bases.dialogue import Dialogues, OneAnswer
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.format_bases.two_answers import TwoAnswers
from unipref.unify.mapping.fields import Path, Paths, join_texts, read_answer, read_number, read_text
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.scores import AxisSpec, Scale
from unipref.unify.mapping.turns import assistant_turn, parse_turns, split_dialogue, user_prompt

__all__ = [
    "PLACEHOLDER",
    "AxisSpec",
    "Column",
    "Columns",
    "Dialogues",
    "Guess",
    "Mapped",
    "OneAnswer",
    "Path",
    "Paths",
    "Scale",
    "TwoAnswers",
    "assistant_turn",
    "describe_value",
    "find_prompt",
    "find_prompt_and_answer",
    "find_scores",
    "get_path",
    "join_texts",
    "parse_turns",
    "path_setting",
    "quote_names",
    "read_answer",
    "read_number",
    "read_text",
    "split_dialogue",
    "user_prompt",
]
