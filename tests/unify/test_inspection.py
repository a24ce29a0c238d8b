"""Tests of `inspect` and `init`: files of six formats are recognised by content, and the entry works when pasted."""

import csv
import gzip
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unipref
from support.judged_rows import ANSWERS, QUESTIONS
from support.shapes import ANIMALS, SHAPES, turns, write_jsonl
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.study import draft
from unipref.unify import inspection

STARS = {"field": "stars", "better": "high", "low": 1, "high": 5}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_recognised_and_the_entry_works_when_pasted(here: Path, shape: str) -> None:
    rows, expected, count = SHAPES[shape]
    write_jsonl(here / "data.jsonl", rows)
    (found,) = inspection.inspect(["data.jsonl"])
    assert (found.format, found.rows, found.file) == (expected, len(rows), "data.jsonl")
    assert found.why
    assert len(found.examples) == 3
    assert all({"prompt", "chosen", "rejected"} == set(example) for example in found.examples)
    shown = found.as_text()
    pasted = shown[shown.index("    - name: data") :]
    study = yaml_files.parse(f"sources:\n{pasted}\n", "pasted")
    assert study["sources"] == [found.source]
    if shape == "many_axes":
        assert study["sources"][0]["axis"] == "?"
        study["sources"][0]["axis"] = "stars"
    table = pq.read_table(unipref.unify_feedback(study, here / "run"))
    assert table.num_rows == count
    assert not pq.read_table(here / "run/unified/rejects.parquet").num_rows


def test_examples_are_the_rows_as_they_will_be_read(here: Path) -> None:
    write_jsonl(here / "data.jsonl", SHAPES["ratings"][0])
    (found,) = inspection.inspect(["data.jsonl"])
    assert found.examples[0] == {
        "prompt": "user: Where does the cat live?",
        "chosen": "assistant: In the house of the cat.  [stars 5]",
        "rejected": "assistant: On Mars, with the cat.  [stars 1]",
    }
    assert found.source == {
        "name": "data",
        "path": "data.jsonl",
        "format": "ratings",
        "map": {"prompt": "question", "response": "answer", "scores": {"stars": STARS}},
        "objective": "instruction",
    }
    assert any(doubt == "that 'stars' goes from 1 to 5: other numbers are rejected" for doubt in found.doubts)


def test_examples_show_a_row_that_will_be_rejected(here: Path) -> None:
    rows = [{"instruction": "", "input": "", "output": "A"}, *SHAPES["alpaca"][0]]
    write_jsonl(here / "data.jsonl", rows)
    (found,) = inspection.inspect(["data.jsonl"])
    assert {"reject": "empty_prompt: instruction: the prompt is empty"} in found.examples
    assert "prompt" in found.examples[0]  # a usable row comes first
    assert "empty_prompt" in found.as_text()


def packed(folder: Path, kind: str, rows: list[dict[str, Any]]) -> str:
    if kind == "csv":
        with (folder / "d.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "json":
        (folder / "d.json").write_text(json.dumps(rows), encoding="utf-8")
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "d.parquet")
    elif kind == "jsonl.gz":
        with gzip.open(folder / "d.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    elif kind == "zip":
        with zipfile.ZipFile(folder / "d.zip", "w") as archive:
            archive.writestr("one.jsonl", "".join(json.dumps(row) + "\n" for row in rows[:15]))
            archive.writestr("inner/two.jsonl", "".join(json.dumps(row) + "\n" for row in rows[15:]))
    return f"d.{kind}"


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "jsonl.gz", "zip"])
def test_the_entry_names_the_given_file_for_every_kind_of_file(here: Path, kind: str) -> None:
    name = packed(here, kind, SHAPES["ratings"][0])
    (found,) = inspection.inspect([name])
    assert (found.file, found.source["path"], found.format, found.rows) == (name, name, "ratings", 30)
    table = pq.read_table(unipref.unify_feedback({"sources": [found.source]}, here / "run"))
    assert table.num_rows == 10


