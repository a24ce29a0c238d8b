"""Every figure of a hand-made run, worked out by hand."""

import json

import pytest
from rich.console import Console

import unipref
from support.audit_rows import preference, reject
from unipref.analysis.audit import audit, render_terminal
from unipref.core import records
from unipref.core.errors import UserError
from unipref.core.stats.wilson import wilson
from unipref.core.text_keys import root_key

ROWS = [
    preference("a", "a:1", "First?", "aa bb cc", "aa"),
    preference("a", "a:2", "First?", "aa bb cc", "aa"),  # as a:1
    preference("a", "a:3", "First?", "aa", "aa bb cc"),  # a:1 the other way round
    preference("a", "a:4", "Second?", "x", None),
    preference("a", "a:5", "Second?", None, "x"),  # a:4 the other way round
    preference("b", "b:1", "First?", "aa bb cc", "aa"),  # as a:1
    preference("b", "b:2", "  FIRST? ", "one", "three words here"),  # the same root prompt, other texts
    preference("b", "b:3", "Third?", "same", "long"),
]


def pages(run, **options):
    return {page.source: page for page in audit(run, **options).sources}


def test_duplicates_are_the_same_texts_with_the_same_label(make_run):
    found = pages(make_run(ROWS))
    assert (found["a"].repeats.within, found["a"].repeats.across) == (1, {"b": 1})
    assert found["a"].repeats.examples == [("a:2", "a:1"), ("a:1", "b:1")]
    assert (found["b"].repeats.within, found["b"].repeats.across) == (0, {"a": 1})
    assert found["b"].repeats.examples == [("b:1", "a:1")]


def test_opposites_are_the_same_texts_with_the_other_label(make_run):
    found = pages(make_run(ROWS))
    # In a, the pair of First? is there three times and the answer x twice: both also the other way round.
    assert (found["a"].opposites.again, found["a"].opposites.within) == (2, 2)
    assert found["a"].opposites.across == {"b": 1}
    assert found["a"].opposites.examples == [("a:1", "a:3"), ("a:4", "a:5"), ("a:3", "b:1")]
    assert (found["b"].opposites.again, found["b"].opposites.within) == (0, 0)
    assert found["b"].opposites.across == {"a": 1}
    assert found["b"].opposites.examples == [("b:1", "a:3")]


def test_turns_and_texts_cannot_be_shifted_into_each_other(make_run):
    rows = [preference("a", "a:1", "P", "one", "two"), preference("a", "a:2", "Pone", "", "two")]
    rows.append(preference("a", "a:3", "P", "one\x1ftwo", None))
    page = pages(make_run(rows))["a"]
    assert (page.repeats.within, page.opposites.within, page.opposites.again) == (0, 0, 0)


def test_prompts_are_shared_by_their_normalised_root(make_run):
    found = pages(make_run(ROWS))
    assert (found["a"].prompts.different, found["a"].prompts.shared) == (2, {"b": 1})
    assert (found["b"].prompts.different, found["b"].prompts.shared) == (2, {"a": 1})
    assert found["b"].prompts.examples == [("b:1", "a:1")]
    assert found["a"].prompts.leaks is None


def test_the_root_is_what_the_column_group_is_made_of():
    turns = [("system", "Be kind."), ("user", " A  Question?\n"), ("assistant", "Yes."), ("user", "More?")]
    prompt = [{"role": role, "content": content} for role, content in turns]
    feedback = records.Feedback(prompt=prompt, responses=[])
    same = records.Feedback(prompt=[{"role": "user", "content": "a question?"}], responses=[])
    assert root_key(feedback, "one") == root_key(same, "other")


def test_lengths_are_counted_and_their_ratio_is_geometric(make_run):
    length = pages(make_run(ROWS))["a"].length
    # Three pairs of 8 and 2 characters, 3 words and 1: twice the longer is chosen, once the shorter.
    assert length.pairs == 3
    assert (length.characters.longer, length.characters.shorter, length.characters.equal) == (2, 1, 0)
    assert length.characters.share == pytest.approx(2 / 3)
    assert (length.characters.low, length.characters.high) == pytest.approx((0.207655, 0.938510), abs=1e-5)
    assert length.characters.ratio == pytest.approx((4 * 4 / 4) ** (1 / 3))
    assert length.words.ratio == pytest.approx((3 * 3 / 3) ** (1 / 3))
    assert length.verdict == "too_few"


def test_equal_lengths_are_in_the_ratio_but_not_in_the_share(make_run):
    length = pages(make_run(ROWS))["b"].length
    # 8 against 2, 3 against 16, 4 against 4 characters.
    assert (length.characters.longer, length.characters.shorter, length.characters.equal) == (1, 1, 1)
    assert length.characters.share == 0.5
    assert length.characters.ratio == pytest.approx((8 / 2 * 3 / 16) ** (1 / 3))


@pytest.mark.parametrize(
    ("longer", "shorter", "verdict"),
    [
        (61, 39, "longer"),  # 61 %, Wilson [51.2, 70.0]
        (39, 61, "shorter"),
        (60, 40, "none"),  # not above 60 %
        (19, 11, "none"),  # 63 %, but Wilson [45.5, 78.1] holds 50 %
        (19, 0, "too_few"),
        (20, 0, "longer"),
    ],
)
def test_a_length_bias_is_named_beyond_both_thresholds(make_run, longer, shorter, verdict):
    rows = [preference("a", f"a:{i}", f"{i}?", "longer one", "short") for i in range(longer)]
    rows += [preference("a", f"b:{i}", f"{i}?", "short", "longer one") for i in range(shorter)]
    assert pages(make_run(rows))["a"].length.verdict == verdict


