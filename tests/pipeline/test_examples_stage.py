"""Examples: which preferences, their raw rows read back, and what models answer."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unipref
from support.study_files import done_now, manifest_of, study_of, write_sources
from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.models.loading import load_policy
from unipref.pipeline import examples, raw_rows
from unipref.pipeline.examples import (
    POOL,
    AnsweringModel,
    add_raw_rows,
    draw_preferences,
    generate_answers,
    spread_over_sources,
)
from unipref.pipeline.examples_stage import choose_models, find_last_policy
from unipref.pipeline.stage_data import TrainedModel
from unipref.sources import parts
from unipref.study.load import load


def preference(name: str, source: str, prompt: str = "Who?", **fields: Any) -> dict[str, Any]:
    said = {"prompt": [{"role": "user", "content": prompt}], "chosen": None, "rejected": None}
    said["chosen"] = [{"role": "assistant", "content": "Me."}]
    about = {"kind": "pairs", "objective": "instruction", "licence": "unknown", "axis": None, "chosen_score": None}
    rest = {
        "rejected_score": None,
        "axes": [],
        "margin": None,
        "margin_percentile": None,
        "confidence": None,
        "n_judgements": 1,
    }
    more = {"n_responses": 2, "group": name, "origin": [f"{source}.jsonl:1"], "extra": "{}"}
    return {"id": name, "source": source, **said, **about, **rest, **more, **fields}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path, row_group_size=7)
    return path


def test_rows_come_back_from_where_they_were(tmp_path: Path) -> None:
    lines = [json.dumps({"n": n}) for n in range(1, 2001)]
    (tmp_path / "long.jsonl").write_text("\n".join(lines))
    with gzip.open(tmp_path / "packed.csv.gz", "wt") as file:
        file.write("n,text\n1,one\n2,two\n")
    pq.write_table(pa.table({"n": list(range(1, 101))}), tmp_path / "t.parquet", row_group_size=10)
    (tmp_path / "inner.json").write_text(json.dumps([{"rows": [{"n": 1}, {"n": 2}]}]))
    # Cut into ranges of about 100 bytes, as a file past 32 MB is.
    cut = parts(["long.jsonl", "packed.csv.gz", "t.parquet"], tmp_path, "sources.0.path", cut_bytes=100)
    assert len([part for part in cut if part.origin == "long.jsonl"]) > 100
    found = raw_rows.read_rows(cut, ["long.jsonl:1", "long.jsonl:1777", "packed.csv.gz:3", "t.parquet:55"])
    assert found == {
        "long.jsonl:1": {"n": 1},
        "long.jsonl:1777": {"n": 1777},
        "packed.csv.gz:3": {"n": "2", "text": "two"},
        "t.parquet:55": {"n": 55},
    }
    nested = [msgspec.structs.replace(part, records="rows") for part in parts(["inner.json"], tmp_path, "p")]
    assert raw_rows.read_rows(nested, ["inner.json:1.2"])["inner.json:1.2"] == {"parent": {}, "n": 2}


def test_a_row_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1}\nnot json\n')
    there = parts(["a.jsonl"], tmp_path, "p")
    found = raw_rows.read_rows(there, ["a.jsonl:2", "a.jsonl:9", "b.jsonl:1"])
    assert "JSON" in found["a.jsonl:2"]
    assert found["a.jsonl:9"] == "the file no longer has this row"
    assert found["b.jsonl:1"] == "no file of its source has this name"
    (tmp_path / "a.jsonl").unlink()
    gone = raw_rows.read_rows(there, ["a.jsonl:1"])["a.jsonl:1"]
    assert isinstance(gone, str)
    assert "No such file" in gone
    example = {"source": "a", "origin": ["a.jsonl:1"]}
    add_raw_rows([example], {"a": there})
    assert example["raw"] == [{"origin": "a.jsonl:1", "text": "", "note": f"it cannot be shown: {gone}"}]


def test_long_rows_are_shortened_and_say_so() -> None:
    text, cut = raw_rows.shorten_row({"a": "short", "n": [1, 2]})
    assert (json.loads(text), cut) == ({"a": "short", "n": [1, 2]}, False)
    text, cut = raw_rows.shorten_row({"a": "x" * 500, "n": list(range(10))})
    assert cut
    assert "(100 more characters)" in text
    assert "(4 more items)" in text
    deep: dict[str, Any] = {}
    for _ in range(10):
        deep = {"in": deep, "with": 1}
    assert "(2 fields)" in raw_rows.shorten_row(deep)[0]
    text, cut = raw_rows.shorten_row({f"f{n}": "y" * 399 for n in range(50)})
    assert cut
    assert len(text) == raw_rows.MAX_ROW


def test_the_draw_is_the_seeds_and_spread_over_sources(tmp_path: Path) -> None:
    rows = [preference(f"{source}{n}", source) for source in "abc" for n in range(40)]
    rows += [preference("d0", "d")]
    path = written(tmp_path / "test.parquet", rows)
    drawn = draw_preferences(path, 0)
    assert {source: len(found) for source, found in drawn.items()} == {"a": POOL, "b": POOL, "c": POOL, "d": 1}
    turned = written(tmp_path / "turned.parquet", rows[::-1])
    assert {s: [row["id"] for row in found] for s, found in drawn.items()} == {
        s: [row["id"] for row in found] for s, found in sorted(draw_preferences(turned, 0).items())
    }
    assert [row["id"] for row in drawn["a"]] != [row["id"] for row in draw_preferences(path, 1)["a"]]
    chosen = spread_over_sources(drawn, 8, 0)
    # One of each of the four, three more of those that have a second, and one third: 1 + 2 + 2 + 3.
    assert sorted(Counter(row["source"] for row in chosen).values()) == [1, 2, 2, 3]
    assert len({row["id"] for row in chosen}) == 8


def test_what_fits_goes_first_and_what_does_not_is_no_reason_for_none() -> None:
    long, short = preference("long", "a", "x" * 99), preference("short", "a", "x")
    only_long = preference("other", "b", "x" * 99)
    spread = spread_over_sources(
        {"a": [long, short], "b": [only_long]}, 2, 0, lambda prompt: len(prompt[0]["content"]) < 9
    )
    assert {row["id"] for row in spread} == {"short", "other"}


def test_models_that_are_the_same_are_one_and_too_many_are_named() -> None:
    base = AnsweringModel("base", "m", "0")
    trained = {
        v: AnsweringModel(f"{v} · dpo", v, key) for v, key in (("main", "1"), ("full", "1"), ("a", "2"), ("b", "3"))
    }
    models, left_out = choose_models(base, trained, 3)
    assert [model.label for model in models] == ["base", "main · dpo, full · dpo", "a · dpo"]
    assert left_out == ["b · dpo"]


def test_the_last_policy_is_no_reward_model() -> None:
    done = {"sft": TrainedModel("s", "1", "policy"), "reward": TrainedModel("r", "2", "reward")}
    assert find_last_policy("main", done) == AnsweringModel("main · sft", "s", "1")
    assert find_last_policy("main", {"reward": done["reward"]}) is None


def test_answers_say_when_they_were_cut_and_why_there_is_none(tiny_model: Path) -> None:
    policy = load_policy(str(tiny_model))
    prompts = [[{"role": "user", "content": text}] for text in ("Who?", "x y z " * 200)]
    short, long = generate_answers(policy, prompts, 5)
    assert short["note"] in ("", "cut after 5 tokens")
    assert long["text"] == ""
    assert "the model's context 256" in long["note"]


def test_a_prompt_that_the_template_refuses_has_no_answer_and_the_others_have(tiny_model: Path) -> None:
    policy = load_policy(str(tiny_model))
    policy.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    prompt = [{"role": "user", "content": "Hello"}]
    refused, taken = generate_answers(policy, [[{"role": "system", "content": "Be."}, *prompt], prompt], 2)
    assert refused == {"text": "", "note": "no answer: the model's chat template does not accept this prompt"}
    assert "template" not in taken["note"]


def test_settings_are_checked(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model)
    del study["report"]
    assert load(study).study.report.examples == 8
    with pytest.raises(UserError, match=r"report\.examples"):
        load(study | {"report": {"examples": -1}})
    with pytest.raises(UserError, match=r"report\.exampels"):
        load(study | {"report": {"exampels": 3}})
    with pytest.raises(UserError, match="variants cannot change this setting"):
        load(study | {"variants": {"a": {"report": {"examples": 1}}}})


def small(folder: Path, model: Path) -> dict[str, Any]:
    write_sources(folder)
    step = {"max_steps": 1, "per_device_train_batch_size": 4}
    return study_of(folder, model) | {
        "select": "all",
        "train": [{"sft": step}, {"reward": step}],
        "variants": {"random": {"select": {"random": {"fraction": 0.5}}}},
        "report": {"examples": 4, "new_tokens": 6},
    }


@pytest.mark.slow
def test_a_run_shows_examples_once(tmp_path: Path, tiny_model: Path) -> None:
    study = small(tmp_path, tiny_model)
    before = unipref.dry_run(study, tmp_path / "one")
    assert [stage["name"] for stage in before["stages"]][-1] == "examples"
    one = unipref.run(study, tmp_path / "one")
    found = json.loads((one / "examples" / "examples.json").read_text())
    assert len(found) == 4
    assert [row["source"] for row in found] == sorted(
        (row["source"] for row in found), key=["pairs", "ratings", "shown"].index
    )
    assert manifest_of(one)["examples"] == {
        "part": "test",
        "models": ["base", "main · sft", "random · sft"],
        "left_out": [],
        "new_tokens": 6,
        "notes": [],
        "folder": "examples",
    }
    held_out = {row["id"]: row for row in pq.read_table(one / "clean" / "test.parquet").to_pylist()}
    for row in found:
        assert row["prompt"] == held_out[row["id"]]["prompt"]
        assert set(row["answers"]) == {"base", "main · sft", "random · sft"}
        raw = [json.loads(shown["text"]) for shown in row["raw"]]
        texts = {text for value in raw for text in value.values()}
        assert row["prompt"][-1]["content"] in texts or row["source"] == "shown"
        assert row["chosen"][-1]["content"] in texts

    unipref.run(study, one)
    assert done_now(one) == set()
    unipref.run(study | {"report": {"examples": 0}}, one)
    assert "examples" not in manifest_of(one)
    assert done_now(one) == set()


@pytest.mark.slow
def test_nothing_to_show_is_said_and_what_fails_ends_no_run(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small(tmp_path, tiny_model) | {"variants": {}}
    study["train"] = study["train"][:1]

    def failing(*given: Any) -> None:
        raise UserError("the model gives no numbers.")

    monkeypatch.setattr(examples, "generate_answers", failing)
    run = unipref.run(study, tmp_path / "run")
    found = json.loads((run / "examples" / "examples.json").read_text())
    assert {answer["note"] for row in found for answer in row["answers"].values()} == {
        "it could not answer: the model gives no numbers."
    }
    assert len(manifest_of(run)["examples"]["notes"]) == 2
    monkeypatch.undo()
    assert "notes" in manifest_of(unipref.run(study, run))["examples"]
    assert manifest_of(run)["examples"]["notes"] == []

    bare = {key: study[key] for key in ("name", "sources", "data_root") if key in study}
    assert "examples" not in manifest_of(unipref.run(bare, tmp_path / "bare"))

    none = study | {"split": {"dev": 0, "test": 0}, "evaluate": []}
    assert manifest_of(unipref.run(none, tmp_path / "none"))["examples"] == {
        "skipped": "No examples are shown: no preference is held out."
    }
    untrained = study | {"train": []}
    assert "no policy was trained" in manifest_of(unipref.run(untrained, run))["examples"]["skipped"]
