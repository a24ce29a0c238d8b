"""Rounds of collecting feedback on the newest policy's answers and training on it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.chat_server import prefer, serve
from support.fixed_answers import use_answers
from support.study_files import ANIMALS, manifest_of, study_of, write_sources
from unipref.clean.benchmark_leaks import BenchmarkLeaks
from unipref.collect import answers
from unipref.collect.prompts import Prompt, PromptCounts, rank_keys, rank_prompts
from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.text_keys import root_prompt_key
from unipref.pipeline import round_stages
from unipref.pipeline.round_prompts import draw_prompts
from unipref.pipeline.run import Run
from unipref.pipeline.scheduler import Job, find_predecessors
from unipref.study.load import load
from unipref.study.steps import list_steps

STEP = {"max_steps": 2, "per_device_train_batch_size": 4}
COMMAS = {"only": ["punctuation:no_comma"], "most": 1}
ROUNDS = {"n": 2, "prompts": 4, "k": 3, "max_new_tokens": 12, "constraints": COMMAS, "judges": ["checker"]}
THREE = ("One, two.", "One and two.", "Three, four, five.")
GOLD = {
    "name": "gold",
    "path": "gold.jsonl",
    "format": "pairs",
    "map": {"prompt": "q", "chosen": "c", "rejected": "r"},
}
FEEDBACK = "collected/main/0/{}/feedback/feedback.jsonl"


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    """A study with two rounds of DPO after SFT."""
    write_sources(tmp_path)
    return study_of(tmp_path, tiny_model) | {
        "select": "all",
        "train": [{"sft": STEP}, {"dpo": {**STEP, "learning_rate": 1e-3, "rounds": ROUNDS}}],
        "report": {"examples": 0},
    }


def change(study: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return study | {"train": [study["train"][0], {"dpo": {**STEP, "rounds": ROUNDS | changes}}]}


def judge_by_llm(study: dict[str, Any], url: str) -> dict[str, Any]:
    """The study with a judge that is tested on gold pairs, and without constraints."""
    return change(study, judges=[{"llm": {"url": url, "model": "m"}}], constraints=None, gold=[GOLD])


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_gold(folder: Path) -> None:
    rows = [{"q": f"Question {n}", "c": f"a good answer {n}", "r": f"an answer {n}"} for n in range(40)]
    (folder / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_prompts(run: Path, step: str) -> set[str]:
    """The first lines of the prompts of a round, without their constraints."""
    rows = read(run / f"collected/main/0/{step}/feedback/answers.jsonl")
    return {row["prompt"][-1]["content"].splitlines()[0] for row in rows}


def held_in(run: Path, part: str) -> set[str]:
    rows = parquet.read_rows(run / f"clean/{part}.parquet", ["prompt"])
    return {row["prompt"][-1]["content"] for row in rows}


@pytest.mark.slow
def test_two_rounds_from_answers_to_the_report(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    run = unipref.run(study, tmp_path / "run")
    first, second = read_prompts(run, "dpo-1"), read_prompts(run, "dpo-2")
    assert len(first) == len(second) == 4
    assert not first & second
    assert first | second <= held_in(run, "train")
    manifest = manifest_of(run)
    one, two = (manifest["rounds"]["main"]["0"][step] for step in ("dpo-1", "dpo-2"))
    assert (one["number"], two["number"], one["of"]) == (1, 2, 2)
    assert (one["policy"], two["policy"]) == ("sft", "dpo-1")
    assert [one[key] for key in ("prompts", "answers", "ended", "pairs", "decided")] == [4, 12, 12, 12, 8]
    assert [one[key] for key in ("preferences", "removed", "kept")] == [8, 0, 8]
    # One of the three answers follows the only instruction.
    assert one["judges"] == [
        {
            "judge": "checker",
            "pairs": 12,
            "decided": 8,
            "ties": 4,
            "mean_score": pytest.approx(1 / 3),
            "tested": "its rule decides by itself",
        }
    ]
    assert [manifest["train"]["main"]["0"][step]["used"] for step in ("dpo-1", "dpo-2")] == [8, 8]
    assert manifest["steps"]["main"]["dpo-2"]["from"] == "dpo-1"
    assert "rounds" not in manifest["steps"]["main"]["dpo-1"]["settings"]
    assert {row["policy"] for row in read(run / FEEDBACK.format("dpo-2"))} == {"dpo-1"}
    scored = {row["step"] for row in json.loads((run / "scores.json").read_text())}
    assert scored == {"base", "sft", "dpo-1", "dpo-2"}
    report = (run / "report.md").read_text()
    assert (
        "| main | 0 | dpo-1 | sft | 4 | 12 | 12 | 8 (66.7 %) | checker: 8 (66.7 %) decided, mean score 0.333 |"
        in report
    )
    assert "| main | 0 | dpo-2 | dpo-1 | 4 | 12 | 12 |" in report
    card = (run / "train/main/0/dpo-2/README.md").read_text()
    assert "`dpo-2` is round 2 of 2: `dpo-1` gave 12 answers to 4 prompts, checker compared them" in card
    assert "This step used 8 of its round's own preferences" in card

    (row,) = list(parquet.read_rows(run / "collected/main/0/dpo-2/selected/train.parquet", ["id", "origin"]))[:1]
    explanation = unipref.explain(run, row["id"])
    assert explanation["preference"]["origin"][0].startswith(FEEDBACK.format("dpo-2"))
    assert [(entry["step"], entry["kept"]) for entry in explanation["selected"]] == [("dpo-2", True)]
    assert explanation["clean"] == [{"folder": "collected/main/0/dpo-2/clean", "part": "train"}]
    assert '"judge": "checker"' in explanation["raw"][0]["text"]

    # Another round more leaves the first two as they are, and another folder has the same bytes.
    longer = change(study, n=3, prompts=4)
    longer["train"][1]["dpo"]["learning_rate"] = 1e-3
    stages = {stage["name"]: stage["done"] for stage in unipref.dry_run(longer, run)["stages"]}
    assert [name for name, done in stages.items() if done and "dpo" in name and "collected" in name] == [
        f"collected/main/0/dpo-{number}/{part}"
        for number in (1, 2)
        for part in ("feedback", "unified", "clean", "selected")
    ]
    assert [name for name, done in stages.items() if not done and "dpo-3" not in name and "checked" not in name] == []
    unipref.train_models(study, tmp_path / "again")
    for step in ("dpo-1", "dpo-2"):
        file = FEEDBACK.format(step)
        assert (run / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


@pytest.mark.slow
def test_a_run_stopped_while_the_second_round_answers_goes_on_there(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chunks of one prompt; an untrained model ends few answers, so the rule also compares those that were cut off.
    monkeypatch.setattr(answers, "CHUNK_TEXTS", 3)
    done: list[tuple[str, int]] = []

    def count_and_stop(limit: int, plain: Callable[[Any], int] = answers.answer_chunk) -> Callable[[Any], int]:
        def answer(task: Any) -> int:
            if len(done) == limit:
                raise KeyboardInterrupt
            done.append((Path(task.model).name, task.places[0]))
            return plain(task)

        return answer

    study = change(study, max_new_tokens=40, judges=[{"likelihood": {"model": "base"}}, "checker"], temperature=1.5)
    monkeypatch.setattr(answers, "answer_chunk", count_and_stop(6))
    with pytest.raises(KeyboardInterrupt):
        unipref.train_models(study, tmp_path / "run")
    before = manifest_of(tmp_path / "run")["rounds"]["main"]["0"]
    assert list(before) == ["dpo-1"]
    assert [model for model, _ in done] == ["sft"] * 4 + ["dpo-1"] * 2
    assert not (tmp_path / "run/collected/main/0/dpo-2/feedback").exists()
    monkeypatch.setattr(answers, "answer_chunk", count_and_stop(100))
    unipref.train_models(study, tmp_path / "run")
    assert [model for model, _ in done] == ["sft"] * 4 + ["dpo-1"] * 4
    assert len(set(done)) == 8
    unipref.train_models(study, tmp_path / "unbroken")
    for step in ("dpo-1", "dpo-2"):
        file = FEEDBACK.format(step)
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "unbroken" / file).read_bytes()
        weights = f"train/main/0/{step}/model.safetensors"
        assert (tmp_path / "run" / weights).read_bytes() == (tmp_path / "unbroken" / weights).read_bytes()


@pytest.mark.slow
def test_a_round_without_a_decided_pair_stops_and_loses_nothing(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def write(prompt: Prompt) -> Sequence[str]:
        calls.append(prompt.key)
        return THREE if len(calls) <= 4 else ("One.", "Two.", "Three.")

    use_answers(monkeypatch, write)
    run = tmp_path / "run"
    with pytest.raises(UserError) as raised:
        unipref.run(study, run)
    text = str(raised.value)
    assert text.startswith("train.1.rounds, dpo-2: the judges decided none of 12 pairs of answers")
    assert "checker called 12 of 12 a tie and had no vote on 0" in text
    assert "Raise 'temperature'" in text
    assert (run / "train/main/0/dpo-1/model.safetensors").is_file()
    assert len(read(run / "cache/collected/main/0/dpo-2/answers.jsonl")) == 4
    assert list(manifest_of(run)["rounds"]["main"]["0"]) == ["dpo-1"]


@pytest.mark.slow
def test_an_earlier_step_can_judge_and_the_check_counts_prompts(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    judges = [{"reward_model": {"model": "critic"}}]
    study["train"].insert(0, {"reward": {**STEP, "name": "critic"}})
    rounds = study["train"][2]["dpo"]["rounds"] = ROUNDS | {"judges": judges, "constraints": None}
    run = tmp_path / "run"
    rounds |= {"n": 1, "prompts": {}}
    checks = unipref.check_training(study, run)["main"]["0"]
    many = len(held_in(run, "train"))
    assert f"dpo-1: 3 answers to {many} new prompts" in checks["notes"]
    assert checks["steps"]["dpo-1"]["used"] is None
    unipref.train_models(study, run)
    assert {row["judge"] for row in read(run / FEEDBACK.format("dpo-1"))} == {"reward_model"}
    assert str(tmp_path) not in (run / "collected/main/0/dpo-1/feedback/collect.json").read_text()
    rounds |= {"n": 2, "prompts": 15}
    with pytest.raises(UserError, match=f"2 rounds need new prompts, 15 each, but there are {many}") as raised:
        unipref.check_training(study, run)
    assert raised.value.where == "train.2.rounds.prompts"


@pytest.mark.slow
def test_judges_are_tested_on_gold_pairs_once_and_not_in_each_round(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("a good one", "a plain one", "a bad one"))
    write_gold(tmp_path)
    with serve(prefer("good")) as server:
        study = judge_by_llm(study, server.url)
        # It shares the first round alone.
        rate = [study["train"][0], {"dpo": {**study["train"][1]["dpo"], "learning_rate": 1e-4}}]
        study["variants"] = {"slow": {"train": rate}}
        unipref.train_models(study, tmp_path / "run")
    assert not (tmp_path / "run/collected/slow/0/dpo-1").exists()
    assert len(server.requests) == 2 * (40 + 12 + 12 + 12)
    rounds = manifest_of(tmp_path / "run")["rounds"]["main"]["0"]
    assert [rounds[step]["decided"] for step in ("dpo-1", "dpo-2")] == [8, 8]
    assert all(one["judges"][0]["tested"].startswith("1.000 [") for one in rounds.values())


@pytest.mark.slow
def test_a_judge_that_fails_its_test_is_named_with_the_place_of_the_report(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("a good one", "a plain one", "a bad one"))
    write_gold(tmp_path)
    with serve(prefer("nothing that is there")) as server, pytest.raises(UserError) as raised:
        unipref.train_models(judge_by_llm(study, server.url), tmp_path / "run")
    text = str(raised.value)
    assert text.startswith("train.1.rounds, dpo-1 (judges): no judge has voted on any pair. Left out, as")
    assert str(tmp_path / "run/cache/collected/main/0/dpo-1/report.md") in text


@pytest.mark.slow
def test_notes_and_the_origin_of_prompts_of_a_round_are_recorded(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("One, two.", "Mail jo@farm.org.", "Three, four, five."))
    notes: list[str] = []
    listener = ProgressListener()
    monkeypatch.setattr(listener, "note", notes.append)
    for name, count in (("more", 4), ("other", 2)):
        rows = [{"q": f"What is new in {name} {number}?", "a": "?"} for number in range(count)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = {"name": "more", "path": "more.jsonl", "format": "demonstration", "map": {"prompt": "q", "response": "a"}}
    other = more | {"name": "other", "path": "other.jsonl", "licence": "CC-BY-NC-4.0"}
    study = change(study, n=1, prompts={"sources": [more, other]}) | {"clean": {"redact": "all"}}
    unipref.train_models(study, tmp_path / "run", listener=listener)
    note = "personal data replaced by placeholders: email"
    (one,) = manifest_of(tmp_path / "run")["rounds"]["main"]["0"].values()
    assert one["prompt_sources"] == [
        {"name": "more", "licence": "unknown", "used": 4},
        {"name": "other", "licence": "CC-BY-NC-4.0", "used": 2},
    ]
    assert any(warning.startswith(note) for warning in one["warnings"])
    assert any(text.startswith(f"dpo-1: {note}") for text in notes)


def test_prompts_are_new_in_each_round_and_never_held_out(study: dict[str, Any], tmp_path: Path) -> None:
    unipref.unify_feedback(study, tmp_path / "run")
    unipref.select_preferences(study, tmp_path / "run")
    cleaned = tmp_path / "run" / "clean"
    held_out = [row["prompt"] for part in ("dev", "test") for row in parquet.read_rows(cleaned / f"{part}.parquet")]
    texts = ["What is new?", "What is tested in this item here?", *(prompt[0]["content"] for prompt in held_out)]
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"q": text, "a": "?"}) + "\n" for text in texts))
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "items.jsonl").write_text('{"text": "What is tested in this item here?"}\n')
    source = {"name": "more", "path": "more.jsonl", "format": "demonstration", "map": {"prompt": "q", "response": "a"}}

    def draw(number: int, seed: int = 0, **prompts: Any) -> set[str]:
        loaded = load(change(study, n=2, prompts=prompts))
        round_ = next(step.round for step in list_steps(loaded.study) if step.round and step.round.number == number)
        other = resolve(loaded, round_.settings.prompts.sources)
        drawn, counts = draw_prompts(
            round_,
            seed,
            cleaned,
            other,
            BenchmarkLeaks({"bench": tmp_path / "bench"}),
            tmp_path,
            "train.1.rounds.prompts",
        )
        assert sum(one.used for one in counts.values()) == len(drawn)
        if other:
            assert counts["more"].held_out == len({root_prompt_key(prompt) for prompt in held_out}) + 1
        return {prompt.messages[-1]["content"] for prompt in drawn}

    assert not draw(1, most=5) & draw(2, most=5)
    assert draw(1, most=5, repeat=True) == draw(2, most=5, repeat=True) == draw(1, most=5)
    assert draw(1, seed=1, most=5) != draw(1, most=5) != draw(1, most=5, seed=1)
    assert all(text.startswith("Name the") for text in draw(1, only=["shown"]))
    everything = draw(1) | draw(2)
    assert not everything & {prompt[0]["content"] for prompt in held_out}
    # The two rounds share all prompts out; one may be left.
    assert 0 <= len(held_in(tmp_path / "run", "train")) - len(everything) <= 1
    assert draw(1, sources=[source], repeat=True) == {"What is new?"}
    with pytest.raises(UserError, match="2 rounds need new prompts, at least one each, but there are 1 different ones"):
        draw(1, sources=[source])


def test_a_held_out_prompt_is_known_by_its_text_before_redaction(study: dict[str, Any], tmp_path: Path) -> None:
    texts = [f"Does the {animal} answer at {animal}@farm.org?" for animal in ANIMALS]
    rows = [{"prompt": text, "chosen": f"The {n}th.", "rejected": "No idea."} for n, text in enumerate(texts)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"q": text, "a": "?"}) + "\n" for text in texts))
    source = {"name": "more", "path": "more.jsonl", "format": "demonstration", "map": {"prompt": "q", "response": "a"}}
    study = change(study, n=1, prompts={"sources": [source]})
    study |= {"sources": study["sources"][:1], "clean": {"redact": "all"}, "split": {"dev": 0.25, "test": 0.25}}
    unipref.select_preferences(study, tmp_path / "run")
    cleaned = tmp_path / "run" / "clean"
    assert not any("@farm.org" in prompt for part in ("dev", "test") for prompt in held_in(cleaned.parent, part))
    groups = {row["group"] for part in ("dev", "test") for row in parquet.read_rows(cleaned / f"{part}.parquet")}
    loaded = load(study)
    (round_,) = [step.round for step in list_steps(loaded.study) if step.round]
    other = resolve(loaded, round_.settings.prompts.sources)
    drawn, counts = draw_prompts(round_, 0, cleaned, other, None, tmp_path, "train.1.rounds.prompts")
    assert not groups & {root_prompt_key(prompt.messages) for prompt in drawn}
    assert (len(drawn), counts["more"].held_out) == (len(texts) - len(groups), len(groups))
    assert len(groups) == 6


@pytest.mark.slow
def test_all_checks_read_the_benchmarks_once(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make(data: dict[str, Path]) -> BenchmarkLeaks:
        made.append(len(data))
        return BenchmarkLeaks(data)

    monkeypatch.setattr(round_stages, "BenchmarkLeaks", make)
    item = {"id": "0", "prompt": "Name the owl.", "rule": "one_word", "arguments": {}}
    (tmp_path / "instructions").mkdir()
    (tmp_path / "instructions" / "test.jsonl").write_text(json.dumps(item) + "\n")
    study |= {"evaluate": [{"instructions": {"data": "instructions", "new_tokens": 2}}], "seeds": [0, 1]}
    unipref.check_training(study, tmp_path / "run")
    assert made == [1]


def test_the_order_of_keys_is_that_of_prompts() -> None:
    found = [(f"source {number % 2}", [{"role": "user", "content": f"What is {number % 7}?"}]) for number in range(20)]
    several = [{f"source {number}": PromptCounts() for number in range(2)} for _ in range(2)]
    ranked = rank_prompts(found, "3 0", several[0])
    assert rank_keys(found, "3 0", several[1]) == [prompt.key for prompt in ranked]
    assert len(ranked) == 7
    assert several[0] == several[1]
    assert sum(one.repeated for one in several[1].values()) == 13


def resolve(loaded: Any, several: Any) -> list[Any]:
    from unipref.study.source import resolve_source

    return [resolve_source(one, place, loaded.data_root, loaded.study.limits) for place, one in enumerate(several)]


def test_a_dry_run_lists_rounds_and_jobs_wait_for_them(study: dict[str, Any], tmp_path: Path) -> None:
    study["train"].insert(1, {"reward": STEP})
    study["train"][2]["dpo"]["rounds"] = ROUNDS | {"judges": [{"reward_model": {"model": "reward"}}]}
    rate = [*study["train"][:2], {"dpo": {**study["train"][2]["dpo"], "learning_rate": 1e-4}}]
    study["variants"] = {"slow": {"train": rate}}
    stages = [stage["name"] for stage in unipref.dry_run(study, tmp_path / "run")["stages"]]
    parts = ("feedback", "unified", "clean", "selected")
    one = [f"collected/main/0/dpo-1/{part}" for part in parts]
    assert stages[stages.index(one[0]) :][:5] == [*one, "train/main/0/dpo-1"]
    # The first round of the other rate asks the same policy the same, so it is shared; the second is not.
    assert [name for name in stages if name.startswith("collected/slow")] == [
        f"collected/slow/0/dpo-2/{part}" for part in parts
    ]
    run = Run(load(study), tmp_path / "run", ProgressListener(), dry_run=True)
    run.run_stages("evaluate")
    before = find_predecessors(run.context.cache.pending)
    sft, reward, first, second = (Job("train", "main", 0, step) for step in ("sft", "reward", "dpo-1", "dpo-2"))
    assert before[first] == {sft, reward}
    assert before[second] == {reward, first}
    assert before[Job("train", "slow", 0, "dpo-1")] == {sft, first}
