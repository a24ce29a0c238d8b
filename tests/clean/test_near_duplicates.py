"""Tests of near-duplicates: planted ones, a comparison of all pairs, counterexamples, and prompts in one part."""

import filecmp
import random
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.clean_rows import part, preference, removed, run
from unipref.clean import CleanSettings, NearDuplicateSettings, SplitSettings
from unipref.clean.minhash import Sketches, bands_and_rows
from unipref.clean.shingles import answer_words, hash_shingles, hash_texts, jaccard, only_adds_words, prompt_words
from unipref.core.errors import UserError
from unipref.study.load import load

NEAR = CleanSettings(duplicates="near")
ALL = SplitSettings(dev=0, test=0)
VOCABULARY = [f"w{i}" for i in range(5000)]


def text(rng: random.Random, n: int) -> str:
    return " ".join(rng.choices(VOCABULARY, k=n))


def changed(content: str, rng: random.Random, n: int) -> str:
    """Returns the text with n of its words changed."""
    words = content.split()
    for place in rng.sample(range(len(words)), n):
        words[place] = f"x{rng.randrange(10**9)}"
    return " ".join(words)


def bag_jaccard(one: str, other: str, size: int = 3) -> float:
    """Computes the similarity by its definition: shared runs of words over all, with counts."""
    bags = []
    for content in (one, other):
        words = content.split()
        n = max(1, len(words) - size + 1)
        bags.append(Counter(tuple(words[i : i + size]) for i in range(n)))
    return (bags[0] & bags[1]).total() / (bags[0] | bags[1]).total()


def texts(row: dict[str, Any]) -> list[str]:
    return [row[side][0]["content"] for side in ("prompt", "chosen", "rejected")]


def fresh(rng: random.Random, name: str) -> dict[str, Any]:
    sides = {"chosen": text(rng, 80), "rejected": text(rng, 80)}
    return preference(name, text(rng, 60), f"g{name}", **sides)


def again(row: dict[str, Any], rng: random.Random, name: str, words: int = 1) -> dict[str, Any]:
    """Returns the preference with some words of every text changed."""
    prompt, chosen, rejected = (changed(content, rng, words) for content in texts(row))
    return preference(name, prompt, f"g{name}", chosen=chosen, rejected=rejected)


