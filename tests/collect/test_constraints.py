"""Constraints that are added to prompts: each wording asks for what its rule checks."""

import json
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from unipref.core.answer_checks.constraints import (
    COMMON,
    TEMPLATES,
    Constraint,
    ConstraintSettings,
    add_constraints,
    draw_constraints,
    iterate_rules,
)
from unipref.core.answer_checks.ifeval import Checks
from unipref.core.answer_checks.prompt_file import Checker
from unipref.core.errors import UserError
from unipref.core.records import Message, Messages

WORDS = "The garden near the river has many trees and flowers in every colour of the year. "


def ask(text: str) -> Messages:
    return [Message(role="user", content=text)]


FOLLOWED: dict[str, tuple[str, str]] = {
    "keywords:existence": ("write a travel story about castles", "no such thing"),
    "keywords:forbidden_words": ("A short tale.", " ".join(COMMON)),
    "keywords:letter_frequency": ("bcdfghklmpvwy" * 9, "aeiou"),
    "length_constraints:number_words#least": (WORDS * 10, "Too short."),
    "length_constraints:number_words#most": ("Short enough.", WORDS * 10),
    "detectable_content:postscript": ("A tale.\n\nP.S. It is true.", "A tale."),
    "detectable_content:number_placeholders": ("In [city] on [day] with [name].", "In a city."),
    "detectable_format:number_highlighted_sections": ("*One thing* and *two things* and *three*.", "None."),
    "detectable_format:title": ("<<A tale>>\nOnce.", "A tale. Once."),
    "detectable_format:json_format": ('{"tale": 1}', "A tale."),
    "combination:two_responses": ("One.\n******\nTwo.", "One."),
    "startend:quotation": ('"A tale."', "A tale."),
    "change_case:english_capital": (WORDS.upper(), WORDS),
    "change_case:english_lowercase": (WORDS.lower(), WORDS),
    "punctuation:no_comma": ("One and two.", "One, two."),
}  # fmt: skip
"""Type -> an answer that follows any arguments, and one that follows none."""

BY_WORDING: dict[str, dict[str, tuple[str, str]]] = {
    "keywords:frequency": {"{value}": ("{value} " * 9, "nothing")},
    "length_constraints:number_paragraphs": {
        "2": ("One.\n***\nTwo.", "One."),
        "3": ("1.\n***\n2.\n***\n3.", "1.\n***\n2."),
    },
    "detectable_format:number_bullet_lists": {str(n): ("* point\n" * n, "* point\n" * (n + 1)) for n in (2, 3, 4, 5)},
    "detectable_format:multiple_sections": {"{value}": ("{value} 1\nOne.\n{value} 2\nTwo.\n{value} 3\nThree.", "One.")},
    "startend:end_checker": {"{value}": ("Well. {value}", "Well.")},
    "language:response_language": {
        "German": ("Das ist ein schöner Tag, und wir gehen in den Wald.", WORDS),
        "French": ("C'est une belle journée et nous allons dans la forêt.", WORDS),
        "Spanish": ("Es un día muy bonito y vamos a caminar por el bosque.", WORDS),
        "Italian": ("Questa è una bella giornata e andiamo nella foresta.", WORDS),
        "Portuguese": ("Hoje não está a chover e nós vamos passear na floresta com você.", WORDS),
    },
}  # fmt: skip
"""Type -> what the wording says -> an answer that follows it, and one that does not."""


def write_rules(folder: Path, rows: list[tuple[Messages, list[Constraint]]]) -> Checker:
    path = folder / "rules.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(rule) + b"\n" for rule in iterate_rules(rows)))
    return Checker(path)


def find_answers(name: str, constraint: Constraint) -> tuple[str, str]:
    """Returns an answer that follows a constraint as it is worded, and one that does not."""
    if name in FOLLOWED:
        return FOLLOWED[name]
    for word, (good, bad) in BY_WORDING[name].items():
        if word == "{value}":
            values = [v for v in constraint.arguments.values() if isinstance(v, str) and v in constraint.text]
            return good.replace("{value}", values[0]), bad
        if re.search(rf"\b{word}\b", constraint.text):
            return good, bad
    raise AssertionError(constraint)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_wording_asks_for_what_the_rule_checks(name: str, tmp_path: Path) -> None:
    settings = [ConstraintSettings(only=[name.partition("#")[0]], most=1, seed=seed) for seed in range(40)]
    prompt = ask("Write a travel story about castles.")
    is_most = name.endswith("most")
    drawn = [constraint for one in settings for constraint in draw_constraints(prompt, one)]
    wanted = [one for one in drawn if "#" not in name or (one.arguments["relation"] == "less than") == is_most]
    assert {one.kind for one in wanted} == {name.partition("#")[0]}
    for constraint in {one.text: one for one in wanted}.values():
        whole = add_constraints(prompt, [constraint])
        check = write_rules(tmp_path, [(whole, [constraint])])
        good, bad = find_answers(name, constraint)
        assert (check(whole, good), check(whole, bad)) == (1.0, 0.0), constraint


def test_no_braces_are_left_and_every_type_has_a_checker() -> None:
    known = set(Checks().types())
    assert {name.partition("#")[0] for name in TEMPLATES} <= known
    settings = [ConstraintSettings(seed=seed, most=4) for seed in range(100)]
    texts = [one.text for each in settings for one in draw_constraints(ask("Tell me of {x}."), each)]
    assert not [text for text in texts if "{" in text]


def test_constraints_depend_on_prompt_and_seed_alone_and_never_exclude_each_other() -> None:
    prompts = [ask(f"Write about number {number}, please.") for number in range(200)]
    settings = ConstraintSettings(most=4, share=0.5, seed=3)
    drawn = [draw_constraints(prompt, settings) for prompt in prompts]
    assert drawn == [draw_constraints(prompt, settings) for prompt in reversed(prompts)][::-1]
    assert drawn != [draw_constraints(prompt, ConstraintSettings(most=4, share=0.5, seed=4)) for prompt in prompts]
    assert 70 <= sum(not one for one in drawn) <= 130
    groups = {name.partition("#")[0]: template.groups for name, template in TEMPLATES.items()}
    for one in drawn:
        counts = Counter(group for constraint in one for group in groups[constraint.kind])
        assert max(counts.values(), default=0) <= 1
        assert "whole" not in counts or len(one) == 1
    assert {len(one) for one in drawn} == {0, 1, 2, 3, 4}


def test_only_the_last_user_turn_changes() -> None:
    dialogue = [*ask("Hello"), Message(role="assistant", content="Hi"), Message(role="user", content="Go on. ")]
    changed = add_constraints(dialogue, [Constraint("punctuation:no_comma", {}, "Do without commas.")])
    assert changed[:2] == dialogue[:2]
    assert changed[2]["content"] == "Go on.\n\nDo without commas."


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(UserError, match="unknown constraint 'punctuation:no_coma'"):
        ConstraintSettings(only=["punctuation:no_coma"])


@pytest.mark.shared
def test_no_wording_of_the_benchmark_is_used(shared: Path) -> None:
    """No six words in a row of a template occur in a prompt of IFEval."""
    lines = (shared / "data/eval/ifeval/input_data.jsonl").read_text(encoding="utf-8").splitlines()
    runs = {run for line in lines for run in find_runs(json.loads(line)["prompt"])}
    texts = [text for template in TEMPLATES.values() for text in template.texts]
    assert not {run for text in texts for run in find_runs(text.replace("{", " ").replace("}", " "))} & runs


def find_runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 6]) for at in range(len(words) - 5)}
