"""One study over every folder of public feedback by catalog name, and five records of each checked by hand.

The facts say where in the raw file the chosen and the rejected text stand, found by reading the raw rows and their
labels. They are checked against the raw files with the few lines of `raw_text`, which use no code of unipref, and
hold no text: how long the chosen one is, is all that is said of it.
"""

import csv
import gzip
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import xxhash

from unipref import unify_feedback

pytestmark = [pytest.mark.shared, pytest.mark.slow]

PATHS = {"oasst_trees": "oasst_trees/en_100_tree.jsonl", "winogrande": "winogrande/train_m.jsonl"}
"""Folders that hold the same data twice: one file of them."""

GPT4, WEIGHTED = "alpaca_eval_gpt4/annotations.json", "weighted_alpaca_eval_gpt4_turbo/annotations.json"
AE, BBM, HH, LLMBAR = "alpaca_eval/results", "bigbench_mistake", "hh_rlhf", "llmbar"
ALPACA, DOLLY = "alpaca/alpaca_5000.json", "dolly_csv/dolly_subset_100_rows.csv"
ARENA, DPO = "arena_battles/labeled.jsonl", "dpo_sharegpt/dpo_en_demo.json"
ITERATER = "iterater/human_sent_level.zip!human_sent_level/train.json"
KTO, LIMA, ZH = "kto_thumbs/kto_en_demo.json", "lima/train.jsonl", "oasst_ranked_zh/oaast_rm_zh.json"
TREES, PANDA, SEED = "oasst_trees/en_100_tree.jsonl", "pandalm/testset-v1.json", "seed_tasks/seed_tasks.jsonl"
SFRES, TOPICAL = "sfres_ratings/sfres.json", "topical_chat_ratings/topical_chat.json"
TULU, WINO = "tulu_preference/preference_sample.jsonl", "winogrande/train_m.jsonl"