def test_init_writes_a_study_of_several_files_that_runs(here: Path) -> None:
    for shape in ("hh", "ratings", "tree", "winogrande", "kto", "alpaca"):
        (here / shape).mkdir()
        write_jsonl(here / shape / "train.jsonl", SHAPES[shape][0])
    (here / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    text = draft.draft_study([*sorted(str(p.relative_to(here)) for p in here.iterdir())])
    assert "# notes.csv: left out, because no format fits" in text
    (here / "study.yaml").write_text(text, encoding="utf-8")
    study = yaml_files.read(here / "study.yaml")
    names = ["train", "train-2", "train-3", "train-4", "train-5", "train-6"]
    assert [source["name"] for source in study["sources"]] == names
    formats = [source.get("format") or source["dataset"] for source in study["sources"]]
    assert formats == ["demonstration", "pairs", "thumbs", "ratings", "tree", "winogrande"]
    unipref.unify_feedback(here / "study.yaml", here / "run")
    manifest = json.loads((here / "run/manifest.json").read_text(encoding="utf-8"))
    assert [manifest["sources"][name]["preferences"] for name in names] == [10, 10, 10, 10, 10, 20]


def test_what_the_data_cannot_tell_is_a_question_and_a_study_with_it_an_error(here: Path) -> None:
    rows = [
        {"q": f"What of the {a}?", "a": f"{x} {a}", "verve": i} for a in ANIMALS for i, x in enumerate(("so", "no"))
    ]
    write_jsonl(here / "data.jsonl", rows)
    (found,) = inspection.inspect(["data.jsonl"])
    assert found.source["map"]["scores"] == {"score": {"field": "?", "better": "?"}}
    assert any("set 'high' or 'low'" in doubt for doubt in found.doubts)
    assert found.examples[0] == {"q": "What of the cat?", "a": "so cat", "verve": "0"}
    assert "fill in before you run it: map.scores.score.field, map.scores.score.better" in found.as_text()
    (here / "study.yaml").write_text(draft.draft_study(["data.jsonl"]), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        unipref.unify_feedback(here / "study.yaml", here / "run")
    assert caught.value.where == "sources.0 (data).map.scores.score.field"


def test_which_of_two_dialogues_is_better_is_a_question(here: Path) -> None:
    rows = [{"left": turns(f"Of the {a}?", "So."), "right": turns(f"Of the {a}?", "No.")} for a in ANIMALS]
    write_jsonl(here / "data.jsonl", rows)
    (found,) = inspection.inspect(["data.jsonl"])
    assert (found.format, found.map) == ("pairs", {"chosen": "?", "rejected": "?"})
    assert "which of 'left' and 'right' was preferred" in found.doubts


RUBBISH = {
    "empty.jsonl": b"",
    "blank.jsonl": b"\n\n\n",
    "text.jsonl": b"dear diary\ntoday it rained\n",
    "binary.json": bytes(range(256)),
    "array.jsonl": b"[1, 2, 3]\n",
    "scalars.json": b"[1, 2, 3]",
    "header.csv": b"a,b,c\n",
    "no.parquet": b"PAR1 is how it begins, but it is none",
    "broken.jsonl.gz": b"\x1f\x8b\x08\x00 and then nothing that gzip knows",
    "broken.zip": b"PK\x03\x04 no more",
    "truncated.json": b'[{"a": 1',
}


@pytest.mark.parametrize("name", RUBBISH)
def test_unusable_files_are_reported_with_the_reason(here: Path, name: str) -> None:
    (here / name).write_bytes(RUBBISH[name])
    (found,) = inspection.inspect([name])
    assert (found.format, found.rows, found.source) == (None, 0, {})
    assert "no row can be read" in found.as_text()
    assert found.why[0].startswith("row ") or found.why == ["the file has no rows"]
    with pytest.raises(UserError, match="no format fits any of the files"):
        draft.draft_study([name])


def test_columns_of_an_unknown_shape_are_listed(here: Path) -> None:
    write_jsonl(here / "d.jsonl", [{"height": 1.5 + i / 7, "ok": None} for i in range(20)])
    (found,) = inspection.inspect(["d.jsonl"])
    assert (found.format, found.rows) == (None, 20)
    assert found.why == ["fields: height (number), ok (empty)"]


def test_a_missing_path_suggests_the_near_name(here: Path) -> None:
    write_jsonl(here / "feedback.jsonl", SHAPES["hh"][0])
    with pytest.raises(UserError, match=r"Did you mean 'feedback.jsonl'"):
        inspection.inspect(["feedbak.jsonl"])


def test_source_names_are_always_free_and_fit_a_study(here: Path) -> None:
    for name in ("a.jsonl", "x/a.jsonl", "x/a-2.jsonl", "x/..odd name!.jsonl"):
        (here / name).parent.mkdir(exist_ok=True)
        write_jsonl(here / name, SHAPES["hh"][0])
    study = yaml_files.parse(draft.draft_study(["a.jsonl", "x/a.jsonl", "x/a-2.jsonl", "x/..odd name!.jsonl"]), "study")
    names = [source["name"] for source in study["sources"]]
    assert names[:3] == ["a", "a-2", "a-2-2"]
    assert len(set(names)) == 4
    unipref.unify_feedback(study, here / "run")


ASKED: dict[str, tuple[str, dict[str, object], str]] = {
    "direction": ("ratings", {"prompt": "q", "response": "a", "scores": {"x": {"field": "x", "better": "?"}}},
                  "scores.x.better"),
    "sides": ("pairs", {"chosen": "?", "rejected": "?"}, "chosen"),
    "label": ("pairs", {"first": "a", "second": "b", "label": "l", "codes": {1: "first", 2: "?"}}, "codes.2"),
    "vote": ("votes", {"first": "a", "second": "b", "votes": ["v", "w"], "codes": {0: "?", 1: "?"}}, "codes.0"),
    "end of a scale": ("graded_pair", {"first": "a", "second": "b", "grade": "g",
                                       "scale": {"first": "?", "second": "?"}}, "scale.first"),
    "grade in words": ("graded_pair", {"first": "a", "second": "b", "grade": "g", "codes": {"so so": "?"}},
                       "codes.so so"),
    "order": ("ranking", {"prompt": "q", "answers": "a", "order": "?"}, "order"),
    "thumbs": ("thumbs", {"messages": "m", "label": "l", "up": "?", "down": "?"}, "up"),
    "groups": ("groups", {"prompt": "q", "good": "?", "bad": "?"}, "good"),
    "edit": ("edit", {"before": "?", "after": "?"}, "before"),
    "first wrong step": ("steps", {"prompt": "q", "steps": "s", "first_wrong": "?"}, "first_wrong"),
    "count of steps": ("steps", {"prompt": "q", "steps": "s", "first_wrong": "w", "counted_from": "?"},
                       "counted_from"),
    "option": ("multiple_choice", {"prompt": "q", "options": "o", "answer": "a", "first": "?"}, "first"),
    "tree": ("tree", {"scores": {"rank": {"field": "?", "better": "low"}}}, "scores.rank.field"),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_an_open_question_is_an_error_that_names_its_place(here: Path, case: str) -> None:
    name, mapping, place = ASKED[case]
    write_jsonl(here / "d.jsonl", [{"q": "Q", "a": "A"}])
    study = {"sources": [{"name": "s", "path": "d.jsonl", "format": name, "map": mapping}]}
    with pytest.raises(UserError, match="marks a question that is still open") as caught:
        unipref.unify_feedback(study, here / "run")
    assert caught.value.where == f"sources.0 (s).map.{place}"
    assert inspection.open_questions(mapping, "map")[0] == f"map.{place}"


def test_columns_of_an_unknown_shape_name_the_closest_formats(here: Path) -> None:
    write_jsonl(
        here / "d.jsonl", [{"note": f"The {a} is all there is to tell.", "k": i % 2} for i, a in enumerate(ANIMALS)]
    )
    (found,) = inspection.inspect(["d.jsonl"])
    assert (found.format, found.why) == (None, ["fields: note (text), k (code)"])
    assert found.doubts == [
        "closest format: demonstration; missing: an answer",
        "closest format: ratings; missing: an answer",
    ]
    assert all(line in found.as_text() for line in found.doubts)


def test_lists_in_csv_cells_are_read_as_the_entry_says(here: Path) -> None:
    rows = [
        {"question": f"Is the {a} a star?", "correct": str([f"No, a {a} is a beast."]), "incorrect": str(["Yes.", a])}
        for a in ANIMALS
    ]
    name = packed(here, "csv", rows)
    (found,) = inspection.inspect([name])
    assert found.map["literals"] == ["correct", "incorrect"]
    assert found.examples[0]["chosen"] == "assistant: No, a cat is a beast."
    table = pq.read_table(unipref.unify_feedback({"sources": [found.source]}, here / "run"))
    assert table.num_rows == 20  # a pair for each, and one bad answer that is left over


def test_votes_and_strengths_are_shown_as_evidence(here: Path) -> None:
    two = [{"prompt": f"What of the {a}?", "answer_a": f"The {a} sings.", "answer_b": "Well, no."} for a in ANIMALS]
    write_jsonl(here / "d.jsonl", [{**row, "choice": ("a", "b", "tie")[i % 3]} for i, row in enumerate(two)])
    (found,) = inspection.inspect(["d.jsonl"])
    assert (found.format, found.map["codes"]) == ("votes", {"a": "first", "b": "second", "tie": "tie"})
    words = ("a is much better", "b is slightly better")
    write_jsonl(here / "d.jsonl", [{**row, "verdict": words[i % 2]} for i, row in enumerate(two)])
    (found,) = inspection.inspect(["d.jsonl"])
    assert found.format == "graded_pair"
    assert [example.get("evidence") for example in found.examples] == ["strength 3", "strength 1", "strength 3"]


def test_turns_under_other_keys_are_read_by_their_roles(here: Path) -> None:
    rows = [
        {
            "talk": [
                {"who": "human", "what": f"Of the {a}?"},
                {"who": "bot", "what": "User" if a == "owl" else f"A {a}."},
            ]
        }
        for a in ANIMALS
    ]
    write_jsonl(here / "d.jsonl", rows)
    (found,) = inspection.inspect(["d.jsonl"])
    assert (found.format, found.map) == ("demonstration", {"messages": "talk"})
    table = pq.read_table(unipref.unify_feedback({"sources": [found.source]}, here / "run"))
    assert table.num_rows == 10


def test_an_archive_is_named_without_a_member_that_has_control_characters(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a\x1bb.jsonl", '{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    (one,) = inspection.inspect([tmp_path / "z.zip"])
    assert one.file.endswith("z.zip")


def support_table(here: Path, delimiter: str) -> str:
    """Writes the table of a support team: stars, some of them blank or N/A, and answers of several lines."""
    replies = ["Open the settings.\nThen click on Reset.", "Wait, please.", "We refund it; see your e-mail."]
    with (here / "csat.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["ticket_id", "created_at", "customer_message", "bot_reply", "CSAT", "annotator"])
        for i in range(30):
            score = ("5", "1", "N/A", "4", "", "2")[i % 6]
            when = f"2026-01-{i % 28 + 1:02} 09:10"
            writer.writerow([f"T-{i}", when, f"How do I reset {i % 10}?", f"{replies[i % 3]} ({i})", score, "mk"])
    return "csat.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_the_stars_of_a_support_team_are_ratings_of_the_reply(here: Path, delimiter: str) -> None:
    (found,) = inspection.inspect([support_table(here, delimiter)])
    assert found.format == "ratings"
    assert found.map == {
        "prompt": "customer_message",
        "response": "bot_reply",
        "scores": {"csat": {"field": "CSAT", "better": "high", "codes": {"N/A": None}, "low": 1, "high": 5}},
    }
    assert found.source.get("csv") == (None if delimiter == "," else {"delimiter": delimiter})
    assert any("'N/A' in 'CSAT'" in doubt for doubt in found.doubts)
    unipref.unify_feedback({"sources": [found.source]}, here / "run")
    rejects = pq.read_table(here / "run/unified/rejects.parquet").to_pylist()
    lines = [2 + i + len(range(0, i, 3)) for i in range(30)]  # every third answer has two lines
    without_score = {f"csat.csv:{lines[i]}" for i in range(30) if i % 6 in (2, 4)}
    assert without_score <= {place for reject in rejects for place in reject["origin"]}
    assert {reject["reason"] for reject in rejects} <= {"unscored", "tie", "one_response"}


@pytest.mark.parametrize(("n_single", "is_told"), [(71, True), (20, False), (0, False)])
def test_prompts_with_one_answer_only_are_counted(here: Path, n_single: int, is_told: bool) -> None:
    ends = (("yes", 5), ("no", 2))
    two = [(f"What is number {i}?", f"It is {i}, {how}.", stars) for i in range(21) for how, stars in ends]
    one = [(f"Where is number {i}?", f"Number {i} is here.", 1 + i % 5) for i in range(n_single)]
    rows = [{"question": q, "answer": a, "stars": stars} for q, a, stars in (*two, *one)]
    write_jsonl(here / "d.jsonl", rows)
    (found,) = inspection.inspect(["d.jsonl"])
    said = [doubt for doubt in found.doubts if "have one answer only" in doubt]
    assert found.format == "ratings"
    assert len(said) == is_told
    if is_told:
        assert said[0].startswith("71 of 92 prompts have one answer only")
        assert "format: thumbs, with label: stars" in said[0]


def test_rows_in_an_object_are_read_as_the_entry_says(here: Path) -> None:
    rows = {
        f"id{i}": {"prompt": f"What is fact {i}?", "chosen": f"It is {i}.", "rejected": "No idea."} for i in range(4)
    }
    (here / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    (found,) = inspection.inspect(["rows.json"])
    assert (found.format, found.rows, found.source["records"]) == ("pairs", 4, ".")
    assert (found.map["chosen"], found.map["rejected"], found.map["prompt"]) == ("chosen", "rejected", "prompt")
    table = pq.read_table(unipref.unify_feedback({"sources": [found.source]}, here / "run"))
    assert table.num_rows == 4


def test_times_that_a_row_shares_with_its_list_make_no_tree(here: Path) -> None:
    times = {"created_at": "2024-05-01T10:00:00Z", "updated_at": "2024-05-01T10:00:09Z"}
    rows = [
        {"prompt": f"What of the {a}?", "chosen": f"The {a} sings.", "rejected": "Well, I do not know.", **times,
         "annotations": [{"by": "ann", **times}]}
        for a in ANIMALS
    ]  # fmt: skip
    write_jsonl(here / "pairs.jsonl", rows)
    (found,) = inspection.inspect(["pairs.jsonl"])
    assert (found.format, found.confidence) == ("pairs", 0.95)


def test_edited_drafts_keep_their_question_as_the_prompt(here: Path) -> None:
    rows = [
        {"Ticket": f"T-{i}", "Question": f"How do I feed the {a}?", "Draft (bot)": f"hello, you feed the {a} at noon.",
         "Final (agent)": f"Hello, you feed the {a} at noon. Kind regards", "Comment": ("ok", None)[i % 2]}
        for i, a in enumerate(ANIMALS)
    ]  # fmt: skip
    write_jsonl(here / "edits.jsonl", rows)
    (found,) = inspection.inspect(["edits.jsonl"])
    assert found.map == {"before": "Draft (bot)", "after": "Final (agent)", "prompt": "Question"}


@pytest.mark.parametrize("shape", ["object", "wide", "long"])
def test_the_time_grows_with_the_rows_and_not_with_their_square(here: Path, shape: str) -> None:
    text = "Fog and rain over the old river, many a soft stone in the cold wind. " * 40
    if shape == "object":
        rows = [{f"task_{i}": {f"text_{j}": f"{i} {j} {text}" for j in range(5)} for i in range(700)}]
    elif shape == "wide":
        rows = [{f"text_{j}": f"{i} {j} {text}" for j in range(250)} for i in range(8)]
    else:
        rows = [{"prompt": f"{i} {text * 4}", "chosen": text * 3, "rejected": text * 2} for i in range(400)]
    (here / "d.json").write_text(json.dumps(rows[0] if shape == "object" else rows), encoding="utf-8")
    start = time.process_time()
    inspection.inspect(["d.json"])
    assert time.process_time() - start < 3, "it takes less than a second on a machine that does nothing else"


def test_a_table_of_judgements_is_joined_by_its_ids(here: Path) -> None:
    answers = [
        {"qid": f"q{i}", "prompt": f"What of the {a}?", "response": f"The {a} sings."} for i, a in enumerate(ANIMALS)
    ]
    votes = [{"id": f"q{i}", "rater": "ann", "feedback": ("👍", "👎")[i % 2]} for i in reversed(range(len(ANIMALS)))]
    (here / "data").mkdir()
    write_jsonl(here / "data/answers.jsonl", answers)
    write_jsonl(here / "data/votes.jsonl", votes)
    first, second = inspection.inspect(["data"])
    assert (first.format, first.map["label"], second.format) == ("thumbs", "votes.feedback", None)
    assert first.source["join"] == [{"path": "data/votes.jsonl", "left": "qid", "right": "id", "as": "votes"}]
    table = pq.read_table(unipref.unify_feedback({"sources": [first.source]}, here / "run"))
    assert table.num_rows == len(ANIMALS)
    assert sum(row["rejected"] is None for row in table.to_pylist()) == 5
    (alone,) = inspection.inspect(["data/answers.jsonl"])
    assert alone.format == "demonstration"


def test_a_file_is_read_once_also_if_it_is_joined(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = inspection.peek
    monkeypatch.setattr(inspection, "peek", lambda path, count: read.append(path.name) or real(path, count))
    for name in ("a", "b", "c"):
        write_jsonl(here / f"{name}.jsonl", [{"id": f"i{n}", name: f"Text {name} of {n}."} for n in range(5)])
    assert len(inspection.inspect(["a.jsonl", "b.jsonl", "c.jsonl"])) == 3
    assert read == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_two_files_of_the_same_ids_that_judge_by_themselves_are_not_joined(here: Path) -> None:
    for name in ("a", "b"):
        write_jsonl(here / f"{name}.jsonl", [{"id": i, **row} for i, row in enumerate(SHAPES["ratings"][0])])
    assert all("join" not in one.source for one in inspection.inspect(["a.jsonl", "b.jsonl"]))


def test_a_table_by_column_is_no_file_of_one_object(tmp_path: Path) -> None:
    columns = {"user_prompt": QUESTIONS, "assistant_reply": ANSWERS, "helpful": [True, False] * 6}
    file = tmp_path / "frame.json"
    file.write_text(json.dumps({name: dict(enumerate(values)) for name, values in columns.items()}))
    (found,) = inspection.inspect([file])
    assert (found.source["orient"], found.notes) == ("columns", [])
