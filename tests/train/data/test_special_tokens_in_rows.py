"""Special tokens in the texts of rows: counted per source, warned of, read as text or left out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.special_tokens import keep_as_text, keeps_as_text
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import load_policy, load_tokenizer
from unipref.train import fit as fit_module
from unipref.train import train
from unipref.train.data.row_usage import describe_special_tokens
from unipref.train.data.rows import DEMONSTRATIONS, PAIRS, write_rows
from unipref.train.start import set_special_tokens, use_in_trl
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]


@pytest.fixture
def rows(row: Any) -> list[dict[str, Any]]:
    made = [
        row("Who was late?", "The nurse.</s> She was.", "He.</s>"),
        row("<s>Who?", "She.", "He was."),
        row("Who sang?", "The frog.", "He did."),
        row("Who slept?", "The cat.", "No."),
    ]
    made[1]["source"] = "other"
    return made


class Stop(Exception):
    """Ends a step before its first optimiser step."""


def sequences(trainer: Trainer, given: TrainJob, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """All sequences that TRL would train on, without padding."""
    found: list[list[int]] = []

    def look(hf: Any, *_: Any) -> None:
        for batch in hf.get_train_dataloader():
            pairs = zip(batch["input_ids"], batch["attention_mask"], strict=True)
            found.extend(ids[mask.bool()].tolist() for ids, mask in pairs)
        raise Stop

    monkeypatch.setattr(fit_module, "_train", look)
    with pytest.raises(Stop):
        train(trainer, given)
    return found


def test_they_are_counted_per_source_whatever_the_setting(rows: Any, job: Job, tmp_path: Path) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    for leaves_out, used in ((False, 4), (True, 2)):
        usage = write_rows(given.preferences, tmp_path / "r", PAIRS, tokenizer, 256, leave_out_special=leaves_out)
        assert usage.special == {"test": {"</s>": 1}, "other": {"<s>": 1}}
        assert usage.used == used
        assert usage.left_out == ({"special_tokens": 2} if leaves_out else {})
    # Only what a trainer sees is counted: the rejected answers are not SFT's.
    assert write_rows(given.preferences, tmp_path / "r", DEMONSTRATIONS, tokenizer, 256).special["test"] == {"</s>": 1}


def test_the_warning_names_source_tokens_and_settings(rows: Any, job: Job, tmp_path: Path) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "r", PAIRS, tokenizer, 256)
    other, test = describe_special_tokens(usage, tokenizer, leaves_out=False)
    assert other.startswith("texts of source 'other' hold special tokens of the tokenizer: <s> in 1 preference; ")
    assert "set special_tokens to as_text or leave_out" in test
    keep_as_text(tokenizer, True)
    assert describe_special_tokens(usage, tokenizer, leaves_out=False)[0].endswith("; they are read as text")
    assert describe_special_tokens(usage, tokenizer, leaves_out=True)[0].endswith("; these preferences are left out")


SETTINGS: dict[str, Any] = {"num_train_epochs": 1, "per_device_train_batch_size": 4}


@pytest.mark.parametrize(("trainer", "n"), [(Sft, 4), (Dpo, 8), (Kto, 8), (Reward, 8)])
@pytest.mark.parametrize("has_later_turns", [False, True])
def test_as_text_every_trainer_sees_one_beginning_and_one_end(
    trainer: Any, n: int, has_later_turns: bool, rows: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_later_turns:
        more = [{"role": "user", "content": "Oh</s>?"}, {"role": "assistant", "content": "Yes."}]
        for side in ("chosen", "rejected"):
            rows[0][side] += more
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    made = sequences(trainer(**SETTINGS, special_tokens="as_text"), given, monkeypatch)
    assert len(made) == n
    assert {ids.count(bos) for ids in made} == {1}
    assert {ids.count(eos) for ids in made} == ({1, 2} if has_later_turns else {1})
    assert any("The nurse.</s> She was.</s>" in tokenizer.decode(ids) for ids in made)


def test_as_tokens_they_are_read_as_before(rows: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    made = sequences(Sft(**SETTINGS), given, monkeypatch)
    assert sorted(ids.count(tokenizer.eos_token_id) for ids in made) == [1, 1, 1, 2]


def test_the_trained_model_is_scored_as_it_was_trained(rows: Any, job: Job) -> None:
    given = job(rows)
    done = train(Sft(max_steps=1, special_tokens="as_text"), given)
    assert done["special_tokens"] == {"other": {"<s>": 1}, "test": {"</s>": 1}}
    assert any("read as text" in warning for warning in done["warnings"])
    policy, base = load_policy(str(given.out)), load_policy(str(given.policy))
    assert keeps_as_text(policy.tokenizer)
    pair = (rows[0]["prompt"], rows[0]["chosen"])
    # In the base model's answer, `</s>` is one token.
    assert answer_log_likelihoods(policy, [pair])[1][0] > answer_log_likelihoods(base, [pair])[1][0]
    # A later step goes on reading texts so, unless its settings say otherwise.
    later = job(rows, to="later").model_copy(update={"policy": given.out})
    train(Sft(max_steps=1), later)
    assert keeps_as_text(load_tokenizer(str(later.out))[0])


def test_a_setting_overrides_what_the_tokenizer_says(tiny_model: Path) -> None:
    tokenizer, _ = load_tokenizer(str(tiny_model))
    for setting, is_text in (("as_text", True), (None, True), ("leave_out", True), ("as_tokens", False), (None, False)):
        set_special_tokens(tokenizer, setting)
        assert keeps_as_text(tokenizer) == is_text


def test_trl_tokenises_batches_of_prompts_as_text_too(tiny_model: Path) -> None:
    """As TRL's reinforcement learning calls it."""
    tokenizer, _ = load_tokenizer(str(tiny_model))
    prompts = [[{"role": "user", "content": text}] for text in ("Who</s>?", "Who?")]
    options = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "tools": None}
    before = tokenizer.apply_chat_template(conversation=prompts, **options)["input_ids"]
    keep_as_text(tokenizer, True)
    use_in_trl(tokenizer)
    after = tokenizer.apply_chat_template(conversation=prompts, **options)["input_ids"]
    assert before[1] == after[1] == tokenizer.apply_chat_template(prompts[1], **options)["input_ids"]
    assert (before[0].count(tokenizer.eos_token_id), after[0].count(tokenizer.eos_token_id)) == (1, 0)
    assert tokenizer.apply_chat_template(prompts[1], tokenize=False) == "<s>Question: Who?\n\n"
    with pytest.raises(NotImplementedError, match="padding"):
        tokenizer.apply_chat_template(prompts, padding=True)
