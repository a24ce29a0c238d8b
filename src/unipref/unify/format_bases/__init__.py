"""What a format is made of: base classes, helpers that read fields and turns, and helpers that recognise columns.

A format of your own, inside unipref or outside, needs nothing besides this module and the names of `unipref` itself.

Base classes: `Mapped` for any shape; `Dialogues`, `OneAnswer` and `TwoAnswers` for those that have such parts.
Reading: `get_path`, `text`, `number`, `answer_text`, `join_texts` take a value from a row or raise `Reject`;
`user_prompt`, `assistant_turn`, `conversation` and `split_dialogue` make messages of it.
Recognising: `Mapped.recognise` gets the `Columns` of some rows and returns a `Guess` or None.
"""

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import ASK, Guess, asked_in, paths, prompt_and_answer, quoted, scores_in
from unipref.unify.format_bases.dialogue import Dialogues, OneAnswer
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.format_bases.two_answers import TwoAnswers
from unipref.unify.mapping.fields import (
    AxisSpec,
    Path,
    Paths,
    Scale,
    answer_text,
    describe,
    get_path,
    join_texts,
    number,
    text,
)
from unipref.unify.mapping.turns import assistant_turn, conversation, split_dialogue, user_prompt

__all__ = [
    "ASK",
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
    "answer_text",
    "asked_in",
    "assistant_turn",
    "conversation",
    "describe",
    "get_path",
    "join_texts",
    "number",
    "paths",
    "prompt_and_answer",
    "quoted",
    "scores_in",
    "split_dialogue",
    "text",
    "user_prompt",
]
