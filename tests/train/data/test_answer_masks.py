"""The user's later turns have no loss, in what TRL's collators make of the rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import write

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.models.loading import load_policy, load_tokenizer
from unipref.train import fit as fit_module
from unipref.train import train
from unipref.train.data.answer_masks import label_row
from unipref.train.data.rows import DEMONSTRATIONS, PAIRS, write_rows
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
USER = "The frog sang all night."
UPPER = "{% for m in messages %}[{{ m.role }}]{{ m.content | upper }}{{ eos_token }}{% endfor %}"


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def long_pair(row: Any, number: int) -> dict[str, Any]:
    """A pair whose sides differ from the first answer on, with a later turn of the user."""
    made: dict[str, Any] = row(f"Who called number {number}?", "Yes.", "No.")
    made["chosen"] += [turn("user", USER), turn("assistant", f"She called {number}.")]
    made["rejected"] += [turn("user", USER), turn("assistant", "He was.")]
    return made


@pytest.fixture
def rows(row: Any) -> list[dict[str, Any]]:
    return [*(long_pair(row, i) for i in range(3)), row("Who was late?", "The nurse.", "He was.")]


class Stop(Exception):
    """Ends a step before its first optimiser step."""


def batches(trainer: Trainer, given: TrainJob, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """All batches that TRL would train on."""
    found: list[dict[str, Any]] = []

    def look(hf: Any, *_: Any) -> None:
        found.extend(hf.get_train_dataloader())
        raise Stop

    monkeypatch.setattr(fit_module, "_train", look)
    with pytest.raises(Stop):
        train(trainer, given)
    return found


def scored_texts(batch: dict[str, Any], tokenizer: Any, prefix: str = "") -> list[str]:
    """Of each row, the text of the tokens with a loss."""
    ids, mask = batch[f"{prefix}input_ids"], batch.get(f"{prefix}completion_mask")
    mask = batch["labels"] != -100 if mask is None else mask.bool()
    return [tokenizer.decode(row[one]) for row, one in zip(ids, mask, strict=True)]


FIRST = {"Yes.</s>", "No.</s>"}


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        (Sft(max_steps=1, per_device_train_batch_size=4), 4),
        (Dpo(max_steps=1, per_device_train_batch_size=4), 8),
        (Dpo(max_steps=1, per_device_train_batch_size=4, precompute_ref_log_probs=False), 8),
        (Kto(num_train_epochs=1, per_device_train_batch_size=8), 8),
        (Sft(max_steps=1, per_device_train_batch_size=4, assistant_only_loss=True), 4),
        (Sft(max_steps=1, per_device_train_batch_size=4, packing=True, max_length=200), 1),
    ],
    ids=["sft", "dpo", "dpo in each step", "kto", "sft assistant only", "sft packed"],
)
def test_only_the_assistants_tokens_have_a_loss(
    trainer: Trainer, expected: int, rows: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    (batch,) = batches(trainer, given, monkeypatch)
    texts = scored_texts(batch, tokenizer)
    assert len(texts) == expected
    assert USER in " ".join(tokenizer.batch_decode(batch["input_ids"]))
    joined = " ".join(texts)
    assert "frog" not in joined
    assert "Question" not in joined
    for number in range(3):
        assert f"Yes.</s> She called {number}.</s>" in joined
    assert "The nurse.</s>" in joined


@pytest.mark.parametrize("masked", ["train", "dev", "both", "none"])
def test_the_prompt_has_no_loss_when_only_one_of_train_and_dev_has_later_turns(
    masked: str, rows: Any, row: Any, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = [row(f"Who was late on day {i}?", "The nurse.", None) for i in range(4)]
    dev = write(tmp_path / "held_out.parquet", rows if masked in ("dev", "both") else plain)
    given = job(rows if masked in ("train", "both") else plain, held_out=dev)
    tokenizer, _ = load_tokenizer(str(given.policy))
    joined: dict[str, str] = {}

    def look(hf: Any, *_: Any) -> None:
        for name, loader in (("train", hf.get_train_dataloader()), ("dev", hf.get_eval_dataloader())):
            joined[name] = " ".join(text for batch in loader for text in scored_texts(batch, tokenizer))
        raise Stop

    monkeypatch.setattr(fit_module, "_train", look)
    settings: dict[str, Any] = {"max_steps": 1, "eval_strategy": "epoch", "per_device_train_batch_size": 4}
    with pytest.raises(Stop):
        train(Sft(**settings), given)
    for name, text in joined.items():
        assert text.count("The nurse.</s>") == (1 if masked in (name, "both") else 4)
        assert ("She called 2.</s>" in text) == (masked in (name, "both"))
        assert "Question" not in text
        assert "frog" not in text


def test_kto_masks_its_neighbours_turns_too(rows: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    (batch,) = batches(Kto(num_train_epochs=1, per_device_train_batch_size=8), given, monkeypatch)
    own, neighbours = scored_texts(batch, tokenizer), scored_texts(batch, tokenizer, "KL_")
    assert neighbours == [own[-1], *own[:-1]]
    assert "frog" not in " ".join(neighbours)


def test_no_gradient_comes_from_the_users_turn(rows: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient at the logits of DPO's loss is zero where the next token is the user's."""
    import torch

    given = job(rows)
    (batch,) = batches(Dpo(max_steps=1, per_device_train_batch_size=4), given, monkeypatch)
    model = load_policy(str(given.policy)).model
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    logits.retain_grad()
    log_p = torch.log_softmax(logits, -1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    (log_p * batch["completion_mask"][:, 1:]).sum().backward()
    has_gradient = logits.grad.abs().sum(-1) > 0
    assert torch.equal(has_gradient, batch["completion_mask"][:, 1:].bool())


def test_without_later_turns_trl_gets_the_rows_as_they_are(row: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job([row("Who was late?", "The nurse.", "He was."), row("Who?", "She.", "He.")])
    seen: dict[str, Any] = {}
    original = fit_module.mask_other_speakers
    monkeypatch.setattr(fit_module, "mask_other_speakers", lambda arguments: seen.update(original(arguments)) or {})
    batches(Dpo(max_steps=1, per_device_train_batch_size=2), given, monkeypatch)
    assert seen == {}


def test_assistant_only_loss_reaches_the_turns_in_the_prompt(row: Any, job: Job, monkeypatch: Any) -> None:
    one = row("Who?", "She was.", None)
    one["prompt"] = [turn("user", "Hello."), turn("assistant", "Yes."), *one["prompt"]]
    given = job([one, one])
    tokenizer, _ = load_tokenizer(str(given.policy))
    settings: dict[str, Any] = {"max_steps": 1, "per_device_train_batch_size": 2, "completion_only_loss": False}
    (batch,) = batches(Sft(**settings, assistant_only_loss=True), given, monkeypatch)
    assert scored_texts(batch, tokenizer) == [" Yes.</s> She was.</s>"] * 2


def test_labels_of_one_turn_begin_after_the_prompt(tiny_model: Path) -> None:
    tokenizer, _ = load_tokenizer(str(tiny_model))
    made = label_row({"prompt": [turn("user", "Who?")], "completion": [turn("assistant", "She.")]}, tokenizer)
    assert tokenizer.decode([one for one in made["labels"] if one != -100]) == " She.</s>"
    assert made["input_ids"] == tokenizer.encode("<s>Question: Who?\n\nAnswer: She.</s>", add_special_tokens=False)


def test_the_account_says_what_is_masked(rows: Any, job: Job, tmp_path: Path) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", PAIRS, tokenizer, 256)
    assert (usage.used, usage.masked, usage.cut) == (4, 3, 0)
    assert list(usage.others) == [0, 1, 2]
    assert "3 of 4 preferences" in usage.describe_masked()[0]
    done = train(Sft(max_steps=1), given)
    assert done["later_user_turns"] == {"masked": 3, "cut": 0}


def test_turns_that_cannot_be_told_apart_are_cut_and_counted(rows: Any, job: Job, tmp_path: Path) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    tokenizer.chat_template = UPPER
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", PAIRS, tokenizer, 256)
    assert (usage.used, usage.masked, usage.cut, usage.others) == (4, 0, 3, {})
    assert "3 of 4 preferences are cut" in usage.describe_cut()[0]


def test_an_unknown_trainer_gets_cut_answers_and_a_reward_model_whole_ones(rows: Any, job: Job, tmp_path: Path) -> None:
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    out = tmp_path / "rows.arrow"
    assert write_rows(given.preferences, out, DEMONSTRATIONS, tokenizer, 256, later_turns="cut").cut == 3
    usage = write_rows(given.preferences, out, PAIRS, tokenizer, 256, later_turns=Reward().later_turns)
    assert (usage.used, usage.masked, usage.cut) == (4, 0, 0)
    assert [Sft().later_turns, Dpo().later_turns, Kto().later_turns] == ["mask"] * 3


def test_sides_that_are_equal_once_cut_are_left_out(row: Any, job: Job, tmp_path: Path) -> None:
    """The sides differ only after the user's second turn, which cannot be masked."""
    one = row("Who?", "Yes.", "Yes.")
    one["chosen"] += [turn("user", "Hm?"), turn("assistant", "She.")]
    one["rejected"] += [turn("user", "Oh?"), turn("assistant", "He.")]
    given = job([one])
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", PAIRS, tokenizer, 256, later_turns="cut")
    assert usage.left_out == {"same_response": 1}
    with pytest.raises(UserError, match="no rows are left"):
        train(Dpo(max_steps=1), job([row("Who?", "Yes.", "Yes.")], to="other"))


def test_an_answer_that_the_user_begins_is_left_out_if_that_turn_cannot_be_masked(
    row: Any, job: Job, tmp_path: Path
) -> None:
    one = row("Who?", "Yes.", "No.")
    one["chosen"] = [turn("user", USER), *one["chosen"]]
    given = job([one, row("Who was late?", "The nurse.", "He was.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    out = tmp_path / "rows.arrow"
    usage = write_rows(given.preferences, out, DEMONSTRATIONS, tokenizer, 256)
    assert (usage.used, usage.masked, usage.left_out) == (2, 1, {})
    usage = write_rows(given.preferences, out, DEMONSTRATIONS, tokenizer, 256, later_turns="cut")
    assert (usage.used, usage.cut, usage.left_out) == (1, 0, {"bad_role": 1})
    tokenizer.chat_template = UPPER
    for view in (DEMONSTRATIONS, PAIRS):
        usage = write_rows(given.preferences, out, view, tokenizer, 256)
        assert (usage.used, usage.left_out) == (1, {"bad_role": 1})