def test_wilson_against_published_values():
    # Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_counts_rejects_and_ties(make_run):
    rejects = [
        reject("a", "row", "empty_response", "a:7", "answer"),
        reject("a", "group", "tie", "a:8"),
        reject("a", "group", "tie", "a:9"),
        reject("a", "row", "empty_response", "a:10"),
        reject("a", "row", "bad_label", "a:11"),
        reject("a", "group", "contradiction", "a:12"),
        reject("a", "preference", "below_min_margin", "a:13"),
    ]
    page = pages(make_run(ROWS, rejects))["a"]
    assert (page.counts.rows, page.counts.used, page.counts.rejected) == (11, 8, 3)
    assert (page.counts.groups, page.counts.projected, page.counts.groups_rejected) == (8, 5, 3)
    assert (page.counts.preferences, page.counts.pairs, page.counts.only_chosen, page.counts.only_rejected) == (
        5,
        3,
        1,
        1,
    )
    assert page.counts.faults == []
    assert [(r.level, r.reason, r.count, r.example, r.detail) for r in page.rejects] == [
        ("row", "empty_response", 2, "a:7", "field 'answer': why"),
        ("row", "bad_label", 1, "a:11", "why"),
        ("group", "tie", 2, "a:8", "why"),
        ("group", "contradiction", 1, "a:12", "why"),
        ("preference", "below_min_margin", 1, "a:13", "why"),
    ]
    assert (page.ties.ties, page.ties.contradictions, page.ties.groups) == (2, 1, 8)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rows": 6}, "6 rows are not 5 used + 0 rejected"),
        ({"projected": 4}, "5 groups are not 4 projected + 0 rejected"),
        ({"preferences": 6}, "6 preferences in the manifest, 5 in preferences.parquet"),
        ({"parts_rejected": {"tie": 1}}, "parts_rejected is {'tie': 1} in the manifest, {} in rejects.parquet"),
    ],
)
def test_counts_that_do_not_add_up_are_listed(make_run, changes, fault):
    found = audit(make_run(ROWS, a=changes))
    assert found.sources[0].counts.faults == [fault]
    assert found.notable[0] == f"a: the counts do not add up: {fault}"
    assert found.sources[1].counts.faults == []


def test_what_going_binary_costs(make_run):
    # Two prompts with four ranked answers have 2 * 6 ordered pairs; 2 * 3 neighbours kept imply the other 2 * 3.
    page = pages(make_run(ROWS, a={"ordered_pairs": 12, "kept_pairs": 6, "implied_pairs": 5}))["a"]
    assert (page.cost.ordered, page.cost.kept, page.cost.implied, page.cost.lost) == (12, 6, 5, 1)


def test_what_is_notable_is_said_in_words(make_run):
    rejects = [reject("a", "group", "tie", f"a:{i}") for i in range(2)]
    said = audit(make_run(ROWS, rejects, b={"polarity": POLARITY})).notable
    assert said == [
        "a: 29 % of its groups are ties",
        "a: 2 pairs have opposite labels within the source",
        "a: 1 pair has the opposite label in b",
        "a: 1 preference repeats an earlier one",
        "b: the labels contradict the data: 1 of 9",
        "b: 1 pair has the opposite label in a",
    ]


POLARITY = {"verdict": "contradicts", "why": "1 of 9", "agree": 1, "against": 8, "by_axis": {"help": [1, 8]}}


def test_the_page_fits_eighty_columns_and_says_the_figures(make_run, capsys):
    found = audit(make_run(ROWS, [reject("a", "row", "bad_label", "a:6")], b={"polarity": POLARITY}))
    Console(width=80, highlight=False).print(render_terminal(found))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    for figure in (
        "rows 6 = 5 used + 1 rejected",
        "preferences 5 = 3 pairs + 1 chosen only + 1 rejected only",
        "rejects 1 bad_label (row), first a:6: why",
        "duplicates 1 within, 1 with b a:2 ~ a:1",
        "opposites 2 within, of 2 pairs judged again, 1 with b",
        "chosen longer 66.7 % [20.8, 93.9] of 3 that differ, mean ratio 1.59",
        "3 ordered pairs in the data: 3 kept, 0 implied by them, 0 lost (0.0 %)",
        "contradicts: 1 of 9 (for:against help 1:8)",
        "Worth a look",
    ):
        assert figure in said


def test_a_run_without_preferences_of_a_source_is_audited(make_run):
    page = pages(make_run(ROWS, [reject("c", "row", "no_order", "c:1")]))["c"]
    assert (page.counts.preferences, page.prompts.different, page.languages.sampled) == (0, 0, 0)
    assert page.length.characters.share is None


def test_from_python_the_answer_is_json(make_run):
    told = unipref.audit_run(make_run(ROWS))
    assert json.loads(json.dumps(told)) == told
    assert told["pages"][0]["opposites"]["across"] == {"b": 1}


def test_a_folder_that_is_no_run_is_refused(tmp_path, make_run):
    with pytest.raises(UserError, match=r"no manifest\.json"):
        audit(tmp_path)
    run = make_run(ROWS)
    whole = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(whole.replace("implied_pairs", "implied"))
    with pytest.raises(UserError, match=r"lack implied_pairs: another version"):
        audit(run)
    (run / "manifest.json").write_text(whole.replace('"b": {', '"c": {'))
    with pytest.raises(UserError, match="a row is of source 'b', which is missing"):
        audit(run)
    (run / "manifest.json").write_text(whole)
    (run / "unified" / "preferences.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(UserError, match="cannot be read"):
        audit(run)
    (run / "unified" / "rejects.parquet").unlink()
    with pytest.raises(UserError, match="the run has no unified preferences"):
        audit(run)