# (chosen `file:row#path`, rejected likewise, characters of the chosen text, columns that are known by hand);
# `|last` is what follows the last mark of the assistant in a transcript, `|joined` a list's items line by line
FACTS: list[tuple[str | None, str | None, int | None, dict[str, Any]]] = [
    # demonstrations: the answer, nothing against it
    *((f"{ALPACA}:{row}#output", None, n, {}) for row, n in enumerate((263, 465, 11, 319, 56), 1)),
    *((f"{DOLLY}:{row}#response", None, n, {}) for row, n in ((2, 265), (3, 312), (10, 17), (13, 524), (38, 540))),
    (f"{LIMA}:1#conversations.1", None, 1569, {}),
    (f"{LIMA}:2#conversations.1", None, 3107, {}),
    (f"{LIMA}:588#conversations.3", None, 603, {}),
    (f"{LIMA}:590#conversations.7", None, 277, {}),
    *((f"{SEED}:{row}.1#instances.0.output", None, n, {})
      for row, n in ((1, 302), (2, 64), (10, 347), (50, 62), (175, 5))),
    # alpaca_eval: 1 and just above is the first, 2 the second; the strength is the distance from 1.5
    (f"{AE}/alpaca-farm-ppo-human/{GPT4}:1#output_1", "#output_2", 495, {"chosen_score": 0.5}),
    (f"{AE}/claude-2/{WEIGHTED}:1#output_1", "#output_2", 3025, {"chosen_score": 1.5 - 1.0001233945}),
    (f"{AE}/claude-2/{WEIGHTED}:3#output_1", "#output_2", 2285, {"chosen_score": 1.5 - 1.0083157768}),
    (f"{AE}/claude/{GPT4}:1#output_2", "#output_1", 1347, {"chosen_score": 0.5, "axis": "strength"}),
    # arena: the last turn of the side that won; in the third the dialogues part after the first answer
    (f"{ARENA}:3#conversation_a.1.content", "#conversation_b.1.content", 3787, {}),
    (f"{ARENA}:5#conversation_b.1.content", "#conversation_a.1.content", 522, {}),
    (f"{ARENA}:47#conversation_a.3.content", "#conversation_b.3.content", 2022, {}),
    # first wrong step, from 0: row 1 says 1, row 2 says 4; row 5 of the deductions is wrong at 1 and right at the end
    (None, f"{BBM}/multistep_arithmetic.jsonl:1#steps.1", None, {}),
    (None, f"{BBM}/multistep_arithmetic.jsonl:2#steps.4", None, {}),
    (None, f"{BBM}/logical_deduction.jsonl:5#steps.1", None, {}),
    (f"{BBM}/dyck_languages.jsonl:1#steps|joined", None, 453, {}),
    # pairs
    *((f"{DPO}:{row}#chosen.value", "#rejected.value", n, {})
      for row, n in ((1, 1688), (2, 926), (4, 2118), (5, 2275), (6, 303))),
    (f"{HH}/harmless-base/test.jsonl.gz:1#chosen|last", "#rejected|last", 278, {}),
    (f"{HH}/helpful-base/test.jsonl.gz:2#chosen|last", "#rejected|last", 259, {}),
    (f"{HH}/helpful-rejection-sampled/test.jsonl.gz:1#chosen|last", "#rejected|last", 242, {}),
    (f"{LLMBAR}/Natural/dataset.json:1#output_1", "#output_2", 150, {}),
    (f"{LLMBAR}/Natural/dataset.json:2#output_1", "#output_2", 150, {}),
    (f"{LLMBAR}/Adversarial/GPTInst/dataset.json:1#output_2", "#output_1", 85, {}),
    (f"{LLMBAR}/Adversarial/Manual/dataset.json:2#output_2", "#output_1", 37, {}),
    (f"{LLMBAR}/Adversarial/Neighbor/dataset.json:2#output_2", "#output_1", 16, {}),
    *((f"{TULU}:{row}#chosen.1.content", "#rejected.1.content", n, {})
      for row, n in enumerate((6289, 1446, 624, 2728, 3036), 1)),
    # edits: row 5 takes out a character, and row 8 puts it back: both directions are in the data
    (f"{ITERATER}:2#after_sent", "#before_sent", 329, {}),
    (f"{ITERATER}:5#after_sent", "#before_sent", 134, {}),
    (f"{ITERATER}:8#after_sent", "#before_sent", 133, {}),
    (f"{ITERATER}:31#after_sent", "#before_sent", 173, {}),
    # thumbs: rows 65 and 196 answer one prompt, up and down
    (f"{KTO}:1#messages.1.content", None, 457, {}),
    (f"{KTO}:4#messages.1.content", None, 198, {}),
    (None, f"{KTO}:5#messages.5.content", None, {}),
    (f"{KTO}:65#messages.-1.content", f"{KTO}:196#messages.-1.content", 1745, {}),
    (f"{KTO}:37#messages.-1.content", None, 1648, {"n_responses": 2}),
    # rankings: the first of the list against the last
    (f"{ZH}:1#output.0", "#output.3", 335, {"chosen_score": 0.0, "rejected_score": 3.0}),
    (f"{ZH}:2#output.0", "#output.3", 475, {"rejected_score": 3.0}),
    (f"{ZH}:3#output.0", "#output.3", 68, {"rejected_score": 3.0}),
    (f"{ZH}:7#output.0", "#output.2", 11, {"rejected_score": 2.0}),
    # trees: rank 0 against the highest; in tree 41 a fourth reply has no rank
    (f"{TREES}:1#prompt.replies.0.text", "#prompt.replies.1.text", 1349, {"chosen_score": 0.0}),
    (f"{TREES}:1#prompt.replies.0.replies.0.replies.0.text", "#prompt.replies.0.replies.0.replies.1.text", 435, {}),
    (f"{TREES}:2#prompt.replies.0.text", "#prompt.replies.2.text", 1231, {"rejected_score": 2.0}),
    (f"{TREES}:3#prompt.replies.1.replies.0.replies.0.text", "#prompt.replies.1.replies.0.replies.5.text", 1181,
     {"rejected_score": 5.0, "n_responses": 6}),
    (f"{TREES}:41#prompt.replies.1.replies.4.replies.0.text", "#prompt.replies.1.replies.4.replies.2.text", 118,
     {"rejected_score": 2.0, "n_responses": 4}),
    # votes: row 60 says 1 0 1, row 61 says 2 1 1, row 148 says 2 0 0
    (f"{PANDA}:1#response2", "#response1", 96, {"confidence": 1.0, "n_judgements": 3}),
    (f"{PANDA}:60#response1", "#response2", 60, {"confidence": 5 / 6}),
    (f"{PANDA}:61#response1", "#response2", 31, {"confidence": 2 / 3}),
    # ratings: the best of the rows with that prompt against the worst
    (f"{SFRES}:402#system_output", f"{SFRES}:1#system_output", 68, {"chosen_score": 5.0, "rejected_score": 4.0}),
    (f"{SFRES}:403#system_output", f"{SFRES}:2#system_output", 51, {"chosen_score": 5.0, "rejected_score": 4.5}),
    (f"{SFRES}:405#system_output", f"{SFRES}:4#system_output", 60, {"chosen_score": 6.0, "rejected_score": 3.0}),
    (f"{TOPICAL}:7#system_output", f"{TOPICAL}:10#system_output", 179, {"rejected_score": 1.0, "n_responses": 6}),
    (f"{TOPICAL}:18#system_output", f"{TOPICAL}:16#system_output", 229, {"chosen_score": 5.0, "rejected_score": 2.0}),
    (f"{TOPICAL}:36#system_output", f"{TOPICAL}:35#system_output", 125, {"chosen_score": 5.0}),
    (f"{TOPICAL}:42#system_output", f"{TOPICAL}:40#system_output", 67, {"rejected_score": 1.0}),
    (f"{TOPICAL}:277#system_output", f"{TOPICAL}:279#system_output", 377, {"rejected_score": 1.0}),
    # multiple choice: answers 2, 1, 1, 2, 2
    *((f"{WINO}:{row}#option{answer}", f"#option{3 - answer}", n, {"objective": "bias"})
      for row, answer, n in ((1, 2, 6), (2, 1, 3), (3, 1, 4), (4, 2, 5), (5, 2, 5))),
]  # fmt: skip