def planted(seed: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Makes 300 preferences and near-duplicates of 100 of them; also returns copy id -> original id."""
    rng = random.Random(seed)
    originals = [fresh(rng, f"{i}") for i in range(300)]
    copies = [again(row, rng, f"{row['id']}-copy") for row in originals[:100]]
    places = sorted((rng.random() + (row["id"].endswith("copy")), row["id"]) for row in originals + copies)
    by_id = {row["id"]: row for row in originals + copies}
    return [by_id[name] for _, name in places], {row["id"]: row["id"].removesuffix("-copy") for row in copies}


def test_every_planted_near_duplicate_is_found_with_its_twin_and_nothing_else(tmp_path: Path) -> None:
    # One word of 60 changed: 3 of 58 shingles, J = 55 / 61 = 0.90; one of 80: 75 / 81 = 0.93.
    rows, twins = planted(0)
    result = run(rows, tmp_path / "a", ALL, NEAR)
    assert result["removed"] == {"near_duplicate": 100}
    assert {row["id"]: row["twin"] for row in removed(tmp_path / "a")} == twins
    assert result["by_source"] == {"s": {"near_duplicate": 100, "preferences": 400}}
    assert set(part(tmp_path / "a", "train")) == {row["id"] for row in rows} - set(twins)


def test_the_first_in_the_file_stays_whatever_the_order(tmp_path: Path) -> None:
    rows, twins = planted(1)
    random.Random(5).shuffle(rows)
    run(rows, tmp_path / "a", ALL, NEAR)
    order = {row["id"]: place for place, row in enumerate(rows)}
    found = removed(tmp_path / "a")
    pairs = {frozenset(pair) for pair in twins.items()}
    assert {frozenset((row["id"], row["twin"])) for row in found} == pairs
    assert all(order[row["twin"]] < order[row["id"]] for row in found)


@pytest.mark.slow
def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        run(planted(2)[0], tmp_path / name, SplitSettings(), NEAR)
    files = ["train.parquet", "dev.parquet", "test.parquet", "removed.parquet"]
    assert filecmp.cmpfiles(tmp_path / "a/out", tmp_path / "b/out", files, shallow=False) == (files, [], [])
    assert sorted(file.name for file in (tmp_path / "a/out").iterdir()) == sorted(files)


@pytest.mark.parametrize(("threshold", "size"), [(0.8, 3), (0.7, 2), (0.9, 1)])
def test_removals_match_a_comparison_of_all_pairs(tmp_path: Path, threshold: float, size: int) -> None:
    rng = random.Random(7)
    rows = [fresh(rng, f"{i}") for i in range(20)]
    rows += [again(rng.choice(rows[:20]), rng, f"c{i}", rng.randint(1, 6)) for i in range(160)]
    settings = CleanSettings(duplicates="near", near=NearDuplicateSettings(threshold=threshold, shingle=size))
    run(rows, tmp_path / "a", ALL, settings)

    def near(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return all(bag_jaccard(a, b, size) >= threshold for a, b in zip(texts(one), texts(other), strict=True))

    kept: list[dict[str, Any]] = []
    expected = set()
    for row in rows:
        if any(near(row, earlier) for earlier in kept):
            expected.add(row["id"])
        else:
            kept.append(row)
    found = removed(tmp_path / "a")
    assert 30 < len(expected) < 150
    assert {row["id"] for row in found} == expected
    by_id = {row["id"]: row for row in rows}
    assert all(near(by_id[row["id"]], by_id[row["twin"]]) for row in found)
    assert {row["twin"] for row in found} <= {row["id"] for row in kept}


PROMPT = "Please explain to a class of ten year old children why the sky is blue at noon and red in the evening hours"
LONG = "It is because light of short waves is scattered by the air far more often than light of long waves ever is"
OTHER = "The sky mirrors the sea and so it takes the colour of the water that lies below it on most days of the year"
SYSTEM = {"role": "system", "content": f"{PROMPT} {LONG} {OTHER} and so on and so forth until the very end of it all"}


def one(name: str, prompt: Any = PROMPT, chosen: str | None = LONG, rejected: str | None = OTHER) -> dict[str, Any]:
    return preference(name, prompt, f"g{name}", chosen=chosen, rejected=rejected)


def asked(content: str) -> list[dict[str, str]]:
    return [SYSTEM, {"role": "user", "content": content}]


PASSAGE = " ".join(f"sentence {i} of a long passage that both questions are about" for i in range(20))

NO_TWINS = {
    "another rejected answer": one("b", rejected="A quite different answer that says nothing of the sky at all"),
    "another chosen answer": one("b", chosen="A quite different answer that says nothing of the sky at all"),
    "another prompt": one("b", prompt="Write down what you know of the rivers of Europe and of the towns on them"),
    "the labels are opposite": one("b", f"{PROMPT} thanks", OTHER, LONG),
    "no rejected answer": one("b", f"{PROMPT} thanks", rejected=None),
    "no chosen answer": one("b", f"{PROMPT} thanks", chosen=None),
}


@pytest.mark.parametrize("case", NO_TWINS)
def test_pairs_that_are_not_near_duplicates(tmp_path: Path, case: str) -> None:
    assert run([one("a"), NO_TWINS[case]], tmp_path / "a", ALL, NEAR)["removed"] == {}


def test_pairs_that_are_near_duplicates(tmp_path: Path) -> None:
    rows = [one("a"), one("b", f"{PROMPT.upper()}!"), one("c", chosen=f"{LONG} today"), one("d", rejected=None)]
    rows += [one("e", f"Please: {PROMPT}?", rejected=None), one("f", chosen=None), one("g", f"{PROMPT}, please", None)]
    run(rows, tmp_path / "a", ALL, NEAR)
    assert [(row["id"], row["twin"]) for row in removed(tmp_path / "a")] == [
        ("b", "a"),
        ("c", "a"),
        ("e", "d"),
        ("g", "f"),
    ]


def test_opposite_labels_of_two_similar_answers_are_not_duplicates(tmp_path: Path) -> None:
    # Both answers are alike: without a look at the other side, chosen would pass for chosen.
    better, worse = f"{LONG} indeed", f"{LONG} never"
    rows = [one("a", chosen=better, rejected=worse), one("b", f"{PROMPT} ?", chosen=worse, rejected=better)]
    assert run(rows, tmp_path / "a", ALL, NEAR)["removed"] == {}


def test_different_edits_of_one_text_are_not_duplicates(tmp_path: Path) -> None:
    rows = [one("a", chosen=LONG.replace("air", "wind"), rejected=LONG)]
    rows += [one("b", chosen=LONG.replace("waves ever is", "waves"), rejected=LONG)]
    assert bag_jaccard(texts(rows[0])[1], texts(rows[1])[1], 1) > 0.8
    settings = CleanSettings(duplicates="near", near=NearDuplicateSettings(shingle=1))
    assert run(rows, tmp_path / "a", ALL, settings)["removed"] == {}


def test_a_shared_system_text_does_not_make_two_questions_one(tmp_path: Path) -> None:
    rows = [one("a", asked("What is the capital of France?")), one("b", asked("Who wrote the Odyssey, and when?"))]
    assert run(rows, tmp_path / "a", ALL, NEAR)["removed"] == {}
    rows = [one("a", asked("What is the capital of France?")), one("b", asked("what is  the capital of france"))]
    assert run(rows, tmp_path / "b", ALL, NEAR)["removed"] == {"near_duplicate": 1}


SHORT = [
    # prompt of the second, answers of the second, whether it is a near-duplicate
    (f"Please: {PASSAGE} Did John go?", ("Yes.", "No."), True),
    (f"{PASSAGE} Did John go? Thanks.", ("Yes.", "No."), True),
    (f"{PASSAGE} Did Mary go?", ("Yes.", "No."), False),  # a word is another
    (f"{PASSAGE} Go did John?", ("Yes.", "No."), False),  # words are moved
    (f"Please: {PASSAGE} Did John go?", ("yes", "No."), False),  # case and punctuation may be what is asked for
    (f"Please: {PASSAGE} Did John go?", ("No.", "Yes."), False),
]


@pytest.mark.parametrize(("prompt", "answers", "expected"), SHORT)
def test_equal_short_answers_do_not_make_changed_questions_duplicates(
    tmp_path: Path, prompt: str, answers: tuple[str, str], expected: bool
) -> None:
    rows = [one("a", f"{PASSAGE} Did John go?", "Yes.", "No."), one("b", prompt, *answers)]
    assert run(rows, tmp_path / "a", ALL, NEAR)["removed"] == ({"near_duplicate": 1} if expected else {})


def test_a_removed_row_is_similar_to_its_twin_itself(tmp_path: Path) -> None:
    # Each text is the one before with three more words of 60 changed. J of neighbours: 49 / 67 = 0.73 at least, of the
    # first and the third less. At 0.7 the second goes, and the third, which is unlike the first, stays.
    rng = random.Random(3)
    chain = [fresh(rng, "0")]
    for name in "12":
        chain.append(again(chain[-1], rng, name, 3))
    limit = 0.7
    similar = [[min(map(bag_jaccard, texts(a), texts(b))) for b in chain] for a in chain]
    assert similar[0][1] > limit
    assert similar[1][2] > limit > similar[0][2]
    run(chain, tmp_path / "a", ALL, CleanSettings(duplicates="near", near=NearDuplicateSettings(threshold=limit)))
    assert [(row["id"], row["twin"]) for row in removed(tmp_path / "a")] == [("1", "0")]


def test_of_many_copies_one_is_kept_without_comparing_all_pairs(tmp_path: Path) -> None:
    rng = random.Random(11)
    first = fresh(rng, "0")
    crowd = [first] + [again(first, rng, f"{i}") for i in range(1, 400)]
    result = run(crowd, tmp_path / "a", ALL, NEAR)
    found = removed(tmp_path / "a")
    # Two copies differ in two words of 60: J = 52 / 64 = 0.81, so any of them may stand for another, and one is left.
    assert len(found) == 399
    assert {row["twin"] for row in found} == {"0"}
    assert result["near"]["compared"] < 400 * 20  # all pairs would be 79,800


def test_near_duplicate_prompts_alone_stay_and_are_on_one_side(tmp_path: Path) -> None:
    # Sixty families of three prompts, each of the last two with one word of the one before changed; answers differ.
    rng = random.Random(13)
    rows = []
    for family in range(60):
        prompt = text(rng, 60)
        for turn in range(3):
            answers = {"chosen": text(rng, 30), "rejected": text(rng, 30)}
            rows.append(preference(f"{family}.{turn}", prompt, f"g{family}.{turn}", **answers))
            prompt = changed(prompt, rng, 1)
    rng.shuffle(rows)
    result = run(rows, tmp_path / "a", SplitSettings(dev=0.25, test=0.25), NEAR)
    assert (result["removed"], result["near"]["tied"]) == ({}, 180)
    assert [result[name] for name in ("train", "dev", "test")] == [90, 45, 45]
    families = [{name.split(".")[0] for name in part(tmp_path / "a", p)} for p in ("train", "dev", "test")]
    assert [len(of_part) for of_part in families] == [30, 15, 15]
    assert len(set.union(*families)) == 60
    # Without the search they are torn apart.
    run(rows, tmp_path / "b", SplitSettings(dev=0.25, test=0.25))
    torn = [{name.split(".")[0] for name in part(tmp_path / "b", p)} for p in ("train", "dev", "test")]
    assert sum(map(len, torn)) > 80


def test_a_group_that_is_entirely_removed_is_not_part_of_the_split(tmp_path: Path) -> None:
    rows, twins = planted(4)
    result = run(rows, tmp_path / "a", SplitSettings(dev=0.1, test=0.2), NEAR)
    assert len(twins) == 100
    assert [result[name] for name in ("train", "dev", "test")] == [210, 30, 60]


def test_one_fixed_text_in_all_prompts_keeps_them_in_train_with_a_note(tmp_path: Path) -> None:
    rng = random.Random(17)
    fixed = text(rng, 80)
    rows = [preference(f"{i}", f"{fixed} {i}", f"a{i}", chosen=text(rng, 20)) for i in range(40)]
    rows += [fresh(rng, f"free{i}") for i in range(60)]
    for seed in range(4):
        result = run(rows, tmp_path / f"{seed}", SplitSettings(dev=0.2, test=0.2, seed=seed), NEAR)
        # 61 families; a fifth of them, 12 each, is held out, and never the one of 40.
        assert (result["dev"], result["test"], result["train"]) == (12, 12, 76)
        assert any("40 of 100 preferences have near-duplicate prompts" in note for note in result["notes"])


def test_exact_duplicates_keep_their_reason(tmp_path: Path) -> None:
    rng = random.Random(19)
    first = fresh(rng, "a")
    rows = [first, again(first, rng, "b"), {**first, "id": "c"}, {**again(first, rng, "d")}]
    run(rows, tmp_path / "a", ALL, NEAR)
    assert [(row["id"], row["reason"], row["twin"]) for row in removed(tmp_path / "a")] == [
        ("b", "near_duplicate", "a"),
        ("c", "duplicate", "a"),
        ("d", "near_duplicate", "a"),
    ]


def test_the_twin_of_a_copy_is_kept_also_where_the_first_of_the_copies_is_not(tmp_path: Path) -> None:
    rng = random.Random(20)
    first = fresh(rng, "a")
    near = again(first, rng, "b")
    result = run([first, near, {**near, "id": "c"}, {**near, "id": "d"}], tmp_path / "a", ALL, NEAR)
    assert part(tmp_path / "a", "train") == ["a"]
    assert [(row["id"], row["reason"], row["twin"]) for row in removed(tmp_path / "a")] == [
        ("b", "near_duplicate", "a"),
        ("c", "duplicate", "a"),
        ("d", "duplicate", "a"),
    ]
    assert [example["twin"] for example in result["examples"]["duplicate"]] == ["a", "a"]


@pytest.mark.parametrize("n", [1, 2])
def test_few_rows_and_empty_texts(tmp_path: Path, n: int) -> None:
    rows = [preference(f"{i}", " ", f"g{i}", chosen="", rejected="👍" if i else "👎") for i in range(n)]
    assert run(rows, tmp_path / "a", ALL, NEAR)["train"] == n


def test_a_missing_library_is_an_error_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    study = {"data_root": str(tmp_path), "sources": [{"name": "s", "path": "a.jsonl", "format": "pairs"}]}
    load(study)
    with pytest.raises(UserError) as caught:
        load({**study, "clean": {"duplicates": "near"}})
    assert "'clean.duplicates: near' needs the package 'rensa'" in str(caught.value)
    assert "pip install 'unipref[dedup]'" in str(caught.value)
    with pytest.raises(UserError, match=r"variants\.less: 'clean\.duplicates: near' needs"):
        load({**study, "variants": {"less": {"clean": {"duplicates": "near"}}}})


def test_settings_out_of_range_are_named() -> None:
    for field, value in (("threshold", 0.4), ("threshold", 1.1), ("shingle", 0), ("permutations", 8)):
        with pytest.raises(ValueError, match=field):
            NearDuplicateSettings(**{field: value})


# The parts it is made of.


def test_bands_are_as_wide_as_recall_allows() -> None:
    # 1 - (1 - 0.8^5)^25 = 1 - 0.67232^25 = 0.99995; with six rows 1 - (1 - 0.8^6)^21 = 0.9983, below 0.999.
    assert bands_and_rows(0.8, 128) == (25, 5)
    assert bands_and_rows(1.0, 128) == (1, 128)
    # 1 - (1 - 0.5^2)^64 = 1 - 1e-8; with three rows 1 - 0.875^42 = 0.9963.
    assert bands_and_rows(0.5, 128) == (64, 2)


def test_candidates_are_the_pairs_that_are_alike() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, size=(200, 100), dtype=np.uint64)
    twins = base.copy()
    twins[:, :5] = rng.integers(0, 2**63, size=(200, 5), dtype=np.uint64)  # J = 95 / 105 = 0.90
    sets = np.concatenate([base, twins])
    sketches = Sketches(0.8, 128)
    for chunk in np.split(sets, 4):
        sketches.add(sketches.compute(chunk.ravel(), np.full(len(chunk), 100)))
    found = {(later, earlier) for later, several in sketches.find_candidates() for earlier in several}
    assert found == {(200 + i, i) for i in range(200)}


def test_shingles_are_bags_of_runs() -> None:
    def count(content: str, size: int) -> tuple[list[int], list[int]]:
        runs, counts = hash_shingles(*hash_texts([content.split()]), size)
        return runs.tolist(), counts.tolist()

    runs, counts = count("a b a b a b", 2)  # a b three times, b a twice: five hashes, all different
    assert (len(set(runs)), counts) == (5, [5])
    assert set(count("a b", 2)[0]) < set(runs)
    assert count("a b", 3)[1] == [1]  # a shorter text is one run
    assert count("a b", 3)[0] != count("b a", 3)[0]
    together, counts = hash_shingles(*hash_texts([["a"], ["a", "b", "a", "b", "a", "b"], ["b", "a"]]), 2)
    assert counts.tolist() == [1, 5, 1]
    assert together.tolist() == count("a", 2)[0] + runs + count("b a", 2)[0]


def test_jaccard_of_bags_is_that_of_its_definition() -> None:
    rng = random.Random(23)
    contents = [" ".join(rng.choices("abcd", k=rng.randint(1, 30))) for _ in range(60)]
    for one_text, other_text in pairwise(contents):
        sets = [np.sort(hash_shingles(*hash_texts([content.split()]), 3)[0]) for content in (one_text, other_text)]
        assert jaccard(*sets) == pytest.approx(bag_jaccard(one_text, other_text))


def test_words_of_prompts_and_answers() -> None:
    assert prompt_words("Is  3 + 4 = 7, “really”?") == ["is", "3", "+", "4", "=", "7", "really"]
    assert answer_words('"Yes, IT is."') == ['"', "Yes", ",", "IT", "is", ".", '"']
    assert prompt_words("...?!") == ["...?!"]
    assert answer_words("") == [""]
    assert prompt_words("你好 world") == ["你", "好", "world"]


ADDED = [
    ("a b c d", "a b c d", True),
    ("a b c d", "please a b c d thanks", True),
    ("a b c d", "a b x c d", True),
    ("please a b c d", "a b c d thanks", True),
    ("a b c d", "a b x d", False),
    ("a b c d", "a c b d", False),
    ("please a b c d", "hello a b c d", False),
]


@pytest.mark.parametrize(("first", "second", "expected"), ADDED)
def test_words_added(first: str, second: str, expected: bool) -> None:
    (one_text, _), (other_text, _) = (hash_texts([content.split()]) for content in (first, second))
    assert only_adds_words(one_text, other_text) is expected
    assert only_adds_words(other_text, one_text) is expected


def test_duplicates_of_the_built_in_world_are_removed_for_the_right_reason(tmp_path: Path) -> None:
    from unipref import demo, unify_feedback
    from unipref.demo import Truth

    sizes = demo.FeedbackSizes(pairs=150, multiple_choice=80, ratings=60, tree=40, thumbs=60)
    demo.write_data(tmp_path, demo.World(documents=1, feedback=sizes))
    study = {
        "data_root": str(tmp_path),
        "sources": [{"name": "d", "path": "feedback/pairs.jsonl", "format": "pairs"}],
        "clean": {"duplicates": "near"},
    }
    unify_feedback(study, tmp_path / "run")
    by_id = {row["id"]: row for row in pq.read_table(tmp_path / "run/unified/preferences.parquet").to_pylist()}
    truth = Truth(tmp_path)
    found = pq.read_table(tmp_path / "run/clean/removed.parquet").to_pylist()
    assert len(found) >= 10  # 15 questions come twice more; about two in three copies have the original's label

    def same(row: dict[str, Any]) -> tuple[Any, ...]:
        return truth.original(row), row["chosen"], row["rejected"]

    assert all(same(by_id[row["id"]]) == same(by_id[row["twin"]]) for row in found)
