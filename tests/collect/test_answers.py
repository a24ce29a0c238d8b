"""The policy's answers, by a real model: what they depend on, and what a stop leaves."""

from pathlib import Path
from typing import Any

import pytest

from unipref.collect import answers as module
from unipref.collect.answers import generate_answers, make_seeds
from unipref.collect.prompts import Prompt
from unipref.collect.schema import Answers
from unipref.core.errors import UserError
from unipref.core.records import Message
from unipref.core.text_keys import prompt_key

SETTINGS = Answers(k=2, max_new_tokens=12, temperature=1.0)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_TEXTS", 8)


def make_prompts(texts: list[str]) -> list[Prompt]:
    messages = [[Message(role="user", content=text)] for text in texts]
    return [Prompt(prompt_key(one), one, "s") for one in messages]


PROMPTS = make_prompts([f"Say {'so ' * number}now." for number in range(10)])


def generate(model: Path, folder: Path, prompts: list[Prompt] = PROMPTS, **options: Any) -> list[Any]:
    settings = SETTINGS.model_copy(update=options)
    return generate_answers(str(model), prompts, settings, folder, 1, lambda *_: None)


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_answers_are_in_the_order_of_the_prompts_and_have_seeds_of_their_own(tiny_model: Path, tmp_path: Path) -> None:
    answered = generate(tiny_model, tmp_path)
    assert [one.place for one in answered] == list(range(10))
    assert [[answer.seed for answer in one.answers] for one in answered] == [
        make_seeds(p.key, SETTINGS) for p in PROMPTS
    ]
    assert len({answer.seed for one in answered for answer in one.answers}) == 20
    assert all(answer.n_tokens <= 12 for one in answered for answer in one.answers)
    assert len({answer.text for one in answered for answer in one.answers}) > 15


def test_a_run_that_stopped_goes_on_and_gives_the_same_bytes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tiny_model, tmp_path / "whole")
    calls: list[Path] = []
    answer_chunk = module.answer_chunk

    def stop_at_second(task: Any) -> int:
        calls.append(task.file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return answer_chunk(task)

    monkeypatch.setattr(module, "answer_chunk", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        generate(tiny_model, tmp_path / "stopped")
    assert len(read_all(tmp_path / "stopped")) == 1
    monkeypatch.setattr(module, "answer_chunk", answer_chunk)
    generate(tiny_model, tmp_path / "stopped")
    assert read_all(tmp_path / "stopped") == read_all(tmp_path / "whole")


def test_a_prompt_that_cannot_be_answered_says_why(tiny_model: Path, tmp_path: Path) -> None:
    prompts = make_prompts(["Short.", "long " * 200, "x" * (module.MOST_CHARACTERS + 1)])
    answered = generate(tiny_model, tmp_path, prompts)
    assert [len(one.answers) for one in answered] == [2, 0, 0]
    assert "leaves no room" in str(answered[1].why_not)
    assert "too long" in str(answered[2].why_not)


def test_a_damaged_file_is_named(tiny_model: Path, tmp_path: Path) -> None:
    generate(tiny_model, tmp_path)
    damaged = sorted(tmp_path.iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(UserError, match="does not hold the answers") as error:
        generate(tiny_model, tmp_path)
    assert str(damaged) in str(error.value.where)


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(tiny_model: Path, tmp_path: Path) -> None:
    generate_answers(str(tiny_model), PROMPTS, SETTINGS, tmp_path / "one", 1, lambda *_: None)
    generate_answers(str(tiny_model), PROMPTS, SETTINGS, tmp_path / "two", 2, lambda *_: None)
    assert read_all(tmp_path / "one") == read_all(tmp_path / "two")