# rows that must not give a preference, with the reason; ties of several rows name the first
LEFT_OUT = [
    (f"{LIMA}:599", "no_answer"),  # an odd number of turns
    (f"{AE}/alpaca-farm-ppo-human/{GPT4}:35", "same_response"),  # 0, the older code of a tie
    (f"{AE}/claude-2/{WEIGHTED}:230", "same_response"),  # 1.5
    (f"{ARENA}:1", "tie"),
    (f"{ARENA}:6", "tie"),  # both bad
    (f"{BBM}/word_sorting.jsonl:3", "contradiction"),  # nothing is marked wrong, yet it misses the target
    (f"{HH}/harmless-base/test.jsonl.gz:28", "empty_response"),
    (f"{HH}/helpful-online/test.jsonl.gz:69", "same_response"),
    (f"{ITERATER}:1", "left_out"),  # changes the meaning
    (f"{ITERATER}:314", "empty_response"),  # deletes the sentence
    (f"{ZH}:145", "one_response"),  # two answers of the same text
    (f"{TREES}:49", "unscored"),
    (f"{PANDA}:64", "tie"),  # three zeros
    (f"{PANDA}:110", "wrong_type"),  # the answer is the boolean true
    (f"{SFRES}:3", "tie"),  # 6 and 6
    (f"{SFRES}:6", "one_response"),  # the same sentence twice, rated 6 and 4
    *((f"shepherd_critiques/human_data_for_model.jsonl:{row}", "no_order") for row in range(1, 6)),
]


@cache
def raw_rows(file: Path) -> list[Any]:
    """Every line or record of a raw file; a blank line keeps its number, and a CSV row is at its first line."""
    path, _, member = str(file).partition("!")
    if member:
        text = zipfile.ZipFile(path).read(member).decode()
    else:
        data = Path(path).read_bytes()
        text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    if path.endswith(".csv"):
        reader = csv.DictReader(text.splitlines(keepends=True))
        rows: list[Any] = [None] * (len(reader.fieldnames or ()) and reader.line_num)
        for row in reader:
            rows += [row, *[None] * (reader.line_num - len(rows) - 1)]
        return rows
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    return [json.loads(line) if line.strip() else None for line in text.split("\n")]


def raw_text(root: Path, place: str) -> str:
    """The text at `file:row#path` of a raw file."""
    origin, _, path = place.partition("#")
    file, _, row = origin.rpartition(":")
    path, _, how = path.partition("|")
    value = raw_rows(root / file)[int(row.partition(".")[0]) - 1]
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    if how == "last":
        value = value.rsplit("\n\nAssistant:", 1)[1]
    if how == "joined":
        value = "\n".join(item.strip() for item in value)
    return str(value).strip()


def hashed(text: str) -> str:
    return str(xxhash.xxh3_64_hexdigest(text.encode()))


