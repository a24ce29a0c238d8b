"""The reward that reinforcement learning is given, and the check of the reward model before it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.errors import UserError
from unipref.inference import rewards
from unipref.intervals import wilson
from unipref.models import RewardModel, load_reward_model
from unipref.records import Messages, preference_schema
from unipref.train import _reward_function
from unipref.train._reward_function import DialogueReward, HeldOut, held_out_accuracy
from unipref.train.rloo import Rloo

QUESTION: Messages = [{"role": "user", "content": "Who called?"}]
EOS = 2


@pytest.fixture(scope="module")
def judge(reward_folder: Path) -> RewardModel:
    return load_reward_model(str(reward_folder))


def says(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]


def by_hand(folder: Path, text: str) -> float:
    """The score of a text as plain transformers gives it, every token written out."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert ids[0, 0] == 1
    assert ids[0, -1] == EOS
    with torch.no_grad():
        return float(model.eval()(input_ids=ids).logits[0, 0])


@pytest.mark.slow
def test_the_reward_is_that_of_the_whole_dialogue_with_eos(judge: RewardModel, reward_folder: Path) -> None:
    function = DialogueReward(judge, unterminated=-7.0)
    # A byte-level policy writes the blank after 'Answer:' itself.
    found = function([QUESTION, QUESTION], [says(" The nurse."), says("He did.")], [[9, EOS], [8, 8, EOS]])
    dialogues = [QUESTION + says("The nurse."), QUESTION + says("He did.")]
    assert found == pytest.approx(rewards(judge, dialogues), abs=1e-6)
    assert found[0] == pytest.approx(
        by_hand(reward_folder, "<s>Question: Who called?\n\nAnswer: The nurse.</s>"), abs=1e-5
    )
    without_eos = judge.dialogue_text(dialogues[0]).removesuffix("</s>")
    assert without_eos == "<s>Question: Who called?\n\nAnswer: The nurse."
    assert judge.tokenizer.pad_token_id != judge.tokenizer.eos_token_id == EOS


@pytest.mark.slow
def test_an_answer_without_an_end_an_empty_one_and_one_too_long_get_the_fixed_reward(judge: RewardModel) -> None:
    function = DialogueReward(judge, unterminated=-7.0)
    answers = [says("The nurse"), says(" "), says("word " * 200), says("The nurse.")]
    found = function([QUESTION] * 4, answers, [[9, 9], [EOS], [9, EOS], [9, EOS]])
    assert found[:3] == [-7.0, -7.0, -7.0]
    assert found[3] != -7.0
    assert function.unjudged_share == 0.75


@pytest.mark.slow
def test_any_of_the_policys_own_ends_counts(judge: RewardModel) -> None:
    function = DialogueReward(judge, unterminated=-7.0)
    function.end_ids = [EOS, 5]
    assert function([QUESTION], [says("The nurse.")], [[9, 5]])[0] != -7.0


def test_the_log_calls_it_reward_model() -> None:
    from trl.trainer.utils import get_callable_name

    assert get_callable_name(DialogueReward.__new__(DialogueReward)) == "reward_model"


def test_wilsons_interval_worked_by_hand() -> None:
    # 8 of 10, z = 1.96: middle .8 + 3.8416/20 = .99208; half = 1.96 sqrt(.16/10 + 3.8416/400) = .31364;
    # both over 1.38416: (.49015, .94333).
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def scored(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    monkeypatch.setattr(_reward_function, "rewards", lambda model, dialogues: np.array(values[: len(dialogues)]))


def parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "held.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path)
    return path


def test_held_out_accuracy_counts_ties_half(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: Any) -> None:
    rows = [row(f"{i}?", "a", "b") for i in range(4)] + [row("one-sided?", "a", None)]
    # Chosen, rejected: right, wrong, tie, and one that does not fit in the context.
    scored(monkeypatch, [2.0, 1.0, 0.0, 1.0, 0.5, 0.5, float("nan"), 3.0])
    found = held_out_accuracy(None, parquet(tmp_path, rows))  # type: ignore[arg-type]
    assert (found.n, found.accuracy) == (3, 0.5)
    assert found.lowest == 0.0
    # Of 2, 1, 0, 1, .5, .5: mean 5/6, variance (2*2+1+0+1+.25+.25)/6 - 25/36 = 39/36 - 25/36.
    assert found.spread == pytest.approx((14 / 36) ** 0.5)
    assert found.unterminated() == pytest.approx(-((14 / 36) ** 0.5))


@pytest.mark.slow
def test_without_dev_pairs_nothing_is_known(tmp_path: Path, row: Any, judge: RewardModel) -> None:
    for path in (parquet(tmp_path, [row("?", "a", None)]), tmp_path / "none.parquet"):
        found = held_out_accuracy(judge, path)
        assert (found.n, found.accuracy, found.unterminated()) == (0, None, -10.0)


def test_dev_pairs_are_taken_evenly_from_a_long_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: Any) -> None:
    monkeypatch.setattr(_reward_function, "PAIRS_AT_MOST", 4)
    path = parquet(tmp_path, [row(f"{i}?", "a", "b") for i in range(12)])
    # 12 rows, at most 4: every third.
    asked = [dialogue[0]["content"] for dialogue in _reward_function._pairs(path)[::2]]
    assert asked == ["0?", "3?", "6?", "9?"]


def held(accuracy: float, n: int) -> HeldOut:
    return HeldOut(n, accuracy, *wilson(accuracy * n, n), lowest=0.0, spread=1.0)


def test_what_is_said_of_a_reward_model() -> None:
    warns, stops = Rloo(), Rloo(on_weak_reward="stop")
    assert warns._doubts(held(0.8, 200)) == []
    assert "cannot be told from guessing: accuracy 0.520 on 200 dev pairs" in warns._doubts(held(0.52, 200))[0]
    # Worse than guessing is no better.
    assert "cannot be told from guessing" in warns._doubts(held(0.2, 200))[0]
    assert "too few dev pairs" in warns._doubts(held(0.6, 10))[0]
    assert "was not checked" in stops._doubts(HeldOut(0, None, 0.0, 1.0, None, None))[0]
    assert "too few dev pairs" in stops._doubts(held(0.6, 10))[0]
    with pytest.raises(UserError, match="cannot be told from guessing"):
        stops._doubts(held(0.52, 200))
