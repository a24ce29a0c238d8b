"""UltraMix: tiers by prompt, label and second opinion, and exact shares of tasks."""

import numpy as np
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.candidates import Dialogue
from unipref.core.errors import UserError
from unipref.select.prompt_tags import can_be_answered, find_task
from unipref.select.strategies.ultramix import TIERS, Ultramix


def ask(prompt: str) -> Dialogue:
    return Dialogue(
        [{"role": "user", "content": prompt}],
        [{"role": "assistant", "content": "yes"}],
        [{"role": "assistant", "content": "no"}],
    )


GOOD, WEAK = "Who was late for work?", "Who?"


def test_tiers_are_filled_in_order():
    """Percentiles of eight: 1/16, 3/16, ... Good prompts have 1/16, 7/16 and 15/16; the first is below the floor."""
    margins = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    prompts = [GOOD, WEAK, WEAK, GOOD, WEAK, WEAK, WEAK, GOOD]
    utilities = [1.0, 1.0, 1.0, np.nan, 1.0, -0.5, 1.0, 1.0]
    given = hand_made(margins, margins=utilities, dialogues=[ask(prompt) for prompt in prompts])
    selection = Ultramix(count=5).select(given, 0)
    # WEAK has percentiles 3, 5, 9, 11 (contradicted), 13 of 16: only 13/16 is above the relaxed floor.
    tiers = [TIERS.index(name) + 1 for name in selection.columns["tier"]]
    assert tiers == [3, 3, 3, 1, 3, 4, 2, 1]
    # All prompts are questions, so there is one task: 7, 3, then 6, then the best of the rest: 4 and 2.
    assert selection.kept.tolist() == [2, 3, 4, 6, 7]
    assert Ultramix(count=7).select(given, 0).kept.tolist() == [0, 1, 2, 3, 4, 6, 7]
    without = Ultramix(count=3, second_opinion=None, relaxed_floor=0.6).select(given, 0)
    assert without.kept.tolist() == [3, 6, 7]


def test_every_task_keeps_its_share():
    """Of 12 questions and 6 texts to edit, a third is 4 and 2, although every text to edit has a narrower margin."""
    prompts = ["Who was late for work?"] * 12 + ["Please rewrite this sentence now."] * 6
    given = hand_made(np.r_[np.linspace(0.5, 1, 12), np.linspace(0, 0.4, 6)], dialogues=[ask(one) for one in prompts])
    selection = Ultramix(fraction=1 / 3, floor=0, relaxed_floor=0).select(given, 0)
    assert selection.kept.tolist() == [8, 9, 10, 11, 16, 17]
    assert selection.columns["task"].tolist() == ["information seeking"] * 12 + ["editing"] * 6


def test_clusters_can_stand_for_tasks():
    vectors = np.repeat(np.eye(2), 4, axis=0)
    given = hand_made(np.linspace(0, 1, 8), dialogues=[ask(GOOD)] * 8, vectors=vectors)
    selection = Ultramix(count=4, tasks="clusters", clusters=2).select(given, 0)
    assert selection.kept.tolist() == [2, 3, 6, 7]
    assert "task" not in selection.columns
    assert Ultramix(tasks="clusters").embedding_model == "tfidf"
    assert Ultramix().embedding_model is None


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Write a python function that sorts a list", "coding"),
        ("What is 12 * 7?", "math"),
        ("Summarise this text.", "editing"),
        ("Write a story about a nurse", "creative writing"),
        ("Give me ideas for a party", "brainstorming"),
        ("Why is the sky blue?", "reasoning"),
        ("Who was late", "information seeking"),
        ("Hello there", "other"),
        ("", "other"),
    ],
)
def test_tasks(prompt, task):
    assert find_task(prompt) == task


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Who was late?", True),
        ("Who?", False),
        ("1 2 3 4", False),
        ("", False),
        ("ha ha ha ha ha ha ha ha ha ha ha", False),
        ("Fix this:\n```\nx = 1", False),
        ("Fix this for me:\n```\nx = 1\n```", True),
    ],
)
def test_prompts_that_can_be_answered(prompt, expected):
    assert can_be_answered(prompt) is expected


def test_settings_are_checked():
    with pytest.raises(UserError, match=r"relaxed_floor 0\.1 is below floor 0\.25"):
        registry.make("strategy", "ultramix", {"relaxed_floor": 0.1}, "select")
    made = registry.make("strategy", "ultramix", {"second_opinion": {"policy_margin": {"model": "org/own"}}}, "select")
    assert isinstance(made, Ultramix)
    assert made.models("org/study") == ["org/own"]