@pytest.fixture(scope="module")
def root(shared: Path) -> Path:
    return shared / "data" / "feedback"


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of one study over every folder."""
    out = tmp_path_factory.mktemp("all") / "run"
    sources = [{"name": n, "dataset": n, "path": PATHS.get(n, n)} for n in sorted(p.name for p in root.iterdir())]
    # The shares of votes that were read by hand are the confidence of `majority`.
    unify_feedback({"data_root": str(root), "sources": sources, "unify": {"aggregate": "majority"}, "workers": 1}, out)
    return out


@pytest.fixture(scope="module")
def books(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["sources"]
    return found


@pytest.fixture(scope="module")
def by_origin(run: Path) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in pq.read_table(run / "unified" / "preferences.parquet").to_pylist():
        found.setdefault(tuple(sorted(row["origin"])), []).append(row)
    return found


def test_the_books_balance_and_only_critiques_give_nothing(books: dict[str, Any]) -> None:
    assert len(books) == 20
    for name, page in books.items():
        assert page["rows"] == page["used"] + sum(page["rejected"].values()), name
        assert page["groups"] == page["projected"] + sum(page["groups_rejected"].values()), name
    assert [name for name, page in books.items() if not page["preferences"]] == ["shepherd_critiques"]
    # as many rows as the folders hold, by their own description
    assert {name: page["rows"] for name, page in books.items()} == {
        "alpaca": 1500, "alpaca_eval": 2700, "arena_battles": 100, "bigbench_mistake": 1100, "dolly_csv": 100,
        "dpo_sharegpt": 300, "hh_rlhf": 2800, "iterater": 1005, "kto_thumbs": 300, "lima": 600, "llmbar": 314,
        "oasst_ranked_zh": 775, "oasst_trees": 70, "pandalm": 704, "seed_tasks": 175, "sfres_ratings": 814,
        "shepherd_critiques": 724, "topical_chat_ratings": 288, "tulu_preference": 100, "winogrande": 2558,
    }  # fmt: skip


KNOWN_REJECTS = {
    "alpaca_eval": {"same_response": 7},  # of 11 rows, seven zeros and four 1.5, five of which share prompt and answer
    "arena_battles": {"tie": 40, "same_response": 1},  # 22 ties and 19 where both are bad
    "hh_rlhf": {"empty_response": 2, "no_answer": 1, "same_response": 4},
    "iterater": {"left_out": 277, "empty_response": 7},  # 266 change the meaning, 11 are 'others'
    "lima": {"no_answer": 1},
    "pandalm": {"empty_response": 38, "wrong_type": 6, "tie": 45},  # of 61 rows, 25 of which share prompt and answers
    "shepherd_critiques": {"no_order": 724},
    "oasst_ranked_zh": {"one_response": 3},
    "dpo_sharegpt": {},
    "winogrande": {},
}


def test_what_is_left_out_is_what_is_known_to_be_odd(books: dict[str, Any]) -> None:
    found = {name: {**books[name]["rejected"], **books[name]["groups_rejected"]} for name in KNOWN_REJECTS}
    assert found == KNOWN_REJECTS


def test_further_evidence_agrees_with_the_labels_where_there_is_some(books: dict[str, Any]) -> None:
    # Likes support the ranks of oasst_trees weakly: 64 to 38.
    verdicts = dict.fromkeys(("bigbench_mistake", "sfres_ratings", "topical_chat_ratings"), "no_contradiction")
    verdicts["oasst_trees"] = "mixed"
    for name in books.keys() - {"shepherd_critiques"}:
        expected = verdicts.get(name, "unknown")
        assert books[name]["polarity"]["verdict"] == expected, name


def test_five_records_of_each_folder_are_checked() -> None:
    checked = [(one or other or "").partition("/")[0] for one, other, _, _ in FACTS]
    checked += [origin.partition("/")[0] for origin, _ in LEFT_OUT]
    assert len(set(checked)) == 20
    assert min(checked.count(folder) for folder in checked) >= 5


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact[0] or fact[1])
def test_a_record_is_as_it_was_read_by_hand(
    fact: tuple[Any, ...], root: Path, by_origin: dict[tuple[str, ...], list[dict[str, Any]]]
) -> None:
    chosen, rejected, length, columns = fact
    if rejected is not None and rejected.startswith("#"):
        rejected = chosen.partition("#")[0] + rejected
    texts = [None if place is None else raw_text(root, place) for place in (chosen, rejected)]
    assert length is None or len(texts[0]) == length
    origin = tuple(sorted({place.partition("#")[0] for place in (chosen, rejected) if place is not None}))
    expected = [text and hashed(text) for text in texts]
    found = [
        row
        for row in by_origin[origin]
        if expected == [side and hashed(side[-1]["content"]) for side in (row["chosen"], row["rejected"])]
    ]
    assert len(found) == 1
    for column, value in columns.items():
        assert found[0][column] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


@pytest.mark.parametrize(("origin", "reason"), LEFT_OUT, ids=[origin for origin, _ in LEFT_OUT])
def test_a_record_is_left_out_for_its_reason(origin: str, reason: str, run: Path) -> None:
    table = pq.read_table(run / "unified" / "rejects.parquet").to_pylist()
    assert reason in [row["reason"] for row in table if origin in row["origin"]]


def test_winogrande_joined_with_its_parallel_labels_is_the_same(root: Path, tmp_path: Path) -> None:
    source = {
        "name": "w",
        "dataset": "winogrande",
        "path": "winogrande/train_m.jsonl",
        "map": {"answer": "label.line"},
        "join": [{"path": "winogrande/train_m-labels.lst", "on": "row", "as": "label"}],
    }
    plain = {key: source[key] for key in ("name", "dataset", "path")}
    tables = [
        pq.read_table(unify_feedback({"data_root": str(root), "sources": [one], "workers": 1}, tmp_path / name))
        for name, one in (("joined", source), ("plain", plain))
    ]
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows == 2558
