"""Tool calls and reasoning in the rows of the trainers: what TRL reads, masks and learns."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.core.messages import add_tools
from unipref.core.template_turns import keeps_reasoning
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import load_policy, load_reward_model, load_tokenizer
from unipref.train import fit as fit_module
from unipref.train import train
from unipref.train.data.rows import DEMONSTRATIONS, PAIRS, write_rows
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
TEMPLATE = (
    "{% for t in tools or [] %}[tool {{ t.function.name }}]{% endfor %}{% for m in messages %}<{{ m.role }}>"
    "{{ m.content }}{% for c in m.tool_calls or [] %}[call {{ c.function.name }} {{ c.function.arguments.city }}]"
    "{% endfor %}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SILENT = TEMPLATE.replace("tools or []", "[]").replace("m.tool_calls or []", "[]")
"""Leaves out tools and calls without a word."""
TOOLS = json.dumps([{"type": "function", "function": {"name": "sky"}}])
SETTINGS: dict[str, Any] = {"num_train_epochs": 1, "per_device_train_batch_size": 4}


def calling(city: str) -> dict[str, Any]:
    function = {"name": "sky", "arguments": json.dumps({"city": city})}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": None, "type": "function", "function": function}]}


def tool_pair(row: Any, number: int) -> dict[str, Any]:
    """A pair of answers that call a tool, one with the wrong city, and go on after its result."""
    made: dict[str, Any] = row(f"Is it warm in {number}?", "", "")
    made["prompt"] = add_tools(made["prompt"], TOOLS)
    made["chosen"] = [
        calling("Rome"),
        {"role": "tool", "content": "R18"},
        {"role": "assistant", "content": f"Yes {number}."},
    ]
    made["rejected"] = [calling("Oslo")]
    return made


@pytest.fixture
def rows(row: Any) -> list[dict[str, Any]]:
    plain = row("Who was late?", "The nurse.", "He was.")
    thinking = row("Who sang?", "The frog.", "He did.")
    thinking["chosen"][0]["reasoning"] = "Hmm."
    return [*(tool_pair(row, i) for i in range(3)), plain, thinking]


def model_with(template: str, tiny_model: Path, folder: Path) -> Path:
    shutil.copytree(tiny_model, folder)
    tokenizer, _ = load_tokenizer(str(folder))
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def given(rows: Any, job: Job, tiny_model: Path, tmp_path: Path) -> TrainJob:
    return job(rows, policy=model_with(TEMPLATE, tiny_model, tmp_path / "model"))


class Stop(Exception):
    """Ends a step before its first optimiser step."""


def read_batches(trainer: Trainer, job: TrainJob, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """The texts of all sequences that TRL would train on, and of their tokens with a loss."""
    tokenizer, _ = load_tokenizer(str(job.policy))
    texts: list[str] = []
    learned: list[str] = []

    def look(hf: Any, *_: Any) -> None:
        for batch in hf.get_train_dataloader():
            for number, (ids, mask) in enumerate(zip(batch["input_ids"], batch["attention_mask"], strict=True)):
                texts.append(tokenizer.decode(ids[mask.bool()]))
                if "completion_mask" in batch:
                    learned.append(tokenizer.decode(ids[batch["completion_mask"][number].bool()]))
                elif "labels" in batch:
                    learned.append(tokenizer.decode(ids[batch["labels"][number] != -100]))
        raise Stop

    monkeypatch.setattr(fit_module, "_train", look)
    with pytest.raises(Stop):
        train(trainer, job)
    return texts, learned


CHOSEN = "[tool sky]<user>Is it warm in 1?<assistant>[call sky Rome]</s><tool>R18<assistant>Yes 1.</s>"
REJECTED = "[tool sky]<user>Is it warm in 1?<assistant>[call sky Oslo]</s>"


@pytest.mark.parametrize(("trainer", "both"), [(Sft, False), (Dpo, True), (Kto, True), (Reward, True)])
def test_trl_reads_tools_and_calls_and_learns_no_result(
    trainer: Any, both: bool, given: TrainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, learned = read_batches(trainer(**SETTINGS), given, monkeypatch)
    assert CHOSEN in texts
    assert (REJECTED in texts) == both
    assert "<user>Who sang?<assistant>The frog.</s>" in texts
    if trainer is not Reward:
        assert "[call sky Rome]</s>Yes 1.</s>" in learned
        assert not any("R18" in text or "tool" in text for text in learned)


@pytest.mark.parametrize("trainer", [Sft, Dpo, Kto, Reward])
def test_a_step_with_tool_calls_runs_and_its_model_scores_them(trainer: Any, given: TrainJob, rows: Any) -> None:
    result = train(trainer(max_steps=1, per_device_train_batch_size=4), given)
    assert result["used"] == 5
    assert result["left_out"] == {}
    lines = "\n".join(result["warnings"])
    if trainer is not Reward:
        assert "3 of 5 preferences hold results of tools inside the answer: they are masked" in lines
    assert "1 of 5 preferences hold reasoning: only the answers are learned" in lines
    if trainer is Reward:
        values = rewards(load_reward_model(str(given.out)), [[*rows[0]["prompt"], *rows[0]["chosen"]]])
        assert values.shape == (1,)
    else:
        policy = load_policy(str(given.out))
        expected = policy.tokenizer("[call sky Oslo]</s>", add_special_tokens=False)["input_ids"]
        _, tokens = answer_log_likelihoods(policy, [(rows[0]["prompt"], rows[0]["rejected"])])
        assert tokens.tolist() == [len(expected)]


@pytest.mark.parametrize("trainer", [Sft, Dpo, Kto, Reward])
def test_a_template_that_does_not_render_tools_leaves_the_rows_out_and_says_so(
    trainer: Any, rows: Any, job: Job, tiny_model: Path, tmp_path: Path
) -> None:
    policy = model_with(SILENT, tiny_model, tmp_path / "silent")
    result = train(trainer(max_steps=1, per_device_train_batch_size=2), job(rows, policy=policy))
    assert result["used"] == 2
    assert result["left_out"] == {"tools_not_rendered": 3}
    assert any("does not render their tools or tool calls" in line for line in result["warnings"])
    with pytest.raises(
        UserError, match=r"no rows are left .*3 with tools or tool calls, which the model's chat template"
    ):
        train(trainer(max_steps=1), job(rows[:3], policy=policy, to="again"))


def test_answers_with_results_are_left_out_where_turns_cannot_be_masked(given: TrainJob, tmp_path: Path) -> None:
    """Cut before the result, the answer would be the call alone."""
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "r", PAIRS, tokenizer, 256, later_turns="cut")
    assert (usage.used, usage.cut, usage.left_out) == (2, 0, {"tool_results_not_masked": 3})
    lines = "\n".join(usage.describe_parts(learns_reasoning=False))
    assert "3 of 5 preferences are left out: their answers hold results" in lines
    assert "3 with results of tools inside an answer, which cannot be masked" in usage.explain(256)


def test_images_are_left_out_and_counted(row: Any, job: Job, tmp_path: Path) -> None:
    made = row("What is it?", "A cat.", "A dog.")
    made["prompt"][0]["images"] = [{"ref": "a.png", "sha256": None, "at": 0}]
    given = job([made, row("Who sang?", "The frog.", "He did.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "r", PAIRS, tokenizer, 256)
    assert usage.left_out == {"images_not_read": 1}
    (line,) = usage.describe_parts(learns_reasoning=False)
    assert "1 of 2 preferences are left out: they hold images" in line


def test_reasoning_is_learned_if_the_step_says_so(given: TrainJob, monkeypatch: pytest.MonkeyPatch) -> None:
    _, learned = read_batches(Sft(**SETTINGS, reasoning="train"), given, monkeypatch)
    assert "<think>\nHmm.\n</think>\n\nThe frog.</s>" in learned


def test_the_trained_model_keeps_the_setting(given: TrainJob, job: Job) -> None:
    result = train(Sft(max_steps=1, reasoning="train"), given)
    assert any("hold reasoning: it is part of the answer that the model learns" in line for line in result["warnings"])
    tokenizer, _ = load_tokenizer(str(given.out))
    assert keeps_reasoning(tokenizer)
    prompt = [{"role": "user", "content": "Who sang?"}]
    answer = {"role": "assistant", "content": "The frog.", "reasoning": "Hmm."}
    policy = load_policy(str(given.out))
    _, tokens = answer_log_likelihoods(policy, [(prompt, [answer]), (prompt, [{**answer, "reasoning": None}])])
    assert tokens[0] > tokens[1]


def test_answers_that_differ_only_in_reasoning_teach_nothing_without_it(row: Any, job: Job, tmp_path: Path) -> None:
    made = row("Who sang?", "The frog.", "The frog.")
    made["chosen"][0]["reasoning"] = "Hmm."
    given = job([made])
    tokenizer, _ = load_tokenizer(str(given.policy))
    assert write_rows(given.preferences, tmp_path / "r", PAIRS, tokenizer, 256).left_out == {"same_tokens": 1}
    assert write_rows(given.preferences, tmp_path / "r", DEMONSTRATIONS, tokenizer, 256).used == 1
